/**
 * The dates of a rule, in a bounded number of steps.
 *
 * One step looks at one period of the rule: a week, a month or a year. The Gregorian calendar
 * repeats every 400 years, which are 4,800 months, 20,871 weeks or 146,097 days. Which days a rule
 * leaves of a period depends only on its position in this cycle. With an INTERVAL of i, positions
 * repeat after `cycle / gcd(i, cycle)` steps: if so many periods have no date, no later one has.
 * FREQ=DAILY looks at months where these are fewer than the days that INTERVAL leaves; the server's
 * `recurrence/dates.py`, of which this is a translation, describes it in full.
 */
import { dayOf, daysInMonth, isLeap, ordinalOf } from "./dates";
import type { Day, Rule } from "./rule";

const LAST = 3_652_059;
const ALL_MONTHS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
const CYCLES = { DAILY: 146_097, WEEKLY: 20_871, MONTHLY: 4800, YEARLY: 400 };
const DAYS = CYCLES.DAILY;

/** The days of one period, in order. */
type Period = readonly number[];

/** The first date of the rule on or after a day, or null if it has none. */
export function firstDate(rule: Rule, from: string): string | null {
  return dates(rule, from).next().value ?? null;
}

/**
 * Yields the dates of the rule in order, from `from` on or, if given, later than `after`.
 *
 * `from` is DTSTART of RFC 5545: INTERVAL counts from it, and it supplies the weekday, the day or the
 * month that the rule leaves open. It is only yielded if it is a date of the rule. UNTIL is applied
 * and COUNT is not.
 */
export function* dates(
  given: Rule,
  from: string,
  after: string | null = null,
): Generator<string, undefined> {
  const rule = completed(given, from);
  const start = ordinalOf(from);
  const first = Math.max(start, after === null ? 0 : ordinalOf(after) + 1);
  const last = rule.until === null ? LAST : ordinalOf(rule.until);
  if (first > last || !hasPositions(rule)) return;
  const limit = CYCLES[rule.frequency] / gcd(rule.interval, CYCLES[rule.frequency]);
  let without = 0;
  const periods = { DAILY: daily, WEEKLY: weekly, MONTHLY: monthly, YEARLY: yearly }[
    rule.frequency
  ];
  for (const period of periods(rule, start, first, last)) {
    const days = period.filter((day) => first <= day && day <= last);
    for (const day of days) yield dayOf(day);
    without = days.length ? 0 : without + 1;
    if (without > limit) return;
  }
}

/** The rule with the parts that it leaves to the day from which it counts. */
function completed(rule: Rule, from: string): Rule {
  if (rule.frequency === "DAILY" || rule.byDay.length || rule.byMonthDay.length) return rule;
  if (rule.frequency === "WEEKLY") return { ...rule, byDay: [[weekday(ordinalOf(from)), 0]] };
  const month = Number(from.slice(5, 7));
  const byMonth = rule.frequency === "YEARLY" && !rule.byMonth.length ? [month] : rule.byMonth;
  return { ...rule, byMonth, byMonthDay: [Number(from.slice(8))] };
}

/** Whether the longest period has one of the positions of BYSETPOS. */
function hasPositions({ frequency, byDay, bySetPosition }: Rule): boolean {
  const longest = { DAILY: 1, WEEKLY: byDay.length, MONTHLY: 31, YEARLY: 366 }[frequency];
  return !bySetPosition.length || Math.min(...bySetPosition.map(Math.abs)) <= longest;
}

function* daily(rule: Rule, origin: number, first: number, last: number): Generator<Period> {
  const { interval } = rule;
  const isPlain = !rule.byMonth.length && !rule.byMonthDay.length && !rule.byDay.length;
  if (!isPlain && hasNoDay(rule, origin)) return;
  if (isPlain || interval * monthsOf(rule).length > 365) {
    for (let day = first + modulo(origin - first, interval); day <= last; day += interval) {
      yield isPlain || hasDay(rule, day) ? [day] : [];
    }
  } else {
    yield* dailyByMonths(rule, origin, first, last);
  }
}

function monthsOf(rule: Rule): readonly number[] {
  return rule.byMonth.length ? rule.byMonth : ALL_MONTHS;
}

