/** Whether tasks match a filter, as `GET /tasks?filter=` decides it. */
import { addDays, instantOf, type MomentLike, weekdayOf } from "./dates";
import { dayBounds } from "./daybounds";
import { FilterMistake, WEEKDAYS } from "./filtermistake";
import { parseFilter } from "./filterparser";
import { itemsOf, type DateField, type Filter, type FilterDay, type Name, type Operator } from "./filtertree";
import { nameKey } from "./names";
import { searcher, type Searchable } from "./search";

export { FilterMistake, parseFilter };
export type { Expected } from "./filtermistake";
export type { Filter } from "./filtertree";

interface Named {
  readonly id: string;
  readonly name: string;
}

/** What a filter's meaning depends on. */
export interface FilterContext {
  /** The user's local day. */
  readonly today: string;
  readonly timezone: string;
  readonly lists: readonly Named[];
  readonly sections: readonly Named[];
  readonly labels: readonly Named[];
}

/** The members of a task that filters look at. */
export interface FilterTask extends Searchable {
  readonly list_id: string | null;
  readonly section_id: string | null;
  readonly parent_id: string | null;
  readonly priority: number | null;
  readonly label_ids: readonly string[];
  readonly start: MomentLike | null;
  readonly due: MomentLike | null;
  readonly recurrence: object | null;
  readonly created_at: string;
  readonly updated_at: string;
  readonly completed_at: string | null;
}

export type Condition = (task: FilterTask) => boolean;

/**
 * The condition of a filter. Make another one when the day changes, or the names of lists, sections
 * or labels.
 */
export function conditionOf(filter: Filter, context: FilterContext): Condition {
  if ("and" in filter) {
    const items = filter.and.map((item) => conditionOf(item, context));
    return (task) => items.every((item) => item(task));
  }
  if ("or" in filter) {
    const items = filter.or.map((item) => conditionOf(item, context));
    return (task) => items.some((item) => item(task));
  }
  if ("not" in filter) {
    const item = conditionOf(filter.not, context);
    return (task) => !item(task);
  }
  if ("list" in filter) return placed(filter.list, context.lists, "list_id");
  if ("section" in filter) return placed(filter.section, context.sections, "section_id");
  if ("label" in filter) return labelled(filter.label, context.labels);
  if ("priority" in filter) return (task) => task.priority === filter.priority;
  if ("no" in filter) return WITHOUT[filter.no];
  if ("date" in filter) return compared(filter.date, filter.operator, filter.day, context);
  if ("search" in filter) return searcher(filter.search);
  if (filter.is !== "overdue") return STATES[filter.is];
  const isLate = compared("due", "<", { from: "today", days: 0 }, context);
  return (task) => STATES.open(task) && isLate(task);
}

export interface UnknownName {
  kind: "list" | "section" | "label";
  name: string;
}

/** The names in a filter that nothing has: most often, they are misspelled. */
export function unknownNames(filter: Filter, context: Pick<FilterContext, "lists" | "sections" | "labels">): UnknownName[] {
  for (const kind of ["list", "section", "label"] as const) {
    const name = (filter as Partial<Record<typeof kind, Name>>)[kind];
    if (name === undefined) continue;
    if (idsOf(name, context[`${kind}s`])?.size !== 0) return [];
    return [{ kind, name: typeof name === "string" ? name : `${name.begins}*` }];
  }
  return itemsOf(filter).flatMap((item) => unknownNames(item, context));
}

/** Whether what a filter finds depends on the day. */
export function isRelative(filter: Filter): boolean {
  if ("and" in filter) return filter.and.some(isRelative);
  if ("or" in filter) return filter.or.some(isRelative);
  if ("not" in filter) return isRelative(filter.not);
  return "date" in filter
    ? typeof filter.day === "object"
    : "is" in filter && filter.is === "overdue";
}

/** Whether a filter can find completed tasks that were completed long ago. */
export function canFindCompleted(filter: Filter): boolean {
  if ("and" in filter) return filter.and.every(canFindCompleted);
  if ("or" in filter) return filter.or.some(canFindCompleted);
  return !("is" in filter && (filter.is === "open" || filter.is === "overdue"));
}

/** A name as a filter has it. */
export function quoted(name: string): string {
  return `"${name.replace(/["\\]/g, "\\$&")}"`;
}

const STATES = {
  open: (task: FilterTask) => task.completed_at === null,
  completed: (task: FilterTask) => task.completed_at !== null,
  recurring: (task: FilterTask) => task.recurrence !== null,
  subtask: (task: FilterTask) => task.parent_id !== null,
};

const WITHOUT = {
  priority: (task: FilterTask) => task.priority === null,
  due: (task: FilterTask) => task.due === null,
  start: (task: FilterTask) => task.start === null,
  label: (task: FilterTask) => task.label_ids.length === 0,
  list: (task: FilterTask) => task.list_id === null,
};

/** The ids of what has a name; null for any. */
function idsOf(name: Name, all: readonly Named[]): Set<string> | null {
  const isPrefix = typeof name === "object";
  const key = nameKey(isPrefix ? name.begins : name);
  if (!key) return null;
  const found = all.filter(({ name: other }) =>
    isPrefix ? nameKey(other).startsWith(key) : nameKey(other) === key,
  );
  return new Set(found.map(({ id }) => id));
}

function placed(name: Name, all: readonly Named[], field: "list_id" | "section_id"): Condition {
  const ids = idsOf(name, all);
  return (task) => task[field] !== null && (ids === null || ids.has(task[field]));
}

function labelled(name: Name, all: readonly Named[]): Condition {
  const ids = idsOf(name, all);
  return (task) => task.label_ids.some((id) => ids === null || ids.has(id));
}

function compared(
  field: DateField,
  operator: Operator,
  written: FilterDay,
  { today, timezone }: FilterContext,
): Condition {
  const day = dayOn(written, today);
  const [begin, end] = dayBounds(day, timezone);
  // An instant is compared with the bounds of the user's day.
  const isAt = (at: number): boolean => {
    switch (operator) {
      case "<":
        return at < begin;
      case "<=":
        return at < end;
      case "=":
        return at >= begin && at < end;
      case ">=":
        return at >= begin;
      case ">":
        return at >= end;
    }
  };
  const isOn = (date: string): boolean => {
    switch (operator) {
      case "<":
        return date < day;
      case "<=":
        return date <= day;
      case "=":
        return date === day;
      case ">=":
        return date >= day;
      case ">":
        return date > day;
    }
  };
  if (field === "due" || field === "start") {
    return ({ [field]: moment }) => {
      if (!moment) return false;
      const { date, time, timezone: zone } = moment;
      return time && zone ? isAt(instantOf(date, time.slice(0, 5), zone)) : isOn(date);
    };
  }
  const member = `${field}_at` as const;
  return ({ [member]: at }) => at !== null && isAt(Date.parse(at));
}

/** The date of a day. A weekday is the next one, which may be today. */
function dayOn(day: FilterDay, today: string): string {
  if (typeof day === "string") return day;
  const wanted = WEEKDAYS.indexOf(day.from);
  const ahead = wanted < 0 ? 0 : (wanted - weekdayOf(today) + 7) % 7;
  return addDays(today, ahead + day.days);
}
