import { describe, expect, it, test } from "vitest";

import {
  addDays,
  addMonths,
  compareMoments,
  dayOf,
  daysInMonth,
  instantOf,
  isDay,
  isTimezone,
  localDay,
  momentDay,
  ordinalOf,
  relativeDay,
  shownAt,
  weekdayOf,
} from "../../../src/rules/dates";
import { dayBounds } from "../../../src/rules/daybounds";
import { vectors } from "./vectors";

interface Vectors {
  timezones: { valid: string[]; invalid: string[] };
  instants: { name: string; date: string; time: string; timezone: string; instant: string }[];
  local_dates: { name: string; instant: string; timezone: string; date: string }[];
  days: { name: string; date: string; timezone: string; begins: string; ends: string }[];
}
const { timezones, instants, local_dates, days } = vectors<Vectors>("recurrence");

describe("vectors", () => {
  test.each(timezones.valid)("%s is a time zone", (name) => expect(isTimezone(name)).toBe(true));
  test.each(timezones.invalid)("%j is not a time zone", (name) =>
    expect(isTimezone(name)).toBe(false),
  );
  test.each(instants)("instant: $name", ({ date, time, timezone, instant }) =>
    expect(instantOf(date, time, timezone)).toBe(Date.parse(instant)),
  );
  test.each(local_dates)("local date: $name", ({ instant, timezone, date }) =>
    expect(localDay(instant, timezone)).toBe(date),
  );
  test.each(days)("day: $name", ({ date, timezone, begins, ends }) =>
    expect(dayBounds(date, timezone)).toEqual([Date.parse(begins), Date.parse(ends)]),
  );
});

describe("days", () => {
  it("counts from 1 January of the year 1, a Monday", () => {
    expect(ordinalOf("0001-01-01")).toBe(1);
    expect(dayOf(1)).toBe("0001-01-01");
    expect(ordinalOf("2026-11-26")).toBe(739_946);
    expect(weekdayOf("2026-11-26")).toBe(3);
  });
  it("stays within the years 1 to 9999", () => {
    expect(addDays("9999-12-31", 1)).toBe("9999-12-31");
    expect(addDays("0001-01-01", -1)).toBe("0001-01-01");
  });
  it("knows which days exist", () => {
    expect(["2026-02-29", "2028-02-29", "2026-13-01", "2026-1-1", "0000-01-01"].map(isDay)).toEqual(
      [false, true, false, false, false],
    );
  });
  it("moves by months to the last day of a shorter one", () => {
    expect(addMonths("2026-01-31", 1)).toBe("2026-02-28");
    expect(addMonths("2026-12-15", 13)).toBe("2028-01-15");
    expect([1, 2, 4, 7, 8, 9, 12].map((month) => daysInMonth(2028, month))).toEqual([
      31, 29, 30, 31, 31, 30, 31,
    ]);
  });
});

describe("moments", () => {
  const tokyo = { date: "2026-11-27", time: "05:00:00", timezone: "Asia/Tokyo" };
  it("shows a time in another zone as the user's", () => {
    expect(shownAt(tokyo, "Europe/Berlin")).toEqual({ day: "2026-11-26", time: "21:00" });
    expect(momentDay(tokyo, "Europe/Berlin")).toBe("2026-11-26");
  });
  it("keeps the date of a whole day and of a time without a zone", () => {
    expect(momentDay({ date: "2026-11-27", timezone: "Asia/Tokyo" }, "America/New_York")).toBe(
      "2026-11-27",
    );
    expect(momentDay({ date: "2026-11-27", time: "00:10" }, "America/New_York")).toBe("2026-11-27");
  });
  it("sorts times before the whole day, and null last", () => {
    const whole = { date: "2026-11-26" };
    const late = { date: "2026-11-26", time: "23:00" };
    const sorted = [null, whole, late, tokyo].sort((a, b) => compareMoments(a, b, "Europe/Berlin"));
    expect(sorted).toEqual([tokyo, late, whole, null]);
  });
});

describe("names", () => {
  const names = (days: number[], locale: string) =>
    days.map((count) => relativeDay(addDays("2026-11-26", count), "2026-11-26", locale));
  it("are relative near today", () => {
    expect(names([-1, 0, 1, 6], "en-GB")).toEqual(["Yesterday", "Today", "Tomorrow", "Wednesday"]);
    expect(names([0, 1, 4], "de")).toEqual(["Heute", "Morgen", "Montag"]);
  });
  it("have the year if it is another one", () => {
    // Whether there is a comma depends on the version of the locale's data.
    const found = names([7, -3, 60], "en-GB").map((name) => name.replace(",", ""));
    expect(found).toEqual(["Thu 3 Dec", "Mon 23 Nov", "25 Jan 2027"]);
  });
});