/** Whether no month of FREQ=DAILY is long enough, or all days have a weekday that BYDAY lacks. */
function hasNoDay(rule: Rule, origin: number): boolean {
  const longest = Math.max(...monthsOf(rule).map((month) => daysInMonth(2000, month)));
  if (rule.byMonthDay.length && Math.min(...rule.byMonthDay.map(Math.abs)) > longest) return true;
  const isWeekly = rule.interval % 7 === 0;
  return isWeekly && rule.byDay.length > 0 && !hasWeekday(rule, weekday(origin));
}

function hasWeekday(rule: Rule, wanted: number): boolean {
  return rule.byDay.some(([day]) => day === wanted);
}

/** Whether BYMONTH, BYMONTHDAY and BYDAY of FREQ=DAILY leave a day. */
function hasDay(rule: Rule, ordinal: number): boolean {
  const [year, month, day] = partsOf(ordinal);
  if (rule.byMonth.length && !rule.byMonth.includes(month)) return false;
  if (rule.byDay.length && !hasWeekday(rule, weekday(ordinal))) return false;
  const { byMonthDay } = rule;
  if (!byMonthDay.length || byMonthDay.includes(day)) return true;
  return byMonthDay.includes(day - daysInMonth(year, month) - 1);
}

function* dailyByMonths(
  rule: Rule,
  origin: number,
  first: number,
  last: number,
): Generator<Period> {
  const common = gcd(rule.interval, DAYS);
  const [year, month] = partsOf(first);
  const begin = ordinal(year, month, 1);
  const reachable: [number, Period][] = [];
  for (const [at, offsets] of monthsWithDays(rule, begin, Math.min(last, begin + DAYS - 1))) {
    if (!multiples(at, offsets, origin, common).length) continue;
    reachable.push([at, offsets]);
    yield multiples(at, offsets, origin, rule.interval);
  }
  for (let shift = DAYS; shift <= last - begin; shift += DAYS) {
    for (const [at, offsets] of reachable) {
      yield multiples(at + shift, offsets, origin, rule.interval);
    }
  }
}

/** Yields the months in which FREQ=DAILY has days: the first day of each, and their offsets. */
function* monthsWithDays(rule: Rule, first: number, last: number): Generator<[number, Period]> {
  // A period of FREQ=DAILY is one day, so the positions 1 and -1 are any day.
  const spans = new Spans({ ...rule, bySetPosition: [] }, []);
  const end = partsOf(last)[0];
  for (let year = partsOf(first)[0]; year <= end; year++) {
    for (const month of monthsOf(rule)) {
      const [begin, offsets] = spans.of(year, [month]);
      if (offsets.length && first <= begin && begin <= last) yield [begin, offsets];
    }
  }
}

/** The days of a month whose distance from `origin` an interval divides. */
function multiples(begin: number, offsets: Period, origin: number, interval: number): number[] {
  return offsets
    .filter((at) => modulo(begin + at - origin, interval) === 0)
    .map((at) => begin + at);
}

function* weekly(rule: Rule, start: number, first: number, last: number): Generator<Period> {
  const origin = start - modulo(weekday(start) - rule.weekStart, 7);
  for (const begin of visited(origin, 7 * rule.interval, first, last)) {
    const days: number[] = [];
    for (let day = Math.max(begin, 1); day < Math.min(begin + 7, LAST + 1); day++) {
      const isInMonth = !rule.byMonth.length || rule.byMonth.includes(partsOf(day)[1]);
      if (hasWeekday(rule, weekday(day)) && isInMonth) days.push(day);
    }
    yield atPositions(rule, days);
  }
}

function* monthly(rule: Rule, start: number, first: number, last: number): Generator<Period> {
  const [origin, low, high] = [start, first, last].map((day) => {
    const [year, month] = partsOf(day);
    return 12 * year + month - 1;
  }) as [number, number, number];
  const months = new Set(ALL_MONTHS.map((step) => ((origin + step * rule.interval) % 12) + 1));
  const spans = new Spans(
    rule,
    Array.from(months, (month) => [month]),
  );
  for (const number of visited(origin, rule.interval, low, high)) {
    const [begin, offsets] = spans.of(Math.floor(number / 12), [(number % 12) + 1]);
    yield offsets.map((offset) => begin + offset);
    if (!offsets.length && !spans.haveDays()) return;
  }
}

