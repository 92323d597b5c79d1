/** A text as words, on which patterns are matched. */
import { nameKey } from "./names";
import type { Patterns } from "./quickadd.language";

export type SpanKind =
  | "list"
  | "section"
  | "label"
  | "priority"
  | "date"
  | "time"
  | "duration"
  | "recurrence"
  | "escape";

/** Characters between white space, or a part of them. */
export interface Word {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * The words `first` to `after`, exclusive, as a pattern matches them. `end` is the position in the
 * text; punctuation may follow before the next word, which `isClosed` says. `groups` holds the groups
 * of the pattern that matched something.
 */
export interface Match {
  readonly first: number;
  readonly after: number;
  readonly start: number;
  readonly end: number;
  readonly isClosed: boolean;
  readonly groups: Readonly<Record<string, string>>;
}

/** The words `first` to `after`, exclusive, and their place in the text, with what they set. */
export interface Token {
  readonly kind: SpanKind;
  readonly first: number;
  readonly after: number;
  readonly start: number;
  readonly end: number;
  readonly value: string | number;
}

export const ESCAPE = "\\";
const TAKEN = "\0";
const TOO_LONG = "\u0001";
// No name and no phrase has longer words.
const MAX_KEY = 480;

/** A text without the punctuation at its end. */
export function open(text: string): string {
  return text.replace(/[,.;:!?)]+$/, "");
}

/**
 * The words of a text, and their keys, joined by spaces. Words of tokens are taken: no pattern
 * matches into them. A compound is two words if `firstPart` matches the first of them.
 */
export class Line {
  readonly words: readonly Word[];
  readonly keys: string[];
  private joined: { text: string; starts: number[] } | null = null;
  private inBrackets: Set<number> | null = null;

  constructor(
    private readonly text: string,
    firstPart: RegExp | null,
    isUnescaped = false,
  ) {
    this.words = wordsOf(text, firstPart);
    this.keys = this.words.map(({ text: word }) => {
      const bare = isUnescaped && word.startsWith(ESCAPE) ? word.slice(1) || ESCAPE : word;
      return bare.length <= MAX_KEY ? nameKey(bare) : TOO_LONG;
    });
  }

  /** Whether a word is in brackets; the first one in them begins with the bracket, and is not. */
  isBracketed(index: number): boolean {
    this.inBrackets ??= new Set(
      Array.from(this.text.matchAll(/(?<!\S)[([][^()[\]]*[)\]]/g)).flatMap((found) =>
        this.words
          .map((word, at) => ({ at, start: word.start }))
          .filter(({ start }) => start > found.index && start < found.index + found[0].length)
          .map(({ at }) => at),
      ),
    );
    return this.inBrackets.has(index);
  }

  /** Takes the words of tokens of one kind, and returns the last of them. */
  takeLast(tokens: Iterable<Token>): Token | null {
    return this.takeAll(tokens).reduce<Token | null>(
      (last, token) => (last && last.first >= token.first ? last : token),
      null,
    );
  }

  /** Takes the words of tokens, and returns the tokens. */
  takeAll(tokens: Iterable<Token>): Token[] {
    const found = [...tokens];
    for (const { first, after } of found) this.keys.fill(TAKEN, first, after);
    this.joined = null;
    return found;
  }

  /** Whether a word is part of a token, or the text ends before it. */
  isTaken(index: number): boolean {
    return index >= this.keys.length || this.keys[index] === TAKEN;
  }

  /** The first match that begins with a word, in the order of the patterns. */
  match(patterns: Patterns, index: number): Match | null {
    return this.matches(patterns, index).next().value ?? null;
  }

  /** Yields the match of each pattern that begins with a word, and ends at the end of one. */
  *matches(patterns: Patterns, index: number): Generator<Match, undefined> {
    if (index < 0 || this.isTaken(index)) return;
    const { text, starts } = (this.joined ??= this.join());
    for (const pattern of patterns) {
      pattern.lastIndex = starts[index]!;
      const found = pattern.exec(text);
      if (!found) continue;
      const end = found.index + found[0].length;
      let last = index;
      while (starts[last + 1]! <= end - 1) last += 1;
      const rest = starts[last + 1]! - 1 - end;
      const groups = Object.entries(found.groups ?? {}).filter(([, value]) => value);
      yield {
        first: index,
        after: last + 1,
        start: this.words[index]!.start,
        end: this.words[last]!.end - rest,
        isClosed: rest > 0,
        groups: Object.fromEntries(groups),
      };
    }
  }

  private join(): { text: string; starts: number[] } {
    let at = 0;
    const starts = [0, ...this.keys.map((key) => (at += key.length + 1))];
    return { text: this.keys.join(" "), starts };
  }
}

function wordsOf(text: string, firstPart: RegExp | null): Word[] {
  const words: Word[] = [];
  for (const found of text.matchAll(/\S+/g)) {
    let start = found.index;
    const end = start + found[0].length;
    if (firstPart) {
      firstPart.lastIndex = start + (text[start] === ESCAPE ? 1 : 0);
      if (firstPart.test(text)) {
        const middle = firstPart.lastIndex;
        words.push({ start, end: middle, text: text.slice(start, middle) });
        start = middle;
      }
    }
    words.push({ start, end, text: text.slice(start, end) });
  }
  return words;
}
