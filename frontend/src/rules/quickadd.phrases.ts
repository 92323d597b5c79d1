/** Tokens that are phrases of a language: recurrences, dates, times and durations. */
import { nameKey } from "./names";
import type { Language, Patterns } from "./quickadd.language";
import { type Line, type Match, open, type SpanKind, type Token } from "./quickadd.line";
import { hasAny, isMarkedDay, Matcher } from "./quickadd.matcher";
import {
  dateOf,
  isAmbiguous,
  minutesOf,
  ruleOf,
  timeInPart,
  timeOf,
  weekdayNumber,
} from "./quickadd.values";
import { parseRule } from "./rule";
import { firstDate } from "./ruledates";

// As many words after a time can name its part of the day: "in the evening".
const NEAR = 3;
// As many words can name a day that is not recognized: "on the 5th".
const LONGEST_DAY = 3;
// The words of a time such as "at 5 p.m.", and of one such as "at 8".
const LONGEST_TIME = 3;
const BARE = 2;

/** Reads the phrases of one text, on one day. */
export class Phrases {
  private readonly matcher: Matcher;
  private readonly patterns: Language["patterns"];
  // Where the part of the day begins that belongs to "every morning".
  private partOfEachDay = -1;

  constructor(
    private readonly language: Language,
    private readonly line: Line,
    private readonly today: string,
  ) {
    this.matcher = new Matcher(language, line);
    this.patterns = language.patterns;
  }

  /**
   * The recurrence with its rule, and whether the rule is counted from the completion. If the text
   * has several, or if it is not clear, they stay text, with all dates and times.
   */
  recurrence(): { token: Token; isByCompletion: boolean } | null {
    const found = [...this.recurrences()];
    if (!found.length) return null;
    const [match, rule] = found[0]!;
    if (found.length > 1 || rule === null || !this.isClear(match, rule)) {
      this.matcher.leaveAll();
      return null;
    }
    if (match.groups.each_day) this.partOfEachDay = match.after;
    return { token: token("recurrence", match, rule), isByCompletion: "after" in match.groups };
  }

  /** The last dates of a recurrence, with their prepositions, from a word on. */
  ends(first: number): Token[] {
    return [...this.led(this.patterns.until(), "recurrence")].filter((end) => end.first >= first);
  }

  /** The first dates of a recurrence, with their prepositions. */
  starts(): Iterable<Token> {
    return this.led(this.patterns.starting(), "date");
  }

  /**
   * The dates, as `YYYY-MM-DD`. If one follows a conjunction, as in "Monday at 9:00 and Friday", all
   * stay text.
   */
  dates(): Token[] {
    const found = [...this.unledDates()];
    if (!found.slice(1).some((date) => this.continuesList(date))) return found;
    this.matcher.leaveAll();
    return [];
  }

  /**
   * The last time, as `HH:MM`, and the parts of the day directly after given tokens. The last part
   * and a time that directly follows are one token. All have the same value.
   */
  times(after: readonly Token[]): Token[] {
    const parts = after.flatMap((before) => {
      const part = this.dayPart(before);
      return part ? [{ before, part }] : [];
    });
    let times: Match[] = [];
    // One after the other: what stays text changes as they are found.
    for (const match of this.matcher.unbroken(this.patterns.times())) {
      if (this.isTime(match, parts.length > 0)) times.push(match);
    }
    if (times.slice(1).some((match) => this.matcher.isAfterConjunction(match.first))) {
      times = []; // as in "at 5pm today and at 6pm"
    }
    const lastTime = times.at(-1);
    if (!parts.length) return lastTime ? [token("time", lastTime, timeOf(lastTime.groups))] : [];
    const { before, part } = parts.reduce((a, b) => (b.part.first > a.part.first ? b : a));
    const words = parts.map((pair) => pair.part);
    const last = lastTime ?? this.bareTime(before, part);
    const value = timeInPart(this.language.dayParts.get(part.groups.day_part!)!, last?.groups);
    if (last && last.first === part.after && !part.isClosed) {
      words.splice(words.indexOf(part), 1);
      words.push({ ...last, first: part.first, start: part.start });
    } else if (last) {
      words.push(last);
    }
    return words.map((match) => token("time", match, value));
  }

