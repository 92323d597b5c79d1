/** What the groups of a phrase mean: a date, a rule, a time or minutes. */
import { addDays, addMonths, daysInMonth, isDay, weekdayOf, written } from "./dates";
import type { Language } from "./quickadd.language";
import { WEEKDAYS } from "./rule";

export type Groups = Readonly<Record<string, string>>;

const FREQUENCIES = ["DAILY", "WEEKLY", "MONTHLY", "YEARLY"];
const NOON = 12;

/** The date of a phrase. Null if it does not exist, is past, after 2999 or another weekday. */
export function dateOf(language: Language, groups: Groups, today: string): string | null {
  if (groups.monthdays || (groups.weekday && groups.unit)) return null;
  const found = anyDateOf(language, groups, today);
  if (found === null || !isDay(found) || found < today || found > "2999-12-31") return null;
  const named = groups.any_weekday;
  return !named || weekdayNumber(language, named) === weekdayOf(found) ? found : null;
}

function anyDateOf(language: Language, groups: Groups, today: string): string | null {
  if (groups.iso) return groups.iso;
  if (groups.relative) return addDays(today, language.relativeDays.get(groups.relative)!);
  if (groups.next) {
    return addDays(today, 7 - weekdayOf(today) + weekdayNumber(language, groups.weekday));
  }
  if (groups.unit) {
    const count = numberOf(language, groups.n);
    const unit = language.units.get(groups.unit)!;
    if (unit < 2) return addDays(today, count * (unit ? 7 : 1));
    return addMonths(today, count * (unit === 3 ? 12 : 1));
  }
  if (groups.weekday) {
    const days = weekdayNumber(language, groups.weekday) - weekdayOf(today);
    return addDays(today, ((days + 6) % 7) + 1);
  }
  return dayOfYear(language, groups, today);
}

function dayOfYear(language: Language, groups: Groups, today: string): string | null {
  const [month, day] = [monthOf(language, groups), Number(groups.day)];
  const year = groups.year ?? (groups.short_year && `20${groups.short_year}`);
  if (year) return written(Number(year), month, day);
  // 29 February can be eight years away.
  const first = Number(today.slice(0, 4));
  for (let next = first; next < first + 9; next++) {
    const found = written(next, month, day);
    if (day <= daysInMonth(next, month) && found >= today) return found;
  }
  return null;
}

/** The number of a weekday, Monday without a word. */
export function weekdayNumber(language: Language, word: string | undefined): number {
  if (!word) return 0;
  return language.weekdays.get(word) ?? language.shortWeekdays.get(word)!;
}

function numberOf(language: Language, word: string | undefined): number {
  if (!word) return 1;
  return /^\d/.test(word) ? Number(word) : language.numbers.get(word)!;
}

/** The month of a date, which has a name or a number. */
function monthOf(language: Language, groups: Groups): number {
  return groups.month_number ? Number(groups.month_number) : language.months.get(groups.month!)!;
}

/** The RFC 5545 rule of a phrase, without COUNT and UNTIL, or null if it has none. */
export function ruleOf(language: Language, groups: Groups): string | null {
  const interval = intervalOf(language, groups);
  const implied = daysOf(language, groups);
  if (interval === null || implied === null) return null;
  let [frequency, days] = implied;
  if (groups.cadence) frequency = FREQUENCIES[language.cadences.get(groups.cadence)!]!;
  if (groups.unit) frequency = FREQUENCIES[language.units.get(groups.unit)!]!;
  const every = interval > 1 ? `INTERVAL=${interval}` : "";
  return [`FREQ=${frequency}`, every, days].filter(Boolean).join(";");
}

function intervalOf(language: Language, groups: Groups): number | null {
  if (groups.other) return 2;
  if (!groups.nth) return numberOf(language, groups.interval);
  const number = parseInt(groups.nth) || language.ordinals.get(groups.nth)!;
  return number > 1 ? number : null;
}

