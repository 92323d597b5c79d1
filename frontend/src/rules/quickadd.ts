/**
 * Quick add: a line of text becomes the draft of a task, by a small grammar for each language.
 * docs/quick-add.md describes it, and vectors/quick_add.json has more than a thousand cases.
 */
import { addDays } from "./dates";
import { nameKey } from "./names";
import type { Language } from "./quickadd.language";
import { ESCAPE, Line, type SpanKind, type Token } from "./quickadd.line";
import { Phrases } from "./quickadd.phrases";
import * as signs from "./quickadd.signs";
import { parseRule } from "./rule";
import { firstDate } from "./ruledates";

export type { Language, SpanKind };

/** The settings and names that decide what a text means. Of equal names, the first one is used. */
export interface QuickAddContext {
  readonly language: Language;
  /** The user's local date and time, `YYYY-MM-DDTHH:MM`. */
  readonly now: string;
  /** Those that are not archived, in order. */
  readonly lists?: readonly signs.Named[];
  readonly sections?: readonly signs.NamedSection[];
  readonly labels?: readonly signs.Named[];
}

/** What was recognized: `text.slice(start, end)`. `value` is that of the server's `spans`. */
export interface Span {
  readonly start: number;
  readonly end: number;
  readonly kind: SpanKind;
  readonly value: string | number;
}

/** The task that a text describes. */
export interface Draft {
  /** Empty if the text consists of tokens alone: then there is nothing to add. */
  readonly title: string;
  readonly list_id: string | null;
  readonly section_id: string | null;
  /** Those without an id are new. */
  readonly labels: readonly { readonly id: string | null; readonly name: string }[];
  readonly priority: number | null;
  readonly due: { readonly date: string; readonly time: string | null } | null;
  readonly duration_minutes: number | null;
  readonly recurrence: { readonly rule: string; readonly anchor: "due" | "completion" } | null;
}

/**
 * The task that a text describes, and the parts of the text that were recognized, in order. Of each
 * kind except labels, the last token is used; the earlier ones stay text.
 */
export function quickAdd(text: string, context: QuickAddContext): { draft: Draft; spans: Span[] } {
  const { language, now, lists = [], sections = [], labels = [] } = context;
  const line = new Line(text, language.firstPart);
  const list = line.takeLast(signs.lists(line, lists));
  let listId = list && String(list.value);
  const section = line.takeLast(signs.sections(line, sections, listId));
  if (section) listId = sections.find(({ id }) => id === section.value)!.list_id;
  const labelled = line.takeAll(signs.labels(line, labels));
  const priority = line.takeLast(signs.priorities(line));
  const schedule = scheduleOf(line, new Phrases(language, line, now.slice(0, 10)), now);
  const spans = [list, section, ...labelled, priority, ...schedule.tokens]
    .filter((token) => token !== null)
    .concat(escapes(text, language, line))
    .sort((a, b) => a.start - b.start)
    .map(({ start, end, kind, value }) => ({ start, end, kind, value }));
  const draft: Draft = {
    title: titleOf(text, spans),
    list_id: listId,
    section_id: section && String(section.value),
    labels: labelsOf(labelled, labels),
    priority: priority && Number(priority.value),
    due: schedule.due,
    duration_minutes: schedule.duration && Number(schedule.duration.value),
    recurrence: schedule.recurrence,
  };
  return { draft, spans };
}

/** Each label once. */
function labelsOf(tokens: readonly Token[], known: readonly signs.Named[]): Draft["labels"] {
  const named = new Map(known.toReversed().map((label) => [nameKey(label.name), label]));
  const found = new Map(tokens.map(({ value }) => [nameKey(String(value)), String(value)]));
  return Array.from(found, ([key, name]) => {
    const label = named.get(key);
    return label ? { id: label.id, name: label.name } : { id: null, name };
  });
}

