/** Recurrence rules: the part of RFC 5545, section 3.3.10, that applies to dates. */
import { isDay } from "./dates";

export const WEEKDAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"] as const;

/** The text is not a rule that Duly supports. */
export class InvalidRule extends Error {}

export type Frequency = "DAILY" | "WEEKLY" | "MONTHLY" | "YEARLY";

/** A value of BYDAY: the weekday, 0 (Monday) to 6, and which one of the month or year; 0 is each. */
export type Day = readonly [weekday: number, ordinal: number];

/** A parsed rule. The arrays are sorted, and empty if the rule lacks the part. */
export interface Rule {
  readonly frequency: Frequency;
  readonly interval: number;
  readonly byMonth: readonly number[];
  readonly byMonthDay: readonly number[];
  readonly byDay: readonly Day[];
  readonly bySetPosition: readonly number[];
  /** 0 (Monday) to 6. */
  readonly weekStart: number;
  readonly count: number | null;
  /** The last day on which the rule may have a date. */
  readonly until: string | null;
}

/** Parses the value of an RRULE, with or without `RRULE:` before it. Throws `InvalidRule`. */
export function parseRule(text: string): Rule {
  if (text.length > 200 || /[^\0-\x7f]/.test(text)) throw new InvalidRule();
  const values = new Map<string, string>();
  for (const part of text
    .toUpperCase()
    .replace(/^RRULE:/, "")
    .split(";")) {
    const [, name, value] = /^([A-Z]+)=(.*)$/s.exec(part) ?? [];
    if (name === undefined || !NAMES.has(name) || values.has(name)) throw new InvalidRule();
    values.set(name, value!);
  }
  const read = <T>(name: string, reader: (value: string) => T | null, otherwise: T): T => {
    const value = values.get(name);
    const found = value === undefined ? otherwise : reader(value);
    if (found === null) throw new InvalidRule();
    return found;
  };
  const rule: Rule = {
    frequency: read<Frequency | "">("FREQ", frequencyOf, "") || invalid(),
    interval: read("INTERVAL", positive(999), 1),
    byMonth: read("BYMONTH", numbers(12, false), []),
    byMonthDay: read("BYMONTHDAY", numbers(31, true), []),
    byDay: read<readonly Day[]>("BYDAY", daysOf, []),
    bySetPosition: read("BYSETPOS", numbers(366, true), []),
    weekStart: read("WKST", weekdayNumber, 0),
    count: values.has("COUNT") ? read("COUNT", positive(1000), 1) : null,
    until: values.has("UNTIL") ? read("UNTIL", untilOf, "") : null,
  };
  if (!isConsistent(rule)) throw new InvalidRule();
  return rule;
}

/** Whether a text is a rule. */
export function isRule(text: string): boolean {
  try {
    parseRule(text);
    return true;
  } catch {
    return false;
  }
}

const NAMES = new Set([
  "FREQ",
  "INTERVAL",
  "BYDAY",
  "BYMONTHDAY",
  "BYMONTH",
  "BYSETPOS",
  "WKST",
  "COUNT",
  "UNTIL",
]);

function isConsistent(rule: Rule): boolean {
  const isShort = rule.frequency === "DAILY" || rule.frequency === "WEEKLY";
  return !(
    (rule.count !== null && rule.until !== null) ||
    (rule.frequency === "WEEKLY" && rule.byMonthDay.length) ||
    (isShort && rule.byDay.some(([, ordinal]) => ordinal)) ||
    (rule.bySetPosition.length &&
      !rule.byMonth.length &&
      !rule.byMonthDay.length &&
      !rule.byDay.length)
  );
}

function invalid(): never {
  throw new InvalidRule();
}

function frequencyOf(value: string): Frequency | null {
  return /^(DAILY|WEEKLY|MONTHLY|YEARLY)$/.test(value) ? (value as Frequency) : null;
}

function weekdayNumber(value: string): number | null {
  const found = (WEEKDAYS as readonly string[]).indexOf(value);
  return found < 0 ? null : found;
}

function untilOf(value: string): string | null {
  if (!/^\d{8}$/.test(value)) return null;
  const day = `${value.slice(0, 4)}-${value.slice(4, 6)}-${value.slice(6)}`;
  return isDay(day) ? day : null;
}

function positive(largest: number): (value: string) => number | null {
  return (value) => {
    const number = /^[0-9]+$/.test(value) ? Number(value) : 0;
    return number >= 1 && number <= largest ? number : null;
  };
}

function numbers(largest: number, isSigned: boolean): (value: string) => number[] | null {
  const digits = String(largest).length;
  const pattern = new RegExp(`^${isSigned ? "[+-]?" : ""}[0-9]{1,${digits}}$`);
  return (value) => {
    const found = value.split(",").map((item) => (pattern.test(item) ? Number(item) : 0));
    const isAllowed = found.every((number) => number !== 0 && Math.abs(number) <= largest);
    return isAllowed ? [...new Set(found)].sort((a, b) => a - b) : null;
  };
}

function daysOf(value: string): Day[] | null {
  const found = new Map<string, Day>();
  for (const item of value.split(",")) {
    const [, written, name] = /^([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)$/.exec(item) ?? [];
    const ordinal = Number(written ?? 0);
    if (name === undefined || Math.abs(ordinal) > 53 || (written && !ordinal)) return null;
    const day: Day = [weekdayNumber(name)!, ordinal];
    found.set(day.join(), day);
  }
  return [...found.values()].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
}
