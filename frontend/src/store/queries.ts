/** The rules of views: which tasks belong to them, under which headings, and in which order. */
import { addDays, localDay, momentDay, weekdayOf } from "../rules/dates";
import { byDay, comparing, latestFirst, type Compare } from "./sorting";
import type { List, Sorting, Task, ViewQuery } from "./types";

export interface Heading {
  key: string;
  /** The first day under it, if it is about days. */
  date: string | null;
}

/** The rules of a view. A view that is filled again gets new ones. */
export interface Rules {
  belongs(task: Task): boolean;
  belongsCompleted(task: Task): boolean;
  compare: Compare;
  compareCompleted: Compare;
  /** Subtasks are below their parents, and sections are headings. */
  isTree: boolean;
  /** The heading above a task of a flat view; null without headings. */
  headingOf: ((task: Task) => Heading) | null;
  /** Headings that are there with nothing under them, too, as long as there is any task. */
  steady: readonly Heading[];
  /** The parent whose subtasks are shown, where they begin at level 1. */
  root: string | null;
  mistake: { position: number; message: string } | null;
}

/** What the rules need to know. */
export interface Surroundings {
  zone: string;
  today: string;
  weekStart: number;
  now: Date;
  list(id: string): List | undefined;
  isBelow(task: Task, parent: string): boolean;
  matcher(query: Extract<ViewQuery, { show: "filter" | "search" }>): Matcher;
}

export interface Matcher {
  matches(task: Task): boolean;
  mistake: { position: number; message: string } | null;
}

export function rulesOf(query: ViewQuery, sorting: Sorting, around: Surroundings): Rules {
  const { zone, today } = around;
  const flat: Rules = {
    belongs: () => false,
    belongsCompleted: () => false,
    compare: comparing(sorting, zone, around.list),
    compareCompleted: latestFirst,
    isTree: false,
    headingOf: null,
    steady: [],
    root: null,
    mistake: null,
  };
  const isLive = (task: Task) => !(task.list_id && around.list(task.list_id)?.is_archived);
  const dueDay = (task: Task) => (task.due ? momentDay(task.due, zone) : null);
  const during = (test: (day: string) => boolean) => (task: Task) => {
    const day = dueDay(task);
    return day !== null && test(day) && isLive(task);
  };
  const tree = (belongs: (task: Task) => boolean): Rules => {
    return { ...flat, isTree: true, belongs, belongsCompleted: belongs };
  };
  switch (query.show) {
    case "inbox":
      // Between two pages of a sync, a task may arrive before its list.
      return tree((task) => task.list_id === null || !around.list(task.list_id));
    case "list":
      return tree((task) => task.list_id === query.id);
    case "subtasks":
      return { ...tree((task) => around.isBelow(task, query.id)), root: query.id };
    case "label": {
      const has = (task: Task) => task.label_ids.includes(query.id) && isLive(task);
      return { ...flat, belongs: has, belongsCompleted: has };
    }
    case "today":
      return {
        ...flat,
        belongs: during((day) => day <= today),
        belongsCompleted: (task) => isLive(task) && localDay(task.completed_at!, zone) === today,
        compare: byDay(zone, around.list),
        headingOf: (task) =>
          dueDay(task)! < today ? { key: "overdue", date: null } : { key: "today", date: today },
      };
    case "overdue":
      return { ...flat, belongs: during((day) => day < today), compare: byDay(zone, around.list) };
    case "upcoming":
      return {
        ...flat,
        belongs: during((day) => day >= today),
        compare: byDay(zone, around.list),
        headingOf: (task) => periodOf(dueDay(task)!, today, around.weekStart),
        steady: Array.from({ length: DAYS }, (_none, n) => dayHeading(addDays(today, n))),
      };
    case "filter":
    case "search": {
      const { matches, mistake } = around.matcher(query);
      const includes = query.show === "filter" || query.includeCompleted;
      const belongs = (task: Task) => isLive(task) && matches(task);
      return {
        ...flat,
        belongs,
        belongsCompleted: includes ? belongs : () => false,
        mistake,
      };
    }
  }
}

const DAYS = 14;
const WEEKS = 9;

function dayHeading(day: string): Heading {
  return { key: `day:${day}`, date: day };
}

/** The heading of a day in Upcoming: days for two weeks, then weeks for two months, then months. */
function periodOf(day: string, today: string, weekStart: number): Heading {
  const [weeks, months] = [addDays(today, DAYS), addDays(today, WEEKS * 7)];
  if (day < weeks) return dayHeading(day);
  if (day < months) {
    const start = addDays(day, -((weekdayOf(day) - (weekStart - 1) + 7) % 7));
    // The first week may have begun among the days above.
    return { key: `week:${start}`, date: start < weeks ? weeks : start };
  }
  const start = `${day.slice(0, 7)}-01`;
  return { key: `month:${day.slice(0, 7)}`, date: start < months ? months : start };
}
