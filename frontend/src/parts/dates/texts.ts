/** Rules of recurrence and durations in words. */
import { parseRule, type Rule } from "../../rules/rule";
import { language } from "../../texts";
import { m } from "../../texts/more";
import { formatDate } from "../when";

export function duration(minutes: number): string {
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  return [hours ? m().hours(hours) : "", rest ? m().minutes(rest) : ""].filter(Boolean).join(" ");
}

/** 0 is Monday. 2024-01-01 was one. */
export function dayName(day: number, length: "long" | "short" | "narrow" = "long"): string {
  return formatDate(`2024-01-0${day + 1}`, { weekday: length });
}
function monthName(month: number): string {
  return formatDate(`2024-${String(month).padStart(2, "0")}-01`, { month: "long" });
}
function listed(words: readonly string[]): string {
  return new Intl.ListFormat(language.value === "de" ? "de" : "en-GB").format(words);
}

/** "every 2 weeks on Tuesday, until 1 December": what a rule says, as a sentence would. */
export function ruleText(text: string): string {
  let rule: Rule;
  try {
    rule = parseRule(text);
  } catch {
    return text;
  }
  const parts = [m().every[rule.frequency](rule.interval)];
  const workdays = rule.byDay.length === 5 && rule.byDay.every(([day, nth]) => day < 5 && !nth);
  if (workdays && rule.interval === 1 && rule.frequency !== "MONTHLY") parts[0] = m().everyWorkday;
  else if (rule.byDay.length > 0) {
    const position = rule.bySetPosition[0];
    const days = rule.byDay.map(([day, nth]) => (nth ? `${m().nth(nth)} ${dayName(day)}` : dayName(day)));
    parts.push(m().onDays((position ? `${m().nth(position)} ` : "") + listed(days)));
  }
  if (rule.byMonthDay.length > 0) {
    parts.push(m().onMonthDays(listed(rule.byMonthDay.map((day) => (day < 0 ? m().lastDay : String(day))))));
  }
  if (rule.byMonth.length > 0) parts.push(m().inMonths(listed(rule.byMonth.map(monthName))));
  if (rule.until) parts.push(m().until(formatDate(rule.until, { day: "numeric", month: "long", year: "numeric" })));
  if (rule.count) parts.push(m().times(rule.count));
  return parts.join(" ");
}
