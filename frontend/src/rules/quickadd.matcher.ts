/** Matches of phrases in a text, and the words around them that change their meaning. */
import { CLOSING, type Language, type Patterns } from "./quickadd.language";
import { type Line, type Match, open } from "./quickadd.line";

const WEEKDAYS = ["weekday", "weekdays"];
const MONTHS = ["month", "month_number"];

/** Whether a match has one of these groups. */
export function hasAny(match: Match, names: readonly string[]): boolean {
  return names.some((name) => name in match.groups);
}

/** Finds the phrases of one text, and remembers which of them stay text. */
export class Matcher {
  // Words of phrases that stay text, and so does a date or a time directly after them.
  private readonly left = new Set<number>();

  constructor(
    readonly language: Language,
    readonly line: Line,
  ) {}

  /** Yields each match. */
  *matches(patterns: Patterns): Generator<Match> {
    for (let index = 0; index < this.line.words.length;) {
      const match = this.matchAt(index, patterns);
      if (match) yield match;
      index = match ? match.after : index + 1;
    }
  }

  /** Yields the matches that are not part of a list or range, and not changed by a word before. */
  *unbroken(patterns: Patterns): Generator<Match> {
    for (let index = 0; index < this.line.words.length;) {
      const match = this.matchAt(index, patterns);
      if (!match) {
        index += 1;
        continue;
      }
      index = this.endOfRange(match, patterns);
      if (index > match.after || this.isAfterOtherWord(match)) this.leaveWords(match.first, index);
      else yield match;
    }
  }

  /** The first match. Its trailing numbers, if any, are at the end of the phrase. */
  matchAt(index: number, patterns: Patterns): Match | null {
    for (const match of this.line.matches(patterns, index)) {
      if (!match.groups.trailing || this.endsPhrase(match)) return match;
    }
    return null;
  }

  /** The match directly after another one. */
  matchAfter(match: Match, ...patterns: Patterns[]): Match | null {
    return match.isClosed ? null : this.line.match(patterns.flat(), match.after);
  }

  /** Remembers that phrases stay text. */
  leave(...matches: (Match | null)[]): void {
    for (const match of matches) if (match) this.leaveWords(match.first, match.after);
  }

  /** Remembers that no word is part of a date or a time. */
  leaveAll(): void {
    this.leaveWords(0, this.line.words.length);
  }

  private leaveWords(first: number, after: number): void {
    for (let index = first; index < after; index++) this.left.add(index);
  }

  /** Whether a word is part of a phrase that stays text. */
  isLeft(index: number): boolean {
    return this.left.has(index);
  }

