/** What completing or skipping an occurrence shows until the server answers. */
import type { Fields } from "./entries";
import type { Task } from "./types";

/** Finds the occurrence after the present one, or null where the rule ends. */
export type Following = (
  task: Task,
  act: "complete" | "skip",
  day: string,
) => string | null;

let following: Following | null = null;

/** The dates of rules are in a chunk of their own; until it is there, nothing is predicted. */
export function predictWith(rule: Following): void {
  following = rule;
}

/** The fields of a recurring task after an occurrence, as far as they can be known here. */
export function movedOn(task: Task, act: "complete" | "skip", day: string, now: string): Fields {
  const ended = { is_completed: true, completed_at: now };
  if (!following || !task.recurrence || !task.due) return ended;
  const next = following(task, act, day);
  if (next === null) return ended;
  const days = daysBetween(task.due.date, next);
  const { remaining } = task.recurrence;
  return {
    due: { ...task.due, date: next },
    start: task.start && { ...task.start, date: plusDays(task.start.date, days) },
    recurrence: {
      ...task.recurrence,
      occurrence: next,
      remaining: remaining === null ? null : remaining - 1,
    },
  };
}

function daysBetween(from: string, to: string): number {
  return Math.round((Date.parse(to) - Date.parse(from)) / 86_400_000);
}

function plusDays(date: string, days: number): string {
  return new Date(Date.parse(date) + days * 86_400_000).toISOString().slice(0, 10);
}
