/**
 * The interface of a language of quick add: the words of its grammar, and phrases made of them.
 *
 * A phrase is a regular expression in which `<name>` is a named group, whose expression comes from
 * the vocabulary. Its groups alone decide its meaning; the server's `quick_add/languages/language.py`,
 * which has the same phrases, lists them. Phrases are matched in order, in small letters and with one
 * space between words; the first match decides.
 */
import { nameKey } from "./names";

/** The words of a language. Those that mean the same are separated by spaces. */
export interface Words {
  /** Days from today on: today, tomorrow, the day after, each with `|` between synonyms. */
  relativeDays: string;
  /** From Monday on. */
  weekdays: string;
  /** Abbreviations that are also words or names: dates only where the words around make that clear. */
  shortWeekdays: string;
  /** Those of them that must also be at the end of a phrase. */
  nouns: string;
  /** Days that mean something else with a capital letter, except as the first word. */
  capitalizedNouns: string;
  /** From January on. */
  months: string;
  /** Month names that have no other meaning. `2 March` is a date only at the end of a phrase. */
  clearMonths: string;
  /** Days, weeks, months and years. */
  units: string;
  /** Daily, weekly, monthly and yearly. */
  cadences: string;
  /** One, two, three and so on. */
  numbers: string;
  /** First to fifth, then the last. */
  ordinals: string;
  /** Recognized directly after a date, with their hours. */
  dayParts: readonly (readonly [hour: number, words: string])[];
  /** Whether a weekday and a part of the day can be one word, as in "Montagabend". */
  hasCompounds: boolean;
  /** The expressions of further groups. */
  vocabulary: Readonly<Record<string, string>>;
  dates: Phrases;
  times: Phrases;
  durations: Phrases;
  recurrences: Phrases;
  /** Words before the last date of a recurrence. */
  until: Phrases;
  /** Words before the date from which a recurrence begins. */
  starting: Phrases;
  /** Words after which a date, a time or a recurrence does not say when the task is due. */
  notAfter: string;
  /** Phrases that change the meaning of what is before them, which therefore stays text. */
  notBefore: Phrases;
  /** Phrases that change the meaning of a recurrence before them. */
  limits: Phrases;
  /** Phrases that change the meaning of a recurrence anywhere in the text. */
  exceptions: Phrases;
  /** Phrases that say how long a recurrence before them lasts. */
  periods: Phrases;
  /** Days that are not recognized, which leave a time before or after them in the text. */
  undated: Phrases;
  /** Time zones, which leave a time before them in the text. */
  zones: Phrases;
  /** Times that are recognized only directly after a part of the day, such as "at 8". */
  bareTimes: Phrases;
  /** Parts of the day after noon. Next to one that is not recognized, 8:00 is ambiguous. */
  late: string;
  /** Words between the members of a list. */
  conjunctions: string;
  /** Words between two dates or times that make them a range. */
  ranges: string;
  /** Words that end a phrase, such as prepositions and conjunctions. */
  connecting: string;
}

type Phrases = readonly string[];
export type Patterns = readonly RegExp[];
export type Numbers = ReadonlyMap<string, number>;

/** Punctuation that may follow a token and is not part of it. */
export const CLOSING = ",.;:!?)";

/** A character of a word, and the end of one. */
export const LETTER = "[\\p{L}\\p{N}_]";
export const BOUNDARY = `(?!${LETTER})`;

/** Phrases that several languages have. */
export const NUMERIC_DAY = "<day>[./-](?:0?[1-9]|[12][0-9]|3[01])(?:[./-](?:[0-9]{2}|[0-9]{4})?)?";
export const JOINED_WEEKDAYS = "<weekday>(?:[/\u2013-](?:WEEKDAY)){1,6}";
export const ZONE_NAME = "[a-z_]{2,20}/[a-z_]{2,20}(?:/[a-z_]{2,20})?";

// A phrase ends with a word, or before the punctuation after it.
const END = `(?=[${CLOSING}]{0,3}(?: |$))`;
const BRACKET = "[(\\[]";