  /** The durations in minutes. */
  *durations(): Generator<Token> {
    for (const match of this.matcher.matches(this.patterns.durations())) {
      const change = this.matcher.matchAfter(match, this.patterns.notBefore());
      const minutes = minutesOf(match.groups);
      if (change || minutes === null || this.line.isBracketed(match.first)) continue;
      if (this.matcher.endsPhrase(match)) yield token("duration", match, minutes);
    }
  }

  /** Each recurrence with its rule, or null if words around it change the rule. */
  private *recurrences(): Generator<[Match, string | null]> {
    const { notBefore, limits, recurrences } = this.patterns;
    for (const match of this.matcher.matches(recurrences())) {
      const rule = this.isRecurrence(match) ? ruleOf(this.language, match.groups) : null;
      if (rule === null || !this.hasDate(rule)) {
        this.matcher.leave(match);
      } else {
        const isChanged =
          this.matcher.isInList(match) || this.matcher.matchAfter(match, notBefore(), limits());
        yield [match, isChanged ? null : rule];
      }
    }
  }

  /**
   * Whether nothing else in a text contradicts its recurrence. An exception does, and so does a
   * period, an end that is not a date, a weekday that the rule lacks, another date after a
   * conjunction, or a first date with which a range begins.
   */
  private isClear(match: Match, rule: string): boolean {
    const { matcher, patterns } = this;
    if (!matcher.matches(patterns.exceptions()).next().done) return false;
    const periods = [...matcher.matches(patterns.periods())];
    if (periods.some((period) => period.first >= match.after)) return false;
    const ends = [...matcher.matches(patterns.until())];
    const starts = [...matcher.matches(patterns.starting())];
    if (!ends.every((end) => this.isEnd(match, end))) return false;
    const firsts = starts.map((start) => matcher.matchAt(start.after, patterns.dates()));
    if (firsts.some((first) => first && matcher.beginsRange(first))) return false;
    const leads = [...ends, ...starts];
    const { byDay, frequency } = parseRule(rule);
    const days = byDay.map(([weekday]) => weekday);
    for (const other of this.otherDates(match)) {
      if (leads.some((lead) => lead.first <= other.first && other.first <= lead.after)) continue;
      const { weekday: word, next } = other.groups;
      if (word && !next && !days.includes(weekdayNumber(this.language, word))) {
        if (days.length || frequency !== "WEEKLY") return false;
      }
      if (other.first > match.after && matcher.isAfterConjunction(other.first)) return false;
    }
    return true;
  }

  /**
   * Whether a word such as "until" begins an end of the recurrence, or none at all. An end is a date
   * after the recurrence. Before it, or with a part of the day, it is another date.
   */
  private isEnd(recurrence: Match, end: Match): boolean {
    const { line, matcher, patterns } = this;
    if (end.isClosed || line.isTaken(end.after)) return false;
    if (matcher.matchAt(end.after, patterns.times())) return true;
    const found = matcher.matchAt(end.after, patterns.dates());
    if (!found) return /^\p{Nd}/u.test(line.keys[end.after]!);
    return end.first >= recurrence.after && !matcher.matchAfter(found, patterns.dayParts());
  }

  private otherDates({ first, after }: Match): Match[] {
    return [...this.matcher.matches(this.patterns.dates())].filter(
      (match) =>
        (match.first < first || match.first >= after) &&
        this.matcher.isCertain(match) &&
        !this.matcher.isAfterOtherWord(match),
    );
  }

  private *unledDates(): Generator<Token> {
    for (const match of this.matcher.unbroken(this.patterns.dates())) {
      if (this.isMorning(match)) continue;
      const change = this.matcher.matchAfter(match, this.patterns.notBefore());
      const found = dateOf(this.language, match.groups, this.today);
      if (change || found === null || !this.isDate(match)) this.matcher.leave(match, change);
      else yield token("date", match, found);
    }
  }

  /** Whether a conjunction is before a date, or before the time in front of it. */
  private continuesList(date: Token): boolean {
    const firsts = [date.first];
    for (let index = Math.max(date.first - LONGEST_TIME, 0); index < date.first; index++) {
      if (this.line.match(this.patterns.times(), index)?.after === date.first) firsts.push(index);
    }
    return firsts.some((first) => this.matcher.isAfterConjunction(first));
  }