/** When a task is due, how long it takes and how it recurs. */
function scheduleOf(line: Line, phrases: Phrases, now: string) {
  const found = phrases.recurrence();
  const token = found && line.takeLast([found.token]);
  const end = token && line.takeLast(phrases.ends(token.after));
  const start = token && line.takeLast(phrases.starts());
  const day = start ?? line.takeLast(phrases.dates());
  const hours = line.takeAll(phrases.times([token, day].filter((each) => each !== null)));
  const duration = line.takeLast(phrases.durations());

  const time = hours[0] ? String(hours[0].value) : null;
  // Today, or tomorrow if the time is past.
  const isPast = time !== null && time < now.slice(11);
  let date = day ? String(day.value) : addDays(now.slice(0, 10), isPast ? 1 : 0);
  const isFixed = day !== null && day !== start;
  const repetition = token && repetitionOf(token, end, date, isFixed);
  if (repetition && !isFixed) date = repetition.first;
  return {
    due: day || time !== null || repetition ? { date, time } : null,
    duration,
    recurrence: repetition && {
      rule: repetition.rule,
      anchor: found!.isByCompletion ? ("completion" as const) : ("due" as const),
    },
    tokens: [day, ...hours, duration, ...(repetition?.tokens ?? [])],
  };
}

/**
 * The rule of a recurrence and its first date, or null if it has none. An end before that is dropped.
 * Intervals are counted from the start if that is fixed, else from the first date: on a Thursday,
 * "every other Monday" begins with the next Monday.
 */
function repetitionOf(token: Token, end: Token | null, start: string, isFixed: boolean) {
  const parsed = parseRule(String(token.value));
  const first = firstDate(isFixed ? parsed : { ...parsed, interval: 1 }, start);
  if (first === null) return null;
  const isEnded = end !== null && String(end.value) >= first;
  const until = isEnded ? `;UNTIL=${String(end.value).replaceAll("-", "")}` : "";
  const rule = `${token.value}${until}`;
  // Both tokens have the whole rule as their value.
  const tokens = (isEnded ? [token, end] : [token]).map((each) => ({ ...each, value: rule }));
  return { rule, first, tokens };
}

/**
 * The backslashes before a sign, and before words that could be part of a token. Others are part of
 * their word, as in a path. `read` is the text with its tokens taken.
 */
function escapes(text: string, language: Language, read: Line): Token[] {
  if (!text.includes(ESCAPE)) return [];
  const line = new Line(text, language.firstPart, true);
  const covered = new Set(signs.priorities(line).map(({ first }) => first));
  for (const index of line.words.keys()) {
    for (const { first, after } of line.matches(language.allPatterns(), index)) {
      for (let word = first; word < after; word++) covered.add(word);
    }
  }
  return line.words.flatMap(({ text: word, start }, index) => {
    if (!word.startsWith(ESCAPE) || read.isTaken(index)) return [];
    if (!covered.has(index) && !/^\\[#/@]/.test(word)) return [];
    return [
      { kind: "escape", first: index, after: index, start, end: start + 1, value: ESCAPE } as const,
    ];
  });
}

/**
 * A text without its spans, which are in order. A token is removed with the white space before it.
 * Punctuation after it stays, except before the first word. Separators are also removed between
 * tokens and after the last word.
 */
function titleOf(text: string, spans: readonly Span[]): string {
  const pieces = piecesOf(text, spans);
  let title = "";
  for (const [number, piece] of pieces.entries()) {
    let words = piece.trim();
    if (number && !title) words = piece.replace(/^[,.;:!?)]+/, "").trim();
    else if (number < pieces.length - 1 && /^[,;:]*$/.test(words)) words = "";
    if (words) title += title && /^\s/.test(piece) ? ` ${words}` : words;
  }
  return pieces.at(-1)!.trim() ? title : title.replace(/[,;: ]+$/, "");
}

/** The text before, between and after the tokens, without the backslashes of escapes. */
function piecesOf(text: string, spans: readonly Span[]): string[] {
  const pieces = [""];
  let position = 0;
  for (const span of spans) {
    pieces[pieces.length - 1] += text.slice(position, span.start);
    position = span.end;
    if (span.kind !== "escape") pieces.push("");
  }
  pieces[pieces.length - 1] += text.slice(position);
  return pieces;
}
