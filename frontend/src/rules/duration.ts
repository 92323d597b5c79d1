/** Durations as people type them, in English and German. */

/** A week, in minutes: the longest that the API takes. */
const LONGEST = 7 * 24 * 60;
const HOURS = "(?:h|hrs?|hours?|std\\.?|stunden?)";
const MINUTES = "(?:m|mins?\\.?|minutes?|minuten?)";
/** "1h 20m", "1.5 h", "90 min", "1h20", and a number alone, which is minutes. */
const WORDS = new RegExp(`^(?:(\\d+(?:\\.\\d+)?) ?${HOURS} ?)?(?:(\\d+) ?${MINUTES}?)?$`);

/** The minutes of a text such as "1h 20m", "1:20" or "80". Null if it is not one of 1 minute to a week. */
export function parseDuration(text: string): number | null {
  const plain = text.trim().toLowerCase().replace(",", ".").replace(/\s+/g, " ");
  const clock = /^(\d+):([0-5]\d)$/.exec(plain);
  const [, hours = "0", minutes = "0"] = clock ?? WORDS.exec(plain) ?? [];
  if (Number(hours) > 0 && Number(minutes) >= 60) return null;
  const total = Math.round(60 * Number(hours) + Number(minutes));
  return total >= 1 && total <= LONGEST ? total : null;
}
