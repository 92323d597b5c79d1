/** Filters as trees, in the form of vectors/filters.json. Each node is true or false for a task. */

/** A name as it is written; `begins` for `@home*`. */
export type Name = string | { readonly begins: string };
export type Operator = "<" | "<=" | "=" | ">=" | ">";
export type DateField = "due" | "start" | "created" | "updated" | "completed";
export type State = "open" | "completed" | "overdue" | "recurring" | "subtask";
export type Absent = "priority" | "due" | "start" | "label" | "list";
/** A date, or the day so many days after today or after the next such weekday. */
export type FilterDay = string | { readonly from: string; readonly days: number };

/** A filter, or a part of one. */
export type Filter =
  | { readonly and: readonly Filter[] }
  | { readonly or: readonly Filter[] }
  | { readonly not: Filter }
  | { readonly list: Name }
  | { readonly section: Name }
  | { readonly label: Name }
  | { readonly priority: number }
  | { readonly no: Absent }
  | { readonly is: State }
  | { readonly date: DateField; readonly operator: Operator; readonly day: FilterDay }
  | { readonly search: string };

export function itemsOf(filter: Filter): readonly Filter[] {
  if ("and" in filter) return filter.and;
  if ("or" in filter) return filter.or;
  return "not" in filter ? [filter.not] : [];
}

/** Whether a filter consists of searches only, which is one search. */
export function isSearch(filter: Filter): boolean {
  const items = itemsOf(filter);
  return "search" in filter || (items.length > 0 && items.every(isSearch));
}

/** The cost of a filter without its searches: 1 for each term, and 1 more for a label's name. */
export function costOf(filter: Filter): number {
  const items = itemsOf(filter);
  if (items.length) return items.reduce((sum, item) => sum + costOf(item), 0);
  if (!("label" in filter)) return 1;
  return typeof filter.label === "string" || filter.label.begins ? 2 : 1;
}
