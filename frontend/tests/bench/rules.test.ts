/** The time of rules that run while a person types. */
import { expect, test } from "vitest";

import { quickAdd } from "../../src/rules/quickadd";
import { english } from "../../src/rules/quickadd.en";
import { searcher } from "../../src/rules/search";
import { vectors } from "../unit/rules/vectors";

const { context, cases } = vectors<{
  context: { now: string; lists: []; sections: []; labels: [] };
  cases: { language: string; text: string }[];
}>("quick_add");

const read = (text: string) => quickAdd(text, { ...context, language: english });

test("a line of quick add is read in a millisecond", () => {
  const texts = cases.filter((one) => one.language === "en").map((one) => one.text);
  texts.forEach(read);
  const begin = performance.now();
  texts.forEach(read);
  const each = (performance.now() - begin) / texts.length;
  console.log({ each });
  expect(each).toBeLessThan(1);
});

test("a long line of quick add takes no more than its share", () => {
  const begin = performance.now();
  read("every monday at 5 and @x #home /x until ( ".repeat(200));
  expect(performance.now() - begin).toBeLessThan(1000);
});

test("10,000 tasks are searched within a frame or two", () => {
  const tasks = Array.from({ length: 10_000 }, (_, n) => ({
    title: `Größe ${n} prüfen`,
    description: "Crème brûlée ".repeat(5),
  }));
  const isFound = searcher("prufen 77");
  tasks.filter(isFound);
  const begin = performance.now();
  expect(tasks.filter(isFound).length).toBe(111);
  const took = performance.now() - begin;
  console.log({ took });
  expect(took).toBeLessThan(50);
});
