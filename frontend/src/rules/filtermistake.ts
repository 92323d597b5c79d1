/** What can be wrong with a filter, and what could be written instead. */

/** What was expected where a mistake is. The texts of the app explain each. */
export type Expected =
  | "short" // at most 500 characters
  | "cheap" // fewer searches and labels
  | "terms" // at most 50 terms
  | "levels" // at most 10 levels of ( and !
  | "term"
  | "and_or_end" // names with spaces need quotes
  | "and_or_close"
  | "list_name" // without a space before it
  | "section_name"
  | "label_name"
  | "no_control" // text without control characters
  | "escaped" // " or \ after \
  | "quote" // at the end of the text in quotes
  | "operator"
  | "absent" // priority, due, start, label or list
  | "colon"
  | "text" // a text to search for
  | "day"
  | "existing_day"
  | "near_day" // from the year 1 to 9999
  | "number" // from 0 to 9999
  | "unit";

export const WEEKDAYS = [
  "monday",
  "tuesday",
  "wednesday",
  "thursday",
  "friday",
  "saturday",
  "sunday",
];
export const DATES = ["due", "start", "created", "updated", "completed"];
export const STATES = ["open", "completed", "overdue", "recurring", "subtask"];
export const ABSENT = ["priority", "due", "start", "label", "list"];
export const DAYS = ["today", "tomorrow", "yesterday", ...WEEKDAYS];
export const OPERATORS = ["<=", ">=", "<", "=", ">"] as const; // the longest first
export const UNITS: Readonly<Record<string, number>> = { day: 1, days: 1, week: 7, weeks: 7 };

/** The words that can be written where something was expected. */
const WORDS: Readonly<Partial<Record<Expected, readonly string[]>>> = {
  term: [
    "#",
    "/",
    "@",
    "p1",
    "p2",
    "p3",
    "p4",
    "no",
    ...new Set([...STATES, ...DATES]),
    "today",
    "search:",
  ],
  and_or_end: ["&", "|"],
  and_or_close: [")", "&", "|"],
  operator: ["<", "<=", "=", ">=", ">"],
  absent: ABSENT,
  colon: [":"],
  quote: ['"'],
  day: DAYS,
  unit: ["days", "weeks"],
};

/** A text is not a filter. */
export class FilterMistake extends Error {
  constructor(
    /** A key of the app's texts. */
    readonly expected: Expected,
    /** Where, as JavaScript counts; at the end of the text, its length. */
    readonly position: number,
  ) {
    super(expected);
  }

  /** The words that could be written there. */
  get words(): readonly string[] {
    return WORDS[this.expected] ?? [];
  }
}