/** The frequency that days imply, and their part of the rule. Null if they do not exist. */
function daysOf(language: Language, groups: Groups): [string, string] | null {
  const onDays = (names: readonly string[]) => `BYDAY=${names.join()}`;
  if (groups.last_day) return ["MONTHLY", "BYMONTHDAY=-1"];
  if (groups.each_day) return ["DAILY", ""];
  if (groups.weekend) return ["WEEKLY", onDays(WEEKDAYS.slice(5))];
  if (groups.workdays) return ["WEEKLY", onDays(WEEKDAYS.slice(0, 5))];
  if (groups.weekdays) return ["WEEKLY", onDays(weekdaysOf(language, groups.weekdays))];
  if (groups.ordinals) return ["MONTHLY", ordinalsOf(language, groups)];
  if (groups.monthdays) {
    const numbers = unique(groups.monthdays.match(/\d+/g)!.map(Number));
    if (numbers[0]! < 1 || numbers.at(-1)! > 31) return null;
    return ["MONTHLY", `BYMONTHDAY=${numbers.join()}`];
  }
  if (groups.month || groups.month_number) {
    const day = Number(groups.day);
    return ["YEARLY", `BYMONTH=${monthOf(language, groups)};BYMONTHDAY=${day}`];
  }
  return ["", ""];
}

function weekdaysOf(language: Language, text: string): string[] {
  // "Montags" is every Monday.
  const names = text.match(/\p{L}+/gu)!.map((name) => name.replace(/(.)s$/, "$1"));
  const known = names.filter(
    (name) => language.weekdays.has(name) || language.shortWeekdays.has(name),
  );
  return unique(known.map((name) => weekdayNumber(language, name))).map((day) => WEEKDAYS[day]!);
}

function ordinalsOf(language: Language, groups: Groups): string {
  const { ordinals } = language;
  const words = groups.ordinals!.split(/, ?| /).filter((word) => ordinals.has(word));
  // -1, the last one, comes last.
  const numbers = unique(words.map((word) => ordinals.get(word)!));
  if (numbers[0] === -1) numbers.push(numbers.shift()!);
  if (!groups.weekday) return `BYMONTHDAY=${numbers.join()}`;
  const weekday = WEEKDAYS[weekdayNumber(language, groups.weekday)];
  return `BYDAY=${numbers.map((number) => `${number}${weekday}`).join()}`;
}

function unique(numbers: number[]): number[] {
  return [...new Set(numbers)].sort((a, b) => a - b);
}

/** The hour and minute of a phrase. */
function clockOf(groups: Groups): [number, string] {
  if (groups.noon) return [NOON, "00"];
  let hour = Number(groups.hour);
  if (groups.pm && hour > 0 && hour < NOON) hour += NOON;
  else if (groups.am && hour === NOON) hour = 0;
  return [hour, groups.minute ?? "00"];
}

function clock([hour, minute]: [number, string]): string {
  return `${String(hour).padStart(2, "0")}:${minute}`;
}

/** The time of a phrase, `HH:MM`. */
export function timeOf(groups: Groups): string {
  return clock(clockOf(groups));
}

/** The time of a part of the day, by its hour, or of a phrase in it: 8:00 in the evening is 20:00. */
export function timeInPart(part: number, groups?: Groups): string {
  if (!groups) return clock([part, "00"]);
  const [hour, minute] = clockOf(groups);
  const isLater = Math.abs(hour + NOON - part) < Math.abs(hour - part);
  return clock([part >= NOON && isLater && isAmbiguous(groups) ? hour + NOON : hour, minute]);
}

/** Whether a phrase could name a time after noon as well as the one before. */
export function isAmbiguous(groups: Groups): boolean {
  if (groups.noon || groups.am || groups.pm) return false;
  return Number(groups.hour) > 0 && Number(groups.hour) < NOON;
}

/** The minutes of a duration, or null if it is zero, longer than a week or malformed. */
export function minutesOf(groups: Groups): number | null {
  const [hours, minutes] = [Number(groups.hours ?? 0), Number(groups.minutes ?? 0)];
  if (groups.hours && minutes >= 60) return null;
  const total = 60 * hours + minutes;
  return total > 0 && total <= 7 * 24 * 60 ? total : null;
}
