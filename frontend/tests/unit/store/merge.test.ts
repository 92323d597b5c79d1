import { expect, test } from "vitest";

import { merge } from "../../../src/store/merge";

const due = (date: string) => ({ date, time: null, timezone: null });

test("different fields: both stay", () => {
  const base = { priority: 1 };
  expect(merge(base, { priority: 2 }, { priority: 1, title: "theirs" })).toEqual({
    data: { priority: 2 },
    texts: [],
    replaced: [],
  });
});

test("the same value on both: nothing is left to send", () => {
  expect(merge({ due: null }, { due: due("2026-12-05") }, { due: due("2026-12-05") })).toEqual({
    data: {},
    texts: [],
    replaced: [],
  });
});

test("the same small field: ours is sent, and what it replaces is reported", () => {
  const [mine, theirs] = [due("2026-12-06"), due("2026-12-05")];
  expect(merge({ due: null }, { due: mine }, { due: theirs })).toEqual({
    data: { due: mine },
    texts: [],
    replaced: [{ field: "due", mine, theirs }],
  });
});

test.for(["title", "description"])("the same %s: ours is sent, the person decides", (field) => {
  expect(merge({ [field]: "old" }, { [field]: "mine" }, { [field]: "theirs" })).toEqual({
    data: { [field]: "mine" },
    texts: [{ field, mine: "mine", theirs: "theirs" }],
    replaced: [],
  });
});

test("labels merge as a set", () => {
  const result = merge(
    { label_ids: ["a", "b"] },
    { label_ids: ["a", "c"] },
    { label_ids: ["a", "b", "d"] },
  );
  expect(result).toEqual({
    data: { add_label_ids: ["c"], remove_label_ids: ["b"] },
    texts: [],
    replaced: [],
  });
  expect(merge({ label_ids: ["a"] }, { label_ids: ["b"] }, { label_ids: ["b"] }).data).toEqual({});
});

test("metadata merges by key", () => {
  const { data, replaced } = merge(
    { metadata: { a: 1 } },
    { metadata: { a: 2, b: null } },
    { metadata: { a: 3, c: 4 } },
  );
  expect({ data, replaced }).toEqual({ data: { metadata: { a: 2 } }, replaced: [] });
});

test("a recurring task that has only moved on does not conflict", () => {
  const rule = (anchor: string) => ({ rule: "FREQ=DAILY", anchor, from: "2026-11-01" });
  const base = { recurrence: { ...rule("due"), occurrence: "2026-11-27", remaining: null } };
  const theirs = { recurrence: { ...rule("due"), occurrence: "2026-11-28", remaining: null } };
  const { texts, replaced } = merge(base, { recurrence: rule("completion") }, theirs);
  expect([texts, replaced]).toEqual([[], []]);
});
