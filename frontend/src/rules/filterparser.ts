/**
 * The parser of filters, by recursive descent. docs/filters.md describes the language.
 *
 * filter = all, {"|", all}
 * all = one, {"&", one}
 * one = "!", one | "(", filter, ")" | term
 */
import { dayOf, isDay, ordinalOf } from "./dates";
import {
  ABSENT,
  DATES,
  DAYS,
  type Expected,
  FilterMistake,
  OPERATORS,
  STATES,
  UNITS,
  WEEKDAYS,
} from "./filtermistake";
import {
  type Absent,
  costOf,
  type DateField,
  type Filter,
  type FilterDay,
  isSearch,
  itemsOf,
  type State,
} from "./filtertree";

const MAX_LENGTH = 500;
const MAX_TERMS = 50;
const MAX_DEPTH = 10;
const MAX_NUMBER = 9999;
const MAX_COST = 50;
const SEARCH_COST = 35;

// Unicode's White_Space, and Cc, Cs and line separators.
const SPACE = "\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const SPACES = new RegExp(`[${SPACE}]*`, "yu");
const BARE = new RegExp(`[^${SPACE}&|!()<>="]*`, "yu");
const WORD = /[A-Za-z][A-Za-z0-9]*/y;
const DIGITS = /[0-9]+/y;
const ISO = /[0-9]{4}-[0-9]{2}-[0-9]{2}/y;
const CONTROL = /[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]/u;

/** The filter that a text means. Throws `FilterMistake` if it is not one. */
export function parseFilter(text: string): Filter {
  const characters = [...text];
  if (characters.length > MAX_LENGTH) {
    throw new FilterMistake("short", characters.slice(0, MAX_LENGTH).join("").length);
  }
  return new Parser(text).whole();
}

class Parser {
  private at = 0;
  private depth = 0;
  private terms = 0;
  /** Where searches and labels begin, for the mistake that a filter costs too much. */
  private readonly places = new Map<Filter, number>();

  constructor(private readonly text: string) {}

  whole(): Filter {
    const filter = this.any();
    this.skip();
    if (this.at < this.text.length) throw this.mistake("and_or_end");
    const searches = this.searchesOf(filter);
    if (costOf(filter) + SEARCH_COST * searches.length > MAX_COST) {
      throw this.mistake("cheap", Math.max(...searches, ...this.labelsOf(filter)));
    }
    return filter;
  }

  private any(): Filter {
    const items = this.separated("|", () => this.all());
    return items.length === 1 ? items[0]! : { or: items };
  }

  private all(): Filter {
    const items = this.separated("&", () => this.one());
    return items.length === 1 ? items[0]! : { and: items };
  }

  private separated(sign: string, item: () => Filter): Filter[] {
    const items = [item()];
    while (this.take(sign)) items.push(item());
    return items;
  }

  private one(): Filter {
    if (this.take("!")) return { not: this.deeper(() => this.one()) };
    if (!this.take("(")) return this.term();
    const filter = this.deeper(() => this.any());
    if (!this.take(")")) throw this.mistake("and_or_close");
    return filter;
  }

  private deeper(inner: () => Filter): Filter {
    // The sign has been read.
    if (this.depth === MAX_DEPTH) throw this.mistake("levels", this.at - 1);
    this.depth += 1;
    const filter = inner();
    this.depth -= 1;
    return filter;
  }

  private term(): Filter {
    const start = this.skip();
    this.terms += 1;
    if (this.terms > MAX_TERMS) throw this.mistake("terms");
    if (this.take("#")) return this.name("list");
    if (this.take("/")) return this.name("section");
    if (this.take("@")) return this.name("label");
    const word = this.match(WORD).toLowerCase();
    if (DATES.includes(word)) {
      const operator = OPERATORS.find((sign) => this.take(sign));
      if (operator) return { date: word as DateField, operator, day: this.day() };
    }
    if (/^p[1-4]$/.test(word)) return { priority: Number(word[1]) };
    if (STATES.includes(word)) return { is: word as State };
    if (word === "today") return { date: "due", operator: "=", day: { from: "today", days: 0 } };
    if (DATES.includes(word)) throw this.mistake("operator");
    if (word === "no") return this.without();
    if (word === "search") return this.search(start);
    throw this.mistake("term", start);
  }

