/**
 * Recurring tasks: what setting a rule, completing and skipping do. All days are local: "today" is
 * the day in the zone of the task's due date, or of its user.
 */
import { addDays, daysBetween } from "./dates";
import { InvalidRule, isRule, parseRule, type Rule } from "./rule";
import { dates, firstDate } from "./ruledates";

export { dates, firstDate, InvalidRule, isRule, parseRule };
export type { Rule };

export type Anchor = "due" | "completion";

/** How many completed occurrences in the future are looked at: the last ones. */
export const MAX_COMPLETED = 100;

/** The state of a recurring task that is open. */
export interface RecurrenceState {
  readonly rule: string;
  /** Whether the next date follows the due date, or is counted from the day of completion. */
  readonly anchor: Anchor;
  /** The day that INTERVAL and implied days count from, if the anchor is `due`. */
  readonly from: string;
  /** The rule's date that is due now. Rescheduling changes `due`, and keeps this. */
  readonly occurrence: string;
  /** How many completions and skips COUNT has left, this occurrence included. */
  readonly remaining: number | null;
  readonly due: string;
  /** The day of the task's `start`. It moves by as many days as `due`. */
  readonly start: string | null;
}

export interface RuleChange {
  readonly rule: string;
  readonly anchor: Anchor;
  readonly due: string;
  /** The due date by default. */
  readonly from?: string | null;
  readonly start?: string | null;
}

/**
 * The state after a rule is set. It begins with the due date, or continues `former` if that has the
 * same `from` and a rule that differs at most in its end: then only a different COUNT begins again.
 * Throws `InvalidRule`, also if the rule has no date from `from` on.
 */
export function setRule(
  change: RuleChange,
  former: RecurrenceState | null = null,
): RecurrenceState {
  const rule = parseRule(change.rule);
  let { due: occurrence, from } = change;
  let remaining = rule.count;
  if (former && continues(former, rule, from ?? null)) {
    ({ occurrence, from } = former);
    if (rule.count === parseRule(former.rule).count) remaining = former.remaining;
  }
  from ??= change.due;
  if (firstDate(rule, from) === null) throw new InvalidRule();
  const { anchor, due, start = null } = change;
  return { rule: change.rule, anchor, from, occurrence, remaining, due, start };
}

/** Whether a rule has the dates of the former one, up to their ends. */
function continues(former: RecurrenceState, rule: Rule, from: string | null): boolean {
  const withoutEnd = (one: Rule) => JSON.stringify({ ...one, count: null, until: null });
  const isFromKept = from === null || from === former.from;
  return isFromKept && withoutEnd(rule) === withoutEnd(parseRule(former.rule));
}

/**
 * The state after the occurrence is completed on a day, or null if the rule ends with it: then the
 * task itself is completed. `done` are the occurrences that were completed before.
 */
export function completeOccurrence(
  state: RecurrenceState,
  completedOn: string,
  done: readonly string[] = [],
): RecurrenceState | null {
  return state.anchor === "due"
    ? nextByDue(state, completedOn)
    : nextByCompletion(state, completedOn, done);
}

/**
 * The state after the occurrence is skipped, or null if the rule ends with it. With the anchor
 * `completion`, an occurrence in the future is skipped as if it were completed on its date, or on its
 * due date if that is later: counted from today, the next one could be earlier.
 */
export function skipOccurrence(
  state: RecurrenceState,
  today: string,
  done: readonly string[] = [],
): RecurrenceState | null {
  if (state.anchor === "due") return nextByDue(state, today);
  return nextByCompletion(state, latest(today, state.due, state.occurrence), done);
}

/** The state after the newest completion is undone, by the dates of the completed copy. */
export function reopenOccurrence(
  state: RecurrenceState,
  copy: { occurrence: string; due: string; start: string | null },
): RecurrenceState {
  let { remaining } = state;
  // The completion may be older than the rule, which then has all of its count.
  if (remaining !== null)
    remaining = Math.min(remaining + 1, parseRule(state.rule).count ?? Infinity);
  return { ...state, ...copy, remaining };
}

/** The next dates of a state, this occurrence included: what a preview shows. */
export function nextDates(state: RecurrenceState, count: number): string[] {
  const found = [state.due];
  const limit = Math.min(count, state.remaining ?? count);
  for (const day of dates(parseRule(state.rule), state.from, latest(state.occurrence, state.due))) {
    if (found.length >= limit) break;
    found.push(day);
  }
  return found.slice(0, limit);
}

function nextByDue(state: RecurrenceState, day: string): RecurrenceState | null {
  const after = latest(state.occurrence, state.due, addDays(day, -1));
  return moved(state, dates(parseRule(state.rule), state.from, after).next().value ?? null);
}

function nextByCompletion(
  state: RecurrenceState,
  completedOn: string,
  done: readonly string[],
): RecurrenceState | null {
  // Early completions may lead back to the date that they complete, or to one before it. No date
  // may come twice, or a retry of its completion would complete the task again.
  const after = done.length >= MAX_COMPLETED ? latest(completedOn, ...done) : completedOn;
  for (const day of dates(parseRule(state.rule), completedOn, after)) {
    if (day !== state.occurrence && !done.includes(day)) return moved(state, day);
  }
  return null;
}

function moved(state: RecurrenceState, to: string | null): RecurrenceState | null {
  if (to === null || state.remaining === 1) return null;
  return {
    ...state,
    occurrence: to,
    remaining: state.remaining === null ? null : state.remaining - 1,
    due: to,
    start: state.start && addDays(state.start, daysBetween(state.due, to)),
  };
}

function latest(...days: readonly string[]): string {
  return days.reduce((last, day) => (day > last ? day : last));
}

interface RecurringTask {
  readonly due: { readonly date: string } | null;
  readonly start: { readonly date: string } | null;
  readonly recurrence: Omit<RecurrenceState, "due" | "start"> | null;
}

/** The state of a task, or null if it does not recur. */
export function recurrenceOf(task: RecurringTask): RecurrenceState | null {
  if (!task.recurrence || !task.due) return null;
  return { ...task.recurrence, due: task.due.date, start: task.start?.date ?? null };
}

/** The date of the occurrence after the present one, or null if the rule ends with it. */
export function following(
  task: RecurringTask,
  act: "complete" | "skip",
  day: string,
  done: readonly string[] = [],
): string | null {
  const state = recurrenceOf(task);
  if (!state) return null;
  const next = act === "complete" ? completeOccurrence : skipOccurrence;
  return next(state, day, done)?.due ?? null;
}
