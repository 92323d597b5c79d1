import { expect, test } from "vitest";

import { parseDuration } from "../../../src/rules/duration";

test.each([
  ["80", 80],
  ["1h 20m", 80],
  ["1h20", 80],
  ["1 H 20 Min", 80],
  ["1:20", 80],
  [" 1.5 h ", 90],
  ["1,5 Std.", 90],
  ["2 hours", 120],
  ["1 hour 5 minutes", 65],
  ["1 Std. 20 Min.", 80],
  ["2 Stunden 1 Minute", 121],
  ["90 min", 90],
  ["7:00", 420],
  ["168h", 10_080],
])("%s is a duration", (text, minutes) => {
  expect(parseDuration(text)).toBe(minutes);
});

test.each(["", "0", "0h", "10081", "169 h", "1h 60m", "1:60", "-5", "1.5", "1h 20x", "soon", "h", "1d"])("%s is not a duration", (text) => {
  expect(parseDuration(text)).toBeNull();
});