  private name(kind: "list" | "section" | "label"): Filter {
    const start = this.at;
    const [name, isQuoted] = this.string();
    if (!name) throw this.mistake(`${kind}_name`, start);
    if (kind === "list" && !isQuoted && name.toLowerCase() === "inbox" && /^[a-z]+$/i.test(name)) {
      return { no: "list" };
    }
    const isBegun = !isQuoted && name.endsWith("*");
    const filter = { [kind]: isBegun ? { begins: name.slice(0, -1) } : name } as unknown as Filter;
    if (kind === "label") this.places.set(filter, start - 1);
    return filter;
  }

  private without(): Filter {
    const start = this.skip();
    const word = this.match(WORD).toLowerCase();
    if (!ABSENT.includes(word)) throw this.mistake("absent", start);
    return { no: word as Absent };
  }

  private search(position: number): Filter {
    if (!this.take(":")) throw this.mistake("colon");
    const start = this.skip();
    const [search] = this.string();
    if (!search.trim()) throw this.mistake("text", start);
    const filter = { search };
    this.places.set(filter, position);
    return filter;
  }

  private day(): FilterDay {
    const start = this.skip();
    const written = this.match(ISO);
    if (written) {
      if (!isDay(written)) throw this.mistake("existing_day", start);
      const ordinal = ordinalOf(written) + this.offset();
      if (ordinal < 1 || ordinal > ordinalOf("9999-12-31")) throw this.mistake("near_day", start);
      return dayOf(ordinal);
    }
    const word = this.match(WORD).toLowerCase();
    if (!DAYS.includes(word)) throw this.mistake("day", start);
    const from = WEEKDAYS.includes(word) ? word : "today";
    const near = word === "tomorrow" ? 1 : word === "yesterday" ? -1 : 0;
    return { from, days: near + this.offset() };
  }

  /** Reads `+ 3 days` or `- 2 weeks`, if there is one, and returns the number of days. */
  private offset(): number {
    if (this.take("+")) return this.numberOfDays();
    return this.take("-") ? -this.numberOfDays() : 0;
  }

  private numberOfDays(): number {
    let start = this.skip();
    const digits = this.match(DIGITS);
    if (!digits || Number(digits) > MAX_NUMBER) throw this.mistake("number", start);
    start = this.skip();
    const unit = UNITS[this.match(WORD).toLowerCase()];
    if (unit === undefined) throw this.mistake("unit", start);
    return Number(digits) * unit;
  }

  // Reading

  private mistake(expected: Expected, at = this.at): FilterMistake {
    return new FilterMistake(expected, at);
  }

  /** Moves to the next token, or to the end, and returns the position. */
  private skip(): number {
    this.read(SPACES);
    return this.at;
  }

  private take(sign: string): boolean {
    this.skip();
    const isThere = this.text.startsWith(sign, this.at);
    if (isThere) this.at += sign.length;
    return isThere;
  }

  private match(pattern: RegExp): string {
    this.skip();
    return this.read(pattern);
  }

  private read(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? "";
    this.at += found.length;
    return found;
  }

  /** A text in quotes, or a bare one, which may be empty, and whether it was quoted. */
  private string(): [text: string, isQuoted: boolean] {
    const start = this.at;
    const isQuoted = this.text.startsWith('"', start);
    const text = isQuoted ? this.quoted() : this.read(BARE);
    const control = CONTROL.exec(this.text.slice(start, this.at));
    if (control) throw this.mistake("no_control", start + control.index);
    return [text, isQuoted];
  }

  private quoted(): string {
    let text = "";
    for (this.at += 1; this.text[this.at] !== '"'; this.at += 1) {
      if (this.text[this.at] === "\\") {
        this.at += 1;
        if (!/["\\]/.test(this.text[this.at] ?? "")) throw this.mistake("escaped");
      } else if (this.at >= this.text.length) {
        throw this.mistake("quote");
      }
      text += this.text[this.at];
    }
    this.at += 1;
    return text;
  }

  // Costs

  /** Where each search begins. Those that `&` or `|` joins directly are one. */
  private searchesOf(filter: Filter): number[] {
    if ("search" in filter) return [this.places.get(filter)!];
    if ("not" in filter) return this.searchesOf(filter.not);
    const items = itemsOf(filter);
    const joined = items.find(isSearch);
    return [
      ...(joined ? this.searchesOf(joined).slice(0, 1) : []),
      ...items.filter((item) => !isSearch(item)).flatMap((item) => this.searchesOf(item)),
    ];
  }

  private labelsOf(filter: Filter): number[] {
    if ("label" in filter) return [this.places.get(filter)!];
    return itemsOf(filter).flatMap((item) => this.labelsOf(item));
  }
}
