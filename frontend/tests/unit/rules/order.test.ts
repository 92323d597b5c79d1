import { describe, expect, it, test } from "vitest";

import { appendedKey, byPosition, keyBetween, keysBetween, lastKey } from "../../../src/rules/order";
import { vectors } from "./vectors";

interface Vectors {
  between: { after: string | null; before: string | null; key: string }[];
  appended: { revision: number; key: string }[];
}
const { between, appended } = vectors<Vectors>("order_keys");

test.each(between)("between $after and $before is $key", ({ after, before, key }) =>
  expect(keyBetween(after, before)).toBe(key),
);
test.each(appended)("revision $revision appends $key", ({ revision, key }) =>
  expect(appendedKey(revision)).toBe(key),
);

describe("order", () => {
  it("puts several keys between two, in order", () => {
    const keys = ["g0000001", ...keysBetween("g0000001", "g0000002", 40), "g0000002"];
    expect(keys).toEqual([...new Set(keys)].sort());
  });
  it("goes after two siblings that have the same key", () => {
    expect(keyBetween("a1", "a1") > "a1").toBe(true);
  });
  it("compares by code point, then by id", () => {
    const rows = [
      { position: "a1", id: "2" },
      { position: "Zz", id: "9" },
      { position: "a1", id: "1" },
    ];
    expect(rows.sort(byPosition).map((row) => row.id)).toEqual(["9", "1", "2"]);
  });
});

test("a provisional last key is after what the server appends, and after the one before", () => {
  const first = lastKey(appendedKey(62 ** 7 - 1));
  const second = lastKey(first);

  expect(first > appendedKey(62 ** 7 - 1)).toBe(true);
  expect(second > first).toBe(true);
  expect(keyBetween(first, second) > first).toBe(true);
  expect(lastKey("z".repeat(27) + "V") > "z".repeat(27) + "V").toBe(true);
});
