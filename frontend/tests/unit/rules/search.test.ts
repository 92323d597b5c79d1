import { describe, expect, it, test } from "vitest";

import { nameKey } from "../../../src/rules/names";
import { fold, searcher } from "../../../src/rules/search";

// The same as in the server's tests of words.
test.each([
  ["Buy MILK, two litres.", "buy milk two litres"],
  ["snake_case e-mail don't 3.14", "snake case e mail don t 3 14"],
  ["Crème brûlée à la Ærø", "creme brulee a la æro"],
  ["Łódź, Đặng, smørrebrød", "lodz dang smorrebrod"],
  ["STRASSE Straße", "strasse strasse"],
  ["ISI ısı İSİ", "isi isi isi"],
  ["ΑΓΟΡΆ ἄγαλμα ᾳ λόγος", "αγορα αγαλμα α λογοσ"],
  ["Ёлка", "елка"],
  ["שָׁלוֹם", "שלום"],
  ["مُحَمَّد", "محمد"],
  ["ख़रीदो दूध", "खरीदो दूध"],
  ["우유를 사기", "우유를 사기"],
  ["買牛奶", "買 牛 奶"],
  ["ガラスの靴", "ガ ラ ス の 靴"],
  ["ซื้อนม", "ซ ื ้ อ น ม"],
  ["milk牛奶2", "milk 牛 奶 2"],
  ["ﬁle ② ｆｕｌｌ", "file 2 full"],
  ["co\u00adop \u200eleft a\u200bb", "coop left a b"],
  ["❤️ 1️⃣ 👨‍👩‍👧", "1"],
  ["a".repeat(100), "a".repeat(64)],
])("%j folds to its words", (text, words) => expect(fold(text)).toBe(` ${words} `));

test.each(["", "'\"\\:*&|!()<->", "…"])("%j has no words", (text) => expect(fold(text)).toBe(" "));

test("names are compared by case, not by accents", () => {
  expect(nameKey("STRASSE")).toBe(nameKey("Straße"));
  expect(nameKey("STRAẞE")).toBe(nameKey("straße"));
  expect(nameKey("ΟΔΟΣ")).toBe(nameKey("οδος"));
  expect(nameKey("ΟΔΟΣΗΜΑ").startsWith(nameKey("ΟΔΟΣ"))).toBe(true);
  expect(nameKey("Cafe\u0301")).toBe(nameKey("café"));
  expect(nameKey("cafe")).not.toBe(nameKey("café"));
  expect(nameKey("ısı")).not.toBe(nameKey("isi"));
});

describe("search", () => {
  const milk = { title: "Buy oat milk", description: "Two litres, from ada@example.com" };
  test.each([
    ["oat milk", true],
    ["MILK oat", true],
    ["mil", true],
    ["mil oat", false],
    ["oat mil", true],
    ['"oat milk"', true],
    ['"milk oat"', false],
    ['"oat mil"', false],
    ['"oat mil', true],
    ["ada@example.com", true],
    ["example@ada", false],
    ["milk -oat", false],
    ["milk -soy", true],
    ['milk -"oat milk"', false],
    ['milk -"milk oat"', true],
    ["-soy", true],
    ["--oat", true],
    ["milk-oat", false],
    ['"milk two"', false],
    ["lítres", true],
    ["-mil milk", true],
    ["milk -lit", true],
    ["", false],
    ["!", false],
  ])("%j: %s", (query, isFound) => expect(searcher(query)(milk)).toBe(isFound));

  it("finds the beginning of the last plain word, even if it occurs twice", () => {
    expect(searcher("mil mil")({ title: "mil milk", description: null })).toBe(true);
  });
});