  /** Whether the text, punctuation, a token or a conjunction ends the phrase. */
  endsPhrase(match: Match): boolean {
    const index = match.after;
    if (match.isClosed || this.line.isTaken(index)) return true;
    const key = this.line.keys[index]!;
    if (/^[#/@]/.test(key) || this.language.connecting.has(key)) return true;
    return this.line.match(this.language.allPatterns(), index) !== null;
  }

  /**
   * Whether a phrase is a date here, rather than a name, or a number before a noun. `isLeading`: the
   * words before it are unambiguous, as in "every sun" or "until sun".
   */
  isCertain(match: Match, isLeading = false): boolean {
    const { language, line } = this;
    const { groups } = match;
    const isIntroduced = isLeading || hasAny(match, ["on", "next"]);
    if (groups.month) {
      return (
        isIntroduced ||
        hasAny(match, ["suffix", "year", "any_weekday"]) ||
        language.clearMonths.has(groups.month) ||
        this.endsPhrase(match)
      );
    }
    const weekday = groups.weekday ?? "";
    if (!language.shortWeekdays.has(weekday)) return true;
    if (isIntroduced) return !language.nouns.has(weekday) || this.endsPhrase(match);
    return !match.isClosed && line.match(language.patterns.times(), match.after) !== null;
  }

  /** Whether a recurrence is part of a list or a range. */
  isInList(match: Match): boolean {
    return this.continuesList(match.first) || this.beginsList(match);
  }

  /** Whether the word before is a conjunction. */
  isAfterConjunction(index: number): boolean {
    return index > 0 && this.language.conjunctions.has(this.line.keys[index - 1]!);
  }

  /** Whether another date follows as the end of a range. */
  beginsRange(match: Match): boolean {
    const { until, dates } = this.language.patterns;
    return (
      this.isBefore(match, this.language.ranges) &&
      this.matchAfter(match, until()) === null &&
      this.matchAt(match.after + 1, dates()) !== null
    );
  }

  /** Whether a weekday follows. */
  isBeforeWeekday(match: Match): boolean {
    return !match.isClosed && this.isWeekday(match.after);
  }

  /** Whether a word or a bracket before a match changes its meaning. */
  isAfterOtherWord(match: Match): boolean {
    const { language, line } = this;
    const index = match.first;
    if (line.isBracketed(index)) return true;
    if (index === 0) return this.isLeft(index);
    // With punctuation after it, a key is not such a word.
    const key = line.keys[index - 1]!;
    return (
      this.isLeft(index - 1) ||
      language.notAfter.has(key) ||
      this.isOrdinal(index - 1) ||
      (language.linking.has(key) && this.isLinked(index - 2, index)) ||
      (language.ranges.has(line.keys[index]!) && this.isNumber(index - 1))
    );
  }

  /** Whether a list or a range begins with a phrase that stays text or a number. */
  private isLinked(first: number, last: number): boolean {
    if (this.isLeft(first)) return true;
    const isRange = this.language.ranges.has(this.line.keys[first + 1]!);
    const isNumber = this.isNumber(first) && (isRange || /^\p{Nd}/u.test(this.line.keys[last]!));
    return isNumber || this.isOrdinal(first);
  }

  /** The end of a range or a list that a match begins, or that of the match. */
  private endOfRange(match: Match, patterns: Patterns): number {
    const index = match.after;
    if (this.isBeforeComma(match)) {
      const last = this.matchAt(index, patterns);
      return last && areAlike(match, last) ? last.after : index;
    }
    if (!this.isBefore(match, this.language.linking)) return index;
    const last = this.matchAt(index + 1, patterns);
    if (last) return last.after;
    if (this.isNumber(index - 1) && this.isNumber(index + 1)) return index + 2;
    const isRange = this.isBefore(match, this.language.ranges);
    return !isRange && this.isLeft(index + 1) ? index + 1 : index;
  }

  /** Whether a date follows "and", or another weekday a word such as "to". */
  private beginsList(match: Match): boolean {
    const after = match.after + 1;
    const { dates, recurrences } = this.language.patterns;
    if (this.isBefore(match, this.language.linking) && this.isPlural(after)) return true;
    if (this.isBefore(match, this.language.conjunctions)) {
      return this.matchAt(after, dates()) !== null;
    }
    if (match.groups.weekdays && this.isBefore(match, this.language.ranges)) {
      // "Every Monday until Friday" is a range too; "until 1 Dec" is an end.
      const last = this.matchAt(after, [...recurrences(), ...dates()]);
      return last !== null && hasAny(last, WEEKDAYS);
    }
    // A comma joins two days of the year, as in "every 1 Jan, 1 Jul".
    if (!this.isBeforeComma(match)) return false;
    const last = this.matchAt(match.after, dates());
    return last !== null && hasAny(match, MONTHS) && hasAny(last, MONTHS);
  }

  /** Whether a weekday belongs to what follows, as in "Monday and every 15th". */
  private continuesList(index: number): boolean {
    if (this.isAfterConjunction(index)) return this.isWeekday(index - 2);
    return this.isWeekday(index - 1) && this.isOrdinal(index - 2);
  }

  private isBeforeComma(match: Match): boolean {
    return this.line.words[match.after - 1]!.text.endsWith(",");
  }

  private isBefore(match: Match, keys: ReadonlySet<string>): boolean {
    const index = match.after;
    return !match.isClosed && !this.line.isTaken(index) && keys.has(this.line.keys[index]!);
  }

  private isOrdinal(index: number): boolean {
    const match = this.line.match(this.language.patterns.ordinals(), index);
    return match !== null && !match.isClosed;
  }

  private isNumber(index: number): boolean {
    const key = this.line.keys[index]?.replace(/\.+$/, "") ?? "";
    return /^\p{Nd}/u.test(key) && (/\p{Nd}$/u.test(key) || this.isOrdinal(index));
  }

  private isWeekday(index: number): boolean {
    if (index < 0 || this.line.isTaken(index)) return false;
    const key = this.line.keys[index]!;
    return this.language.weekdays.has(key) || this.language.shortWeekdays.has(key);
  }

  /** Whether a word is several weekdays, such as "Fridays". */
  private isPlural(index: number): boolean {
    if (this.line.isTaken(index)) return false;
    const [, day] = /^(.*)s$/.exec(open(this.line.keys[index]!)) ?? [];
    return day !== undefined && this.language.weekdays.has(day);
  }
}

/** Whether two dates are both weekdays, or both days of the year. */
function areAlike(first: Match, second: Match): boolean {
  return [WEEKDAYS, MONTHS].some((names) => hasAny(first, names) && hasAny(second, names));
}

// What may be around the name of a day.
const AROUND = `[${CLOSING}([\"'\u201c\u201d\u201e]+`;
const SURROUNDINGS = new RegExp(`^${AROUND}|${AROUND}$`, "g");

/** Whether a word is a day that a bracket, a quotation mark or "'s" hides. */
export function isMarkedDay(language: Language, key: string): boolean {
  const word = key.replace(SURROUNDINGS, "").replaceAll("\u2019", "'").replace(/'s$/, "");
  return language.weekdays.has(word) || language.relativeDays.has(word);
}
