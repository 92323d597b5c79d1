/** When a day begins and ends in a zone. */
import { addDays, clamp, clockOf, instants, LAST, localDay } from "./dates";

/**
 * The instants at which a local day begins and the next one begins. Both are equal for a day that
 * the zone skips. If clocks are turned back over midnight, the repeated minutes belong to the next.
 */
export function dayBounds(day: string, zone: string): [number, number] {
  return [startOf(day, zone), day === "9999-12-31" ? LAST : startOf(addDays(day, 1), zone)];
}

function startOf(day: string, zone: string): number {
  const midnight = Date.parse(`${day}T00:00:00Z`);
  const [start, earliest] = instants(midnight, zone).map(clamp) as [number, number];
  if (clockOf(start, zone) === midnight) return start;
  // Midnight is in a gap. The day begins with the first second after it.
  let low = 0;
  let high = Math.floor((start - earliest) / 1000);
  while (low < high) {
    const middle = (low + high) >> 1;
    if (localDay(earliest + middle * 1000, zone) < day) low = middle + 1;
    else high = middle;
  }
  return earliest + low * 1000;
}
