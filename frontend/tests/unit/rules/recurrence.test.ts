import { describe, expect, it, test } from "vitest";

import {
  completeOccurrence,
  dates,
  firstDate,
  following,
  InvalidRule,
  nextDates,
  parseRule,
  type RecurrenceState,
  reopenOccurrence,
  type RuleChange,
  setRule,
  skipOccurrence,
} from "../../../src/rules/recurrence";
import { vectors } from "./vectors";

type Shown = Partial<RecurrenceState> | null;
interface Vectors {
  dates: {
    name: string;
    rule: string;
    from: string;
    after: string | null;
    dates: string[];
    ends: boolean;
  }[];
  invalid_rules: { name: string; rule: string }[];
  begin: ({ name: string; then: Shown } & RuleChange)[];
  change: { name: string; state: RecurrenceState; to: RuleChange; then: Shown }[];
  move: {
    name: string;
    action: "complete" | "skip";
    state: RecurrenceState;
    today: string;
    completed_on: string | null;
    then: Shown;
  }[];
  reopen: {
    name: string;
    state: RecurrenceState;
    copy: { occurrence: string; due: string; start: string | null };
    then: Shown;
  }[];
}
const cases = vectors<Vectors>("recurrence");

/** The part of a state that a step changes. */
function shown(state: RecurrenceState | null): Shown {
  if (!state) return null;
  const { due, occurrence, remaining, start } = state;
  return { due, occurrence, remaining, start };
}

/** The state that is set, or null if the rule is rejected. */
function set(change: RuleChange, former?: RecurrenceState): Shown {
  try {
    const state = setRule(change, former);
    return { from: state.from, ...shown(state) };
  } catch (error) {
    if (error instanceof InvalidRule) return null;
    throw error;
  }
}

describe("vectors", () => {
  test.each(cases.dates)("dates: $name", ({ rule, from, after, dates: expected, ends }) => {
    const found = dates(parseRule(rule), from, after);
    expect(expected.map(() => found.next().value)).toEqual(expected);
    if (ends) expect(found.next().done).toBe(true);
    if (after === null) expect(firstDate(parseRule(rule), from)).toBe(expected[0] ?? null);
  });
  test.each(cases.invalid_rules)("invalid rule: $name", ({ rule }) =>
    expect(() => parseRule(rule)).toThrow(InvalidRule),
  );
  test.each(cases.begin)("begin: $name", ({ rule, anchor, due, from, then }) =>
    expect(set({ rule, anchor, due, from })).toEqual(then),
  );
  test.each(cases.change)("change: $name", ({ state, to, then }) =>
    expect(set({ ...to, due: state.due, start: state.start }, state)).toEqual(then),
  );
  test.each(cases.move)("$action: $name", ({ action, state, today, completed_on, then }) => {
    const moved =
      action === "complete"
        ? completeOccurrence(state, completed_on ?? today)
        : skipOccurrence(state, today);
    expect(shown(moved)).toEqual(then);
  });
  test.each(cases.reopen)("reopen: $name", ({ state, copy, then }) =>
    expect(shown(reopenOccurrence(state, copy))).toEqual(then),
  );
});

describe("previews", () => {
  const state = setRule({
    rule: "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU",
    anchor: "due",
    due: "2026-12-01",
  });
  it("begin with the date that is due", () => {
    expect(nextDates(state, 3)).toEqual(["2026-12-01", "2026-12-15", "2026-12-29"]);
  });
  it("end with COUNT", () => {
    const short = setRule({ rule: "FREQ=DAILY;COUNT=2", anchor: "due", due: "2026-12-01" });
    expect(nextDates(short, 5)).toEqual(["2026-12-01", "2026-12-02"]);
  });
  it("find the next date of a task", () => {
    const { due, start: _, ...recurrence } = state;
    const task = { due: { date: due }, start: null, recurrence };
    expect(following(task, "complete", "2026-12-02")).toBe("2026-12-15");
    expect(following({ ...task, recurrence: null }, "skip", "2026-12-02")).toBeNull();
  });
  it("do not lead to an occurrence that was completed before", () => {
    const daily = setRule({ rule: "FREQ=DAILY", anchor: "completion", due: "2026-12-03" });
    const next = completeOccurrence(daily, "2026-12-01", ["2026-12-02"]);
    expect(next?.due).toBe("2026-12-04");
  });
});
