import { expect, test } from "vitest";

import { COLORS, hexColor } from "../../../src/parts/colors";
import { deMore } from "../../../src/texts/de";
import { enMore } from "../../../src/texts/en-more";

test("a colour is typed with or without #, in short and in capitals", () => {
  expect(["#2E8B7A", "2e8b7a", " #abc "].map(hexColor)).toEqual(["#2e8b7a", "#2e8b7a", "#aabbcc"]);
  expect(["", "#", "#12345", "#1234567", "#12345g", "red", "#abcd"].map(hexColor)).toEqual(Array(7).fill(null));
});

test("each colour that is offered has a name, and is stored as it is", () => {
  expect([enMore.colors.length, deMore.colors.length]).toEqual([COLORS.length, COLORS.length]);
  expect(COLORS.map(hexColor)).toEqual(COLORS);
});
