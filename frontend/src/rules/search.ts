/**
 * Search as the API's `q` does it: all words, in any order, without regard to case and accents.
 *
 * A text is folded once to its words with spaces around them, so that looking for a word, the
 * beginning of one or a phrase is looking for a part of a string.
 */
import { caseFolded } from "./names";

const MAX_WORD_LENGTH = 64;
const OTHER_WORDS = /\S{65,}/;

// Scripts without spaces between words: each character is a word.
const WITHOUT_SPACES =
  /[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]/u;
// Letters that Unicode does not decompose, after the letter that is found in place of them. The
// server also knows those of phonetics and of medieval manuscripts.
const STROKES =
  "aⱥ bƀƃɓ cƈȼɕ dđƌȡɖɗ eɇⱸ fƒ gǥɠ hħɦⱨ iɨı jɉʝ kƙⱪ lłƚȴɫɬɭⱡ mɱ nƞȵɲɳ oøⱺ pƥᵽ qɋʠ rɍɼɽɾ sȿʂ tŧƫƭȶʈⱦ vʋⱱⱴ wⱳ yƴɏỿ zƶȥɀʐʑⱬ";
const STROKED = new Map(
  STROKES.split(" ").flatMap(([base, ...letters]) => letters.map((letter) => [letter, base!])),
);

const folded = new Map<string, string>();

/** The words of a text, each between two spaces; for a text without words, one space. */
export function fold(text: string): string {
  const plain = /^[\0-\x7f]*$/.test(text) ? text.toLowerCase() : text.replace(/[^]/gu, foldCached);
  const words = ` ${plain.replace(/[\0-/:-@[-`{-\x7f\s]+/g, " ")} `.replace(/ {2,}/g, " ");
  if (!OTHER_WORDS.test(words)) return words;
  return words.replace(/\S+/gu, (word) => [...word].slice(0, MAX_WORD_LENGTH).join(""));
}

function foldCached(character: string): string {
  let found = folded.get(character);
  if (found === undefined) {
    found = foldCharacter(character);
    folded.set(character, found);
  }
  return found;
}

function foldCharacter(character: string): string {
  const letters = Array.from(character.normalize("NFKD")).filter((part) => !isAccent(part));
  // Composed again where no accent was removed: Hangul syllables and voiced kana.
  return Array.from(caseFolded(letters.join("")).normalize("NFC"), partOfWord).join("");
}

function partOfWord(character: string): string {
  if (character === "\u200b") return " ";
  // Soft hyphens, joiners and directions are inside of words.
  if (/[\p{Cf}\p{Me}\p{Variation_Selector}\u034f]/u.test(character)) return "";
  if (!/[\p{L}\p{M}\p{N}]/u.test(character)) return " ";
  if (WITHOUT_SPACES.test(character) && !/[\u3099\u309a]/.test(character)) return ` ${character} `;
  return STROKED.get(character) ?? character;
}

/**
 * Whether a combining mark is an accent: not one that voices kana or spells vowels and conjuncts in
 * the scripts of South and South-East Asia. Their combining classes are 0, 8, 9 and 84 to 132.
 * JavaScript shows these only in the order into which it normalizes marks.
 */
function isAccent(mark: string): boolean {
  if (!/\p{M}/u.test(mark)) return false;
  const comesFirst = (first: string, then: string) =>
    first !== then && (then + first).normalize("NFD") === first + then;
  if (comesFirst(mark, "\u3099")) return true; // 1 to 7
  if (!comesFirst("\u094d", mark)) return false;
  return comesFirst(mark, "\u0c55") || !comesFirst(mark, "\u0327"); // 10 to 83, 133 and more
}

/** What has a title and notes: a task. */
export interface Searchable {
  readonly title: string;
  readonly description: string | null;
}

const texts = new WeakMap<Searchable, string>();

/** The folded text of a task, kept as long as the object. Call it when idle to make a search fast. */
export function searchText(task: Searchable): string {
  let text = texts.get(task);
  if (text === undefined) {
    // No phrase reaches from the title into the description.
    text = task.description ? `${fold(task.title)}\n${fold(task.description)}` : fold(task.title);
    texts.set(task, text);
  }
  return text;
}

const TERM = /((?<!\S)-(?!-))?(?:"([^"]*)("?)|[^\s"]+)/g;

/** What a user searches for, as a condition on tasks. A text without words finds nothing. */
export function searcher(query: string): (task: Searchable) => boolean {
  const terms = Array.from(query.matchAll(TERM), ([term, minus, phrase, end]) => ({
    words: fold(term),
    isExcluded: minus !== undefined,
    isPlain: phrase === undefined,
    isOpen: end === "",
  })).filter((term) => term.words !== " ");
  if (!terms.length) return () => false;
  const last = terms.findLast((term) => term.isPlain && !term.isExcluded);
  const wanted: string[] = [];
  const excluded: string[] = [];
  for (const { words, isExcluded, isOpen, ...term } of terms) {
    const isBegun = isOpen || (last?.words === words && term.isPlain);
    if (isExcluded) excluded.push(words);
    else wanted.push(isBegun ? words.slice(0, -1) : words);
  }
  return (task) => {
    const text = searchText(task);
    return (
      wanted.every((words) => text.includes(words)) &&
      !excluded.some((words) => text.includes(words))
    );
  };
}