/** Prepares the words of a language. Expressions are compiled when they are first used. */
export function language(words: Words) {
  const weekdays = numbered(words.weekdays);
  const shortWeekdays = numbered(words.shortWeekdays);
  const relativeDays = numbered(words.relativeDays, 0, ",", "|");
  const months = numbered(words.months, 1);
  const units = numbered(words.units);
  const cadences = numbered(words.cadences);
  const numbers = numbered(words.numbers, 1);
  const ordinals = new Map(
    [...numbered(words.ordinals, 1)].map(([word, number]) => [word, number > 5 ? -1 : number]),
  );
  const dayParts = new Map(
    words.dayParts.flatMap(([hour, names]) => names.split(" ").map((name) => [name, hour])),
  );
  const weekday = anyOf([...weekdays.keys(), ...shortWeekdays.keys()]);
  const number = `[1-9][0-9]{0,2}|${anyOf(numbers.keys())}`;
  const vocabulary: Record<string, string> = {
    relative: anyOf(relativeDays.keys()),
    weekday,
    any_weekday: weekday,
    month: anyOf(months.keys()),
    day_part: anyOf(dayParts.keys()),
    unit: anyOf(units.keys()),
    cadence: anyOf(cadences.keys()),
    n: number,
    interval: number,
    ordinal: anyOf(ordinals.keys()),
    day: "0?[1-9]|[12][0-9]|3[01]",
    year: "[0-9]{4}",
    iso: "[12][0-9]{3}-[01][0-9]-[0-3][0-9]",
    hour: "[01]?[0-9]|2[0-3]",
    minute: "[0-5][0-9]",
    hours: "[0-9]{1,3}",
    minutes: "[0-9]{1,5}",
    ...words.vocabulary,
  };

  const compiled = (phrases: Phrases): Patterns =>
    phrases.map((phrase) => {
      const expanded = phrase
        .replace(/(?<!\(\?)<(\w+)>/g, (_, name: string) => `(?<${name}>${vocabulary[name]})`)
        .replaceAll("WEEKDAY", weekday)
        .replaceAll("ORDINAL", vocabulary.ordinal!);
      return new RegExp(`(?:${expanded})${END}`, "yu");
    });
  const lazily = (phrases: () => Phrases): (() => Patterns) => {
    let patterns: Patterns | undefined;
    return () => (patterns ??= compiled(phrases()));
  };

  const ranges = keys(words.ranges);
  const conjunctions = keys(words.conjunctions);
  const patterns = {
    dates: lazily(() => words.dates),
    times: lazily(() => words.times),
    dayParts: lazily(() => ["<day_part>"]),
    durations: lazily(() => words.durations),
    recurrences: lazily(() => words.recurrences),
    until: lazily(() => words.until),
    starting: lazily(() => words.starting),
    ordinals: lazily(() => ["<nth>", "<ordinal>"]),
    notBefore: lazily(() => words.notBefore),
    limits: lazily(() => words.limits),
    exceptions: lazily(() => [
      ...words.exceptions.map((phrase) => `${BRACKET}?(?:${phrase})`),
      ...[...words.until, ...words.starting].map((phrase) => `${BRACKET}(?:${phrase})`),
    ]),
    periods: lazily(() => words.periods.map((phrase) => `${BRACKET}?(?:${phrase})`)),
    undated: lazily(() => words.undated),
    zones: lazily(() => words.zones),
    bareTimes: lazily(() => words.bareTimes),
  };
  return {
    relativeDays,
    weekdays,
    shortWeekdays,
    nouns: keys(words.nouns),
    capitalizedNouns: keys(words.capitalizedNouns),
    months,
    clearMonths: keys(words.clearMonths),
    units,
    cadences,
    numbers,
    ordinals,
    dayParts,
    notAfter: keys(words.notAfter),
    late: [...keys(words.late)],
    conjunctions,
    ranges,
    linking: new Set([...conjunctions, ...ranges]),
    connecting: keys(words.connecting),
    patterns,
    /** Those with which a token may begin. */
    allPatterns: (): Patterns => [
      ...patterns.recurrences(),
      ...patterns.dates(),
      ...patterns.times(),
      ...patterns.durations(),
      ...patterns.until(),
      ...patterns.starting(),
    ],
    /** The first part of a compound. Not before "abends": "dienstagabends" is every Tuesday. */
    firstPart: words.hasCompounds
      ? new RegExp(
          `(?:${anyOf(weekdays.keys())})(?=(?:${anyOf(
            [...dayParts.keys()].filter((part) => !part.endsWith("s")),
          )})[${CLOSING}]*(?!\\S))`,
          "iyu",
        )
      : null,
  };
}

export type Language = ReturnType<typeof language>;

/** Numbers by word: those between two commas have the same, the next ones the next. */
function numbered(text: string, first = 0, separator = ",", synonyms = " "): Map<string, number> {
  return new Map(
    text
      .split(separator)
      .flatMap((words, index) =>
        words.split(synonyms).map((word) => [word, first + index] as const),
      )
      .filter(([word]) => word),
  );
}

function keys(text: string): Set<string> {
  return new Set(text ? nameKey(text).split(" ") : []);
}

/** An expression for one of the words, the longest first. */
function anyOf(words: Iterable<string>): string {
  return [...words]
    .sort((a, b) => b.length - a.length)
    .map((word) => word.replaceAll(".", "\\."))
    .join("|");
}
