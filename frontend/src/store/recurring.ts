/** The state of a recurring task after a completion or a skip, shown until the server responds. */
import { addDays, daysBetween } from "../rules/dates";
import type { Fields } from "./entries";
import type { Task } from "./types";

/** Finds the occurrence after the present one, or null where the rule ends. */
export type Following = (
  task: Task,
  act: "complete" | "skip",
  day: string,
  done: readonly string[],
) => string | null;

/** The dates of rules are in a chunk of their own; until it is there, nothing is predicted. */
let following: Following | null = null;

/** Fetches the dates of rules, so that predictions begin. */
export async function startPredicting(): Promise<void> {
  ({ following } = await import("../rules/recurrence"));
}

/**
 * The fields of a recurring task after an occurrence, as far as they can be known here. `done` are
 * the occurrences that were completed before.
 */
export function movedOn(
  task: Task,
  act: "complete" | "skip",
  day: string,
  now: string,
  done: readonly string[],
): Fields {
  const ended = { is_completed: true, completed_at: now };
  if (!following || !task.recurrence || !task.due) return ended;
  const next = following(task, act, day, done);
  if (next === null) return ended;
  const days = daysBetween(task.due.date, next);
  const { remaining } = task.recurrence;
  return {
    due: { ...task.due, date: next },
    start: task.start && { ...task.start, date: addDays(task.start.date, days) },
    recurrence: {
      ...task.recurrence,
      occurrence: next,
      remaining: remaining === null ? null : remaining - 1,
    },
  };
}
