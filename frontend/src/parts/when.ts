/** Dates as people say them. A date is YYYY-MM-DD: it names a day, not an instant. */
import { shownAt } from "../rules/dates";
import { language, t } from "../texts";

export interface MomentLike {
  date: string;
  time: string | null;
  timezone: string | null;
}

const DAY = 86_400_000;

export function dayNumber(date: string): number {
  return Date.parse(`${date}T00:00:00Z`) / DAY;
}
export function dayOf(number: number): string {
  return new Date(number * DAY).toISOString().slice(0, 10);
}
export function daysBetween(from: string, to: string): number {
  return dayNumber(to) - dayNumber(from);
}
/** Monday is 1, Sunday 7. */
export function weekday(date: string): number {
  return ((((dayNumber(date) + 3) % 7) + 7) % 7) + 1;
}

const formats = new Map<string, Intl.DateTimeFormat>();
function format(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = language.value + JSON.stringify(options);
  let known = formats.get(key);
  if (!known) {
    // British English writes the day first and the clock in 24 hours, as the rest of the app does.
    known = new Intl.DateTimeFormat(language.value === "en" ? "en-GB" : language.value, options);
    formats.set(key, known);
  }
  return known;
}

export function formatDate(date: string, options: Intl.DateTimeFormatOptions): string {
  return format({ ...options, timeZone: "UTC" }).format(new Date(`${date}T00:00:00Z`));
}
export function formatInstant(instant: string | Date, options: Intl.DateTimeFormatOptions): string {
  return format(options).format(new Date(instant));
}

const shortDates = new Map<string, string>();

/** "Today", "Fri", "5 Dec", "5 Dec 2027": as short as it can be without doubt. */
export function shortDate(date: string, today: string): string {
  const key = language.value + today + date;
  let text = shortDates.get(key);
  if (!text) shortDates.set(key, (text = shortDateOf(date, today)));
  return text;
}

function shortDateOf(date: string, today: string): string {
  const days = daysBetween(today, date);
  if (days === 0) return t().today;
  if (days === 1) return t().tomorrow;
  if (days === -1) return t().yesterday;
  if (days > 1 && days < 7) return formatDate(date, { weekday: "long" });
  const sameYear = date.slice(0, 4) === today.slice(0, 4);
  return formatDate(date, { day: "numeric", month: "short", ...(sameYear ? {} : { year: "numeric" }) });
}

/** A heading for a day: "Today · Friday 27 November". */
export function longDate(date: string, today: string): string {
  const days = daysBetween(today, date);
  const name = formatDate(date, { weekday: "long", day: "numeric", month: "long" });
  if (days === 0) return `${t().today} · ${name}`;
  if (days === 1) return `${t().tomorrow} · ${name}`;
  return date.slice(0, 4) === today.slice(0, 4) ? name : `${name} ${date.slice(0, 4)}`;
}

export function time(moment: MomentLike): string {
  return moment.time ? moment.time.slice(0, 5) : "";
}

/** A due moment as a row shows it. Overdue has its own sign beside the colour. */
export function shortMoment(moment: MomentLike, today: string): string {
  const date = shortDate(moment.date, today);
  return moment.time ? t().dateAt(date, time(moment)) : date;
}

/** The text of a moment that is over: "25 Nov −3 d", or "09:00 overdue". Colour alone would not say so. */
export function overdueText(text: string, days: number): string {
  return `${text} ${days > 0 ? t().overdueBy(days) : t().overdueWord}`;
}

/** A moment as the clock of the user's zone shows it. */
export function inZone(moment: MomentLike, zone: string): MomentLike {
  const { day, time: clock } = shownAt(moment, zone);
  return { date: day, time: clock, timezone: null };
}

/** "Europe/Berlin" as a place: "Berlin". */
export function zoneName(zone: string): string {
  return zone.replace(/^.*\//, "").replaceAll("_", " ");
}

/** "17:00 New York": a moment in its own zone, if the clock of the user's zone shows another time. */
export function elsewhere(moment: MomentLike, zone: string): string | null {
  if (!moment.time || !moment.timezone) return null;
  const shown = inZone(moment, zone);
  const isSame = shown.date === moment.date && shown.time === time(moment);
  return isSame ? null : `${time(moment)} ${zoneName(moment.timezone)}`;
}

/** Whether a moment of the user's zone is over: its day, or its time if it has one. `now` is local. */
export function isPast(moment: MomentLike, now: string): boolean {
  const at = moment.time ? `${moment.date}T${time(moment)}` : moment.date;
  return at < now.slice(0, at.length);
}

/** "3 minutes ago", for the foot of the detail and the sync page. */
export function ago(instant: string | Date, now = Date.now()): string {
  const seconds = (new Date(instant).getTime() - now) / 1000;
  const relative = new Intl.RelativeTimeFormat(language.value, { numeric: "auto", style: "long" }); // short ones end in a full stop
  for (const [unit, size] of [["day", 86_400], ["hour", 3600], ["minute", 60]] as const) {
    if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit);
  }
  return relative.format(Math.round(seconds), "second");
}
