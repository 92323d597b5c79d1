/**
 * Days, moments and time zones. A day is `YYYY-MM-DD`, a time `HH:MM`, an instant milliseconds.
 * Days and instants beyond the years 1 to 9999 become the nearest that exist, as on the server.
 */
const DAY = 86_400_000;
const FIRST = Date.parse("0001-01-01T00:00:00Z");
export const LAST = Date.parse("9999-12-31T23:59:59.999Z");

/** The number of a day: 1 is 1 January of the year 1, which was a Monday. */
export function ordinalOf(day: string): number {
  return Date.parse(`${day}T00:00:00Z`) / DAY + 719_163;
}

/** The day of a number. */
export function dayOf(ordinal: number): string {
  const at = Math.min(Math.max((ordinal - 719_163) * DAY, FIRST), LAST);
  return new Date(at).toISOString().slice(0, 10);
}

/** Whether a text is a day that exists. */
export function isDay(text: string): boolean {
  const ordinal = /^\d{4}-\d\d-\d\d$/.test(text) ? ordinalOf(text) : NaN;
  return ordinal >= 1 && dayOf(ordinal) === text;
}

export function addDays(day: string, count: number): string {
  return dayOf(ordinalOf(day) + count);
}

/** How many days later `to` is. */
export function daysBetween(from: string, to: string): number {
  return ordinalOf(to) - ordinalOf(from);
}

/** 0 is Monday. */
export function weekdayOf(day: string): number {
  return (ordinalOf(day) + 6) % 7;
}

/** The same day of another month, or the last one of a shorter month. */
export function addMonths(day: string, count: number): string {
  const months = Number(day.slice(0, 4)) * 12 + Number(day.slice(5, 7)) - 1 + count;
  const year = Math.floor(months / 12);
  const month = (months % 12) + 1;
  return written(year, month, Math.min(Number(day.slice(8)), daysInMonth(year, month)));
}

export function daysInMonth(year: number, month: number): number {
  if (month === 2) return isLeap(year) ? 29 : 28;
  return 30 + ((month + (month > 7 ? 1 : 0)) % 2);
}

export function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

export function written(year: number, month: number, day: number): string {
  return `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}`;
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}

// Zones

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-u-ca-gregory-nu-latn", {
      timeZone: zone,
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      hourCycle: "h23",
      era: "short",
    });
    formats.set(zone, format);
  }
  return format;
}

/** Whether a text is the name of an IANA time zone. Case matters, as far as browsers can tell. */
export function isTimezone(name: string): boolean {
  if (!/^[A-Z][\w+/-]*$/.test(name) || name === "Factory") return false;
  try {
    const known = new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone;
    return known === name || known.toLowerCase() !== name.toLowerCase();
  } catch {
    return false;
  }
}

/** The time that clocks in a zone show at an instant, as the instant at which those of UTC do. */
export function clockOf(at: number, zone: string): number {
  const clamped = Math.min(Math.max(at, FIRST), LAST);
  if (zone === "UTC") return clamped;
  const parts: Record<string, string> = {};
  for (const { type, value } of formatOf(zone).formatToParts(clamped)) parts[type] = value;
  const year = parts.era?.startsWith("B") ? 0 : Number(parts.year);
  if (year < 1) return FIRST;
  if (year > 9999) return LAST;
  const { month, day, hour, minute, second } = parts;
  const text = `${String(year).padStart(4, "0")}-${month}-${day}T${hour}:${minute}:${second}Z`;
  return Date.parse(text) + (((clamped % 1000) + 1000) % 1000);
}

/** The day in a zone at an instant. */
export function localDay(at: number | string | Date, zone: string): string {
  return localTime(at, zone).slice(0, 10);
}

/** The date and time in a zone at an instant: `2026-11-27T18:30`. */
export function localTime(at: number | string | Date, zone: string): string {
  return new Date(clockOf(new Date(at).getTime(), zone)).toISOString().slice(0, 16);
}

/** Today in a zone. */
export function today(zone: string, now: Date = new Date()): string {
  return localDay(now, zone);
}

/**
 * The instant of a local date and time. A time that the clocks skip is moved forward by the gap,
 * and of a repeated one the first is returned.
 */
export function instantOf(day: string, time: string, zone: string): number {
  return remembered(instantsKnown, `${day}T${time}Z ${zone}`, () =>
    clamp(instants(Date.parse(`${day}T${time}Z`), zone)[0]),
  );
}

