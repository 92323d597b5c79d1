import { afterEach, expect, it, vi } from "vitest";

import { counting } from "../../../src/texts/plural";

afterEach(() => void vi.restoreAllMocks());

it.each([
  ["en", "1 task", "2 tasks", "10,000 tasks"],
  ["de", "1 task", "2 tasks", "10.000 tasks"],
])("counts in %s", (locale, ...texts) => {
  const { many } = counting(locale);
  expect([1, 2, 10_000].map((n) => many(n, "task", "tasks"))).toEqual(texts);
});

it("makes no format for small numbers, since the first one takes long", () => {
  const format = vi.spyOn(Intl, "NumberFormat");
  const { many } = counting("en");
  many(999, "task", "tasks");
  expect(format).not.toHaveBeenCalled();
  many(1000, "task", "tasks");
  many(2000, "task", "tasks");
  expect(format).toHaveBeenCalledTimes(1);
});