  private *led(patterns: Patterns, kind: SpanKind): Generator<Token> {
    for (const lead of this.matcher.matches(patterns)) {
      const match = this.matcher.matchAt(lead.after, this.patterns.dates());
      if (!match || lead.isClosed) continue;
      const change = this.matcher.matchAfter(match, this.patterns.notBefore());
      const found = dateOf(this.language, match.groups, this.today);
      if (change || found === null || !this.matcher.isCertain(match, true)) continue;
      yield { ...token(kind, match, found), first: lead.first, start: lead.start };
    }
  }

  /** Whether "morgen" is the morning, as it is after another day or after "jeden". */
  private isMorning(match: Match): boolean {
    const { language } = this;
    const last = match.after - 1;
    if (match.first === this.partOfEachDay) return true;
    if (last === 0 || !language.capitalizedNouns.has(match.groups.relative ?? "")) return false;
    // The day before may be part of a token.
    const before = nameKey(this.line.words[last - 1]!.text);
    return language.weekdays.has(before) || language.relativeDays.has(before);
  }

  private isDate(match: Match): boolean {
    const last = match.after - 1;
    if (last > 0 && this.language.capitalizedNouns.has(match.groups.relative ?? "")) {
      const [initial] = this.line.words[last]!.text;
      return initial !== initial!.toUpperCase();
    }
    return this.matcher.isCertain(match);
  }

  /** Whether a time is one, before or after noon. `isCertain`: which of them is known. */
  private isTime(match: Match, isCertain: boolean): boolean {
    const { notBefore, zones } = this.patterns;
    if (this.matcher.matchAfter(match, notBefore(), zones())) return false;
    if (!isCertain && this.isBesideDay(match)) return false;
    if (match.groups.unclear && !this.matcher.endsPhrase(match)) return false;
    if (isCertain || !isAmbiguous(match.groups)) return true;
    const { keys } = this.line;
    const { first, after } = match;
    const near = [...keys.slice(Math.max(first - 1, 0), first), ...keys.slice(after, after + NEAR)];
    return !near.some((key) => this.language.late.some((late) => open(key).endsWith(late)));
  }

  /** Whether a day that is not recognized is directly before or after a time. */
  private isBesideDay({ first, after }: Match): boolean {
    const undated = this.patterns.undated();
    if (this.matcher.isLeft(after) || this.line.match(undated, after)) return true;
    for (let index = Math.max(first - LONGEST_DAY, 0); index < first; index++) {
      if (this.line.match(undated, index)?.after === first) return true;
    }
    if (first === 0 || this.line.isTaken(first - 1)) return false;
    return isMarkedDay(this.language, this.line.keys[first - 1]!);
  }

  /** A time such as "at 8" directly after a part of the day, or before its date. */
  private bareTime(date: Token, part: Match): Match | null {
    const after = this.matcher.matchAfter(part, this.patterns.bareTimes());
    if (after && this.matcher.endsPhrase(after)) return after;
    const before = this.line.match(this.patterns.bareTimes(), Math.max(date.first - BARE, 0));
    return before?.after === date.first ? before : null;
  }

  private hasDate(rule: string): boolean {
    // From which date the interval is counted is not known yet.
    return firstDate({ ...parseRule(rule), interval: 1 }, this.today) !== null;
  }

  private isRecurrence(match: Match): boolean {
    const { groups } = match;
    if (this.matcher.isAfterOtherWord(match)) return false;
    if (hasAny(match, ["unit", "of_month"])) return true;
    if (groups.monthdays && this.matcher.isBeforeWeekday(match)) return false;
    if (groups.month) return this.matcher.isCertain(match);
    const isNoun = this.language.nouns.has((groups.weekdays ?? "").split(" ").at(-1)!);
    return isNoun || groups.monthdays ? this.matcher.endsPhrase(match) : true;
  }

  /** The part of the day directly after a token. */
  private dayPart({ after, end }: Token): Match | null {
    if (this.line.isTaken(after) || this.line.words[after - 1]!.end !== end) return null;
    return this.line.match(this.patterns.dayParts(), after);
  }
}

function token(kind: SpanKind, { first, after, start, end }: Match, value: string | number): Token {
  return { kind, first, after, start, end, value };
}