const instantsKnown = new Map<string, number>();

/** Looks a value up: zones take microseconds, and sorting asks for the same again and again. */
function remembered<T>(known: Map<string, T>, key: string, compute: () => T): T {
  let value = known.get(key);
  if (value === undefined) {
    if (known.size >= 10_000) known.clear();
    value = compute();
    known.set(key, value);
  }
  return value;
}

/** The instant of a clock's time by the offset before a change, if there is one, and after it. */
export function instants(clock: number, zone: string): [number, number] {
  const before = clock - (clockOf(clock - DAY, zone) - (clock - DAY));
  const after = clock - (clockOf(clock + DAY, zone) - (clock + DAY));
  if (before === after) return [before, after];
  if (clockOf(before, zone) === clock) return [before, after];
  return clockOf(after, zone) === clock ? [after, after] : [before, after];
}

export function clamp(at: number): number {
  return Math.min(Math.max(at, FIRST), LAST);
}

// Moments

/** When a task starts or is due: a whole day, or a time, wherever the user is or in one zone. */
export interface MomentLike {
  readonly date: string;
  readonly time?: string | null;
  readonly timezone?: string | null;
}

const shownKnown = new Map<string, string>();

/** The date and, unless it is a whole day, the time at which a moment is for a user in a zone. */
export function shownAt(moment: MomentLike, zone: string): { day: string; time: string | null } {
  const { date, time, timezone } = moment;
  if (!time) return { day: date, time: null };
  const at = time.slice(0, 5);
  if (!timezone || timezone === zone) return { day: date, time: at };
  const local = remembered(shownKnown, `${date}T${at} ${timezone} ${zone}`, () =>
    localTime(instantOf(date, at, timezone), zone),
  );
  return { day: local.slice(0, 10), time: local.slice(11) };
}

/** The day of a moment for a user in a zone, by which views and filters group tasks. */
export function momentDay(moment: MomentLike, zone: string): string {
  return moment.time && moment.timezone ? shownAt(moment, zone).day : moment.date;
}

/**
 * Compares moments as a user in a zone sees them. Whole days come after the times of that day, and
 * null comes last, as when the server sorts by due date.
 */
export function compareMoments(a: MomentLike | null, b: MomentLike | null, zone: string): number {
  if (!a || !b) return a ? -1 : b ? 1 : 0;
  const keys = [a, b].map((moment) => {
    const { day, time } = shownAt(moment, zone);
    return `${day} ${time ?? "~"}`;
  });
  return keys[0]! < keys[1]! ? -1 : keys[0]! > keys[1]! ? 1 : 0;
}

// Names

const namings = new Map<string, Intl.DateTimeFormat>();

function named(day: string, locale: string, options: Intl.DateTimeFormatOptions): string {
  const key = `${locale} ${Object.keys(options).join()} ${Object.values(options).join()}`;
  let format = namings.get(key);
  if (!format) {
    format = new Intl.DateTimeFormat(locale, { ...options, timeZone: "UTC" });
    namings.set(key, format);
  }
  return format.format(Date.parse(`${day}T00:00:00Z`));
}

/**
 * A day as people say it: "Today", "Tomorrow", "Yesterday", a weekday within six days, otherwise
 * "Fri 5 Dec", with the year if it is another one.
 */
export function relativeDay(day: string, from: string, locale: string): string {
  const days = daysBetween(from, day);
  if (Math.abs(days) < 2) {
    const text = new Intl.RelativeTimeFormat(locale, { numeric: "auto" }).format(days, "day");
    return text.charAt(0).toLocaleUpperCase(locale) + text.slice(1);
  }
  if (days > 0 && days < 7) return named(day, locale, { weekday: "long" });
  const isThisYear = day.slice(0, 4) === from.slice(0, 4);
  if (!isThisYear) return named(day, locale, { day: "numeric", month: "short", year: "numeric" });
  return named(day, locale, { weekday: "short", day: "numeric", month: "short" });
}

/** A day in full: "Friday, 5 December 2026". */
export function fullDay(day: string, locale: string): string {
  return named(day, locale, { dateStyle: "full" });
}

/** A time as the locale writes it: "17:00" or "5:00 PM". */
export function shownTime(time: string, locale: string): string {
  const format = new Intl.DateTimeFormat(locale, { timeStyle: "short", timeZone: "UTC" });
  return format.format(Date.parse(`2000-01-01T${time}Z`));
}
