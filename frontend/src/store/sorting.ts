/** The orders in which tasks are shown. */
import { byPosition } from "../rules/order";
import { compareMoments } from "../rules/dates";
import type { List, Sorting, Task } from "./types";

export type Compare = (a: Task, b: Task) => number;

/** Compares by several criteria, in their order. */
export function chain(...compares: Compare[]): Compare {
  return (a, b) => {
    for (const compare of compares) {
      const result = compare(a, b);
      if (result !== 0) return result;
    }
    return 0;
  };
}

const byPriority: Compare = (a, b) => (a.priority ?? 5) - (b.priority ?? 5);
const byCreation: Compare = (a, b) =>
  a.created_at === b.created_at ? byPosition(a, b) : a.created_at < b.created_at ? 1 : -1;

let collator: Intl.Collator | null = null;
const byTitle: Compare = (a, b) => {
  collator ??= new Intl.Collator(undefined, { numeric: true });
  return collator.compare(a.title, b.title);
};

/** Times as they are written come before whole days, as the server sorts. */
export function byDue(zone: string): Compare {
  return (a, b) => compareMoments(a.due, b.due, zone);
}

/** The order of lists, the inbox first. */
function byList(listOf: (id: string) => List | undefined): Compare {
  return (a, b) => {
    if (a.list_id === b.list_id) return byPosition(a, b);
    const [first, second] = [a, b].map((task) => task.list_id && listOf(task.list_id));
    if (!first || !second) return first ? 1 : second ? -1 : byPosition(a, b);
    return byPosition(first, second);
  };
}

export function comparing(
  sorting: Sorting,
  zone: string,
  listOf: (id: string) => List | undefined,
): Compare {
  switch (sorting) {
    case "position":
      return byList(listOf);
    case "due":
      return chain(byDue(zone), byPriority, byList(listOf));
    case "priority":
      return chain(byPriority, byDue(zone), byList(listOf));
    case "title":
      return chain(byTitle, byList(listOf));
    case "created_at":
      return byCreation;
  }
}

/** For the days of Today and Upcoming: by time, priority, list. */
export function byDay(zone: string, listOf: (id: string) => List | undefined): Compare {
  return comparing("due", zone, listOf);
}

export const latestFirst: Compare = (a, b) => {
  const [first, second] = [a.completed_at ?? "", b.completed_at ?? ""];
  return first === second ? byPosition(a, b) : first < second ? 1 : -1;
};

/** Where something belongs in a sorted array. */
export function placeIn<T>(sorted: readonly T[], item: T, compare: (a: T, b: T) => number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(sorted[middle]!, item) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