function* yearly(rule: Rule, start: number, first: number, last: number): Generator<Period> {
  const spans = new Spans(rule, [ALL_MONTHS]);
  const [origin, low, high] = [start, first, last].map((day) => partsOf(day)[0]) as [
    number,
    number,
    number,
  ];
  for (const year of visited(origin, rule.interval, low, high)) {
    const [begin, offsets] = spans.of(year, ALL_MONTHS);
    yield offsets.map((offset) => begin + offset);
    if (!offsets.length && !spans.haveDays()) return;
  }
}

/** Every `step`-th number, counted from `origin`, from the last one up to `low` on. */
function* visited(origin: number, step: number, low: number, high: number): Generator<number> {
  for (let at = low - modulo(low - origin, step); at <= high; at += step) yield at;
}

/** The days that a rule has in months and years, each kind of which is computed once. */
class Spans {
  private readonly kinds = new Map<string, number[]>();
  private known: boolean | null = null;

  constructor(
    private readonly rule: Rule,
    private readonly visited: readonly (readonly number[])[],
  ) {}

  /** Whether the visited months have a day of the rule in any year. */
  haveDays(): boolean {
    this.known ??= this.visited.some((months) => {
      for (let year = 2001; year < 2029; year++) if (this.of(year, months)[1].length) return true;
      return false;
    });
    return this.known;
  }

  /** The first day of the months, and the rule's days in order, as offsets from it. */
  of(year: number, months: readonly number[]): [number, Period] {
    const begin = ordinal(year, months[0]!, 1);
    const kind = `${months[0]} ${isLeap(year)} ${begin % 7}`;
    let offsets = this.kinds.get(kind);
    if (!offsets) {
      const days = sorted(expanded(this.rule, year, months));
      offsets = atPositions(this.rule, days).map((day) => day - begin);
      this.kinds.set(kind, offsets);
    }
    return [begin, offsets];
  }
}

/** The days of the months that BYMONTH, BYMONTHDAY and BYDAY select. */
function expanded(rule: Rule, year: number, months: readonly number[]): Set<number> {
  const found = new Set<number>();
  // BYDAY counts within the month, or within the year if the rule names no month.
  const isByMonth = rule.frequency === "MONTHLY" || rule.byMonth.length > 0;
  for (const month of months) {
    if (rule.byMonth.length && !rule.byMonth.includes(month)) continue;
    const begin = ordinal(year, month, 1);
    const length = daysInMonth(year, month);
    const chosen = isByMonth && rule.byDay.length ? weekdays(rule.byDay, begin, length) : null;
    for (let day = 1; day <= length; day++) {
      const { byMonthDay } = rule;
      const isDay = byMonthDay.includes(day) || byMonthDay.includes(day - length - 1);
      if (byMonthDay.length && !isDay) continue;
      if (!chosen || chosen.has(begin + day - 1)) found.add(begin + day - 1);
    }
  }
  if (isByMonth || !rule.byDay.length) return found;
  const chosen = weekdays(rule.byDay, ordinal(year, 1, 1), isLeap(year) ? 366 : 365);
  return new Set([...found].filter((day) => chosen.has(day)));
}

/** The days of a month or a year that BYDAY selects. */
function weekdays(byDay: readonly Day[], begin: number, length: number): Set<number> {
  const found = new Set<number>();
  for (const [wanted, position] of byDay) {
    const each: number[] = [];
    for (let at = modulo(wanted - weekday(begin), 7); at < length; at += 7) each.push(begin + at);
    for (const day of position ? [each.at(position > 0 ? position - 1 : position)] : each) {
      if (day !== undefined) found.add(day);
    }
  }
  return found;
}

function atPositions({ bySetPosition }: Rule, days: number[]): number[] {
  if (!bySetPosition.length) return days;
  const found = bySetPosition.map((position) => days.at(position > 0 ? position - 1 : position));
  return sorted(new Set(found.filter((day) => day !== undefined)));
}

function sorted(days: Iterable<number>): number[] {
  return [...days].sort((a, b) => a - b);
}

function weekday(day: number): number {
  return (day + 6) % 7;
}

function partsOf(day: number): [number, number, number] {
  const date = new Date((day - 719_163) * 86_400_000);
  return [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()];
}

function ordinal(year: number, month: number, day: number): number {
  return new Date(0).setUTCFullYear(year, month - 1, day) / 86_400_000 + 719_163;
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}

function gcd(a: number, b: number): number {
  return b ? gcd(b, a % b) : a;
}
