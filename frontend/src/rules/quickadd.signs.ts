/** Tokens that begin with a sign: lists, sections and labels by name; and priorities. */
import { nameKey } from "./names";
import { type Line, open, type SpanKind, type Token } from "./quickadd.line";

/** As many as a task can have. Further labels stay text. */
const MAX_LABELS = 50;
const MAX_NAME = 120;

export interface Named {
  readonly id: string;
  readonly name: string;
}
export interface NamedSection extends Named {
  readonly list_id: string;
}

/** Names as a tree of words, so that the longest is found in one walk along the text. */
interface Names {
  value?: string;
  readonly following: Map<string, Names>;
}

/** Builds the tree of pairs of a name and a value. Of equal names, the first one is used. */
function namesOf(named: Iterable<readonly [name: string, value: string]>): Names {
  const root: Names = { following: new Map() };
  for (const [name, value] of named) {
    let node = root;
    for (const word of wordsOf(name)) {
      let next = node.following.get(word);
      if (!next) node.following.set(word, (next = { following: new Map() }));
      node = next;
    }
    node.value ??= value;
  }
  return root;
}

function wordsOf(name: string): string[] {
  return nameKey(name).split(/\s+/).filter(Boolean);
}

/** Each `#list` with its id. */
export function lists(line: Line, known: readonly Named[]): Token[] {
  return named(line, "#", "list", () => known.map(({ id, name }) => [name, id]));
}

/**
 * Each `/section` with its id. With a list, only its sections are found. Without one, a name must be
 * in one list only: then the longest name counts even if it is ambiguous, and is left out.
 */
export function sections(line: Line, all: readonly NamedSection[], listId: string | null): Token[] {
  return named(line, "/", "section", () => {
    const known = all.filter(({ list_id }) => listId === null || list_id === listId);
    const listsOf = new Map<string, Set<string>>();
    for (const { name, list_id } of known) {
      const key = wordsOf(name).join(" ");
      listsOf.set(key, (listsOf.get(key) ?? new Set()).add(list_id));
    }
    return known.map(({ id, name }) => [
      name,
      listsOf.get(wordsOf(name).join(" "))!.size === 1 ? id : "",
    ]);
  }).filter(({ value }) => value);
}

/** Each `@label` with its name: an existing one, or the word after the sign. */
export function labels(line: Line, known: readonly Named[]): Token[] {
  const tokens: Token[] = [];
  const signed = signedWords(line, "@");
  if (!signed.length) return tokens;
  const spellings = new Map(known.toReversed().map(({ name }) => [nameKey(name), name]));
  const names = namesOf(known.map(({ name }) => [name, name]));
  const found = new Set<string>();
  let after = 0;
  for (const index of signed) {
    if (index < after) continue;
    const token = longest(line, index, "label", names) ?? newLabel(line, index, spellings);
    if (!token) continue;
    const key = nameKey(String(token.value));
    if (!found.has(key) && found.size >= MAX_LABELS) continue;
    found.add(key);
    after = token.after;
    tokens.push(token);
  }
  return tokens;
}

/** Each `p1` to `p4` with its number. */
export function priorities(line: Line): Token[] {
  return line.keys.flatMap((key, index) => {
    const bare = open(key);
    if (!/^p[1-4]$/.test(bare)) return [];
    const { start, end } = line.words[index]!;
    const closed = end - (key.length - bare.length);
    return [token("priority", index, index + 1, start, closed, Number(bare[1]))];
  });
}

/** The words that begin with a sign and are not part of a token yet. */
function signedWords(line: Line, sign: string): number[] {
  return line.words.flatMap(({ text }, index) =>
    text.startsWith(sign) && line.keys[index]!.startsWith(sign) ? [index] : [],
  );
}

function named(
  line: Line,
  sign: string,
  kind: SpanKind,
  names: () => Iterable<readonly [name: string, value: string]>,
): Token[] {
  const tokens: Token[] = [];
  const signed = signedWords(line, sign);
  // Without the sign, as in most texts, the names are not needed.
  if (!signed.length) return tokens;
  const tree = namesOf(names());
  for (const index of signed) {
    const found = index >= (tokens.at(-1)?.after ?? 0) ? longest(line, index, kind, tree) : null;
    if (found) tokens.push(found);
  }
  return tokens;
}

/** The longest name after a sign. It ends with a word, or before punctuation. */
function longest(line: Line, first: number, kind: SpanKind, names: Names): Token | null {
  let found: Token | null = null;
  let node: Names | undefined = names;
  for (let index = first; node && index < line.words.length; index++) {
    const key: string = index === first ? line.keys[index]!.slice(1) : line.keys[index]!;
    for (const word of [key, open(key)]) {
      const value = node.following.get(word)?.value;
      if (value === undefined) continue;
      const end = line.words[index]!.end - (key.length - word.length);
      found = token(kind, first, index + 1, line.words[first]!.start, end, value);
      break;
    }
    node = node.following.get(key);
  }
  return found;
}

function newLabel(line: Line, index: number, spellings: Map<string, string>): Token | null {
  const { start, text } = line.words[index]!;
  const written = open(text.slice(1));
  if (!isName(written)) return null;
  // If a new label occurs twice, the first spelling is used.
  const key = nameKey(written);
  const name = spellings.get(key) ?? written.normalize("NFC");
  spellings.set(key, name);
  return token("label", index, index + 1, start, start + 1 + written.length, name);
}

/** Whether a word can be a label: with a letter, a digit or a symbol such as an emoji. */
function isName(text: string): boolean {
  return (
    [...text].length <= MAX_NAME &&
    /[\p{L}\p{N}\p{So}]/u.test(text) &&
    !/[\p{Cc}\p{Cs}]/u.test(text)
  );
}

function token(
  kind: SpanKind,
  first: number,
  after: number,
  start: number,
  end: number,
  value: string | number,
): Token {
  return { kind, first, after, start, end, value };
}
