/** What the charts show, counted from the tasks of the copy. All days are the user's own. */
import { addDays, localTime } from "../../rules/dates";
import type { Task } from "../../store/types";

export interface Counts {
  /** The last 30 days, the oldest first. */
  days: { date: string; n: number }[];
  /** The last 26 weeks by their first day, the oldest first. */
  weeks: { date: string; n: number }[];
  /** Seven rows from Monday, 24 hours each. */
  hours: number[][];
  lists: { id: string | null; n: number }[];
  total: number;
}

const DAYS = 30;
const WEEKS = 26;

export function countCompleted(tasks: Iterable<Task>, today: string, zone: string, weekStart: number): Counts {
  const weekday = (date: string) => (new Date(`${date}T00:00:00Z`).getUTCDay() + 6) % 7;
  const startOfWeek = (date: string) => addDays(date, -((weekday(date) - (weekStart - 1) + 7) % 7));
  const days = new Map(Array.from({ length: DAYS }, (_none, i) => [addDays(today, i - DAYS + 1), 0]));
  const thisWeek = startOfWeek(today);
  const weeks = new Map(Array.from({ length: WEEKS }, (_none, i) => [addDays(thisWeek, (i - WEEKS + 1) * 7), 0]));
  const hours = Array.from({ length: 7 }, () => new Array<number>(24).fill(0));
  const lists = new Map<string | null, number>();
  let total = 0;
  for (const task of tasks) {
    if (!task.completed_at) continue;
    const local = localTime(task.completed_at, zone);
    const date = local.slice(0, 10);
    total++;
    if (days.has(date)) days.set(date, days.get(date)! + 1);
    const week = startOfWeek(date);
    if (weeks.has(week)) weeks.set(week, weeks.get(week)! + 1);
    hours[weekday(date)]![Number(local.slice(11, 13))]!++;
    lists.set(task.list_id, (lists.get(task.list_id) ?? 0) + 1);
  }
  const pairs = (map: Map<string, number>) => Array.from(map, ([date, n]) => ({ date, n }));
  return {
    days: pairs(days),
    weeks: pairs(weeks),
    hours,
    lists: Array.from(lists, ([id, n]) => ({ id, n })).sort((a, b) => b.n - a.n),
    total,
  };
}
