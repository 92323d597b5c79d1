import { expect, test } from "vitest";

import { dayNumber, dayOf, daysBetween, elsewhere, inZone, isPast, shortDate, weekday } from "../../../src/parts/when";

const TODAY = "2026-11-27"; // a Friday

test("near days have names, others a date", () => {
  expect(shortDate("2026-11-27", TODAY)).toBe("Today");
  expect(shortDate("2026-11-28", TODAY)).toBe("Tomorrow");
  expect(shortDate("2026-11-26", TODAY)).toBe("Yesterday");
  expect(shortDate("2026-11-30", TODAY)).toBe("Monday");
  expect(shortDate("2026-12-04", TODAY)).toBe("4 Dec");
  expect(shortDate("2027-01-04", TODAY)).toBe("4 Jan 2027");
});

test("days are counted over the ends of months and leap days", () => {
  expect(daysBetween("2028-02-28", "2028-03-01")).toBe(2);
  expect(dayOf(dayNumber("2026-12-31") + 1)).toBe("2027-01-01");
  expect([weekday("2026-11-23"), weekday(TODAY), weekday("2026-11-29")]).toEqual([1, 5, 7]);
});

test("a moment is past by its day, and today by its time", () => {
  const at = (date: string, time: string | null) => isPast({ date, time, timezone: null }, `${TODAY}T12:00`);
  expect([at("2026-11-26", null), at(TODAY, null), at("2026-11-28", "00:00")]).toEqual([true, false, false]);
  expect([at(TODAY, "11:59"), at(TODAY, "12:01")]).toEqual([true, false]);
});

test("a moment of another zone is shown on the user's day", () => {
  const there = { date: TODAY, time: "23:30", timezone: "America/New_York" };
  expect(inZone(there, "Europe/Berlin")).toEqual({ date: "2026-11-28", time: "05:30", timezone: null });
});

test("a moment of another zone also says its own time, unless both clocks show the same", () => {
  const at = (timezone: string | null, time: string | null = "23:30") => elsewhere({ date: TODAY, time, timezone }, "Europe/Berlin");
  expect(at("America/New_York")).toBe("23:30 New York");
  expect([at("Europe/Berlin"), at("Europe/Paris"), at(null), at(null, null)]).toEqual([null, null, null, null]);
});
