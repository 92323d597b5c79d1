import { describe, expect, it, test } from "vitest";

import {
  canFindCompleted,
  conditionOf,
  type Filter,
  type FilterContext,
  FilterMistake,
  type FilterTask,
  isRelative,
  parseFilter,
  quoted,
} from "../../../src/rules/filter";
import { vectors } from "./vectors";

interface Sample extends FilterContext {
  name: string;
  tasks: (FilterTask & { id: string })[];
  queries: { text: string; ids: string[] }[];
}
interface Vectors {
  parse: { text: string; expression?: Filter; position?: number }[];
  evaluate: Sample[];
}
const { parse, evaluate } = vectors<Vectors>("filters");

/** The mistake in a text, at its position in code points. */
function mistakeIn(text: string): FilterMistake & { at: number } {
  try {
    parseFilter(text);
  } catch (error) {
    if (!(error instanceof FilterMistake)) throw error;
    return Object.assign(error, { at: [...text.slice(0, error.position)].length });
  }
  throw new Error(`${text} is a filter`);
}

describe("vectors", () => {
  test.each(parse)("parse $text", ({ text, expression, position }) => {
    if (expression) expect(parseFilter(text)).toEqual(expression);
    else expect(mistakeIn(text).at).toBe(position);
  });

  describe.each(evaluate)("$name", ({ tasks, queries, ...context }) => {
    test.each(queries)("$text", ({ text, ids }) => {
      const found = tasks.filter(conditionOf(parseFilter(text), context));
      expect(found.map((task) => task.id)).toEqual(ids);
    });
  });
});

describe("mistakes", () => {
  test.each([
    ["p1 p2", 3, "and_or_end", "&"],
    ["(p1 & p2", 8, "and_or_close", ")"],
    ["# Work", 1, "list_name", undefined],
    ["due today", 4, "operator", "<"],
    ["due < soon", 6, "day", "today"],
    ["due < today + 3", 15, "unit", "days"],
    ["no time", 3, "absent", "priority"],
    ["", 0, "term", "#"],
    ['#"Big house', 11, "quote", '"'],
  ])("%j at %d: %s", (text, position, expected, word) => {
    const mistake = mistakeIn(text);
    expect([mistake.position, mistake.expected, mistake.words[0]]).toEqual([
      position,
      expected,
      word,
    ]);
  });

  it("are counted as JavaScript does", () => {
    const text = '#"🎉" & ?';
    expect(text[mistakeIn(text).position]).toBe("?");
  });
});

describe("filters", () => {
  it("say whether they depend on the day", () => {
    const relative = ["today", "!(p1 | overdue)", "created < monday"].map(parseFilter);
    expect(relative.map(isRelative)).toEqual([true, true, true]);
    expect(isRelative(parseFilter("p1 & due < 2026-12-01"))).toBe(false);
  });

  it("say whether they can find completed tasks", () => {
    const found = ["p1 & open", "overdue", "open | p1", "p1", "completed", "!open"].map(
      parseFilter,
    );
    expect(found.map(canFindCompleted)).toEqual([false, false, true, true, true, true]);
  });

  it("have any name in quotes", () => {
    const name = 'say "a\\b" & more';
    expect(parseFilter(`#${quoted(name)}`)).toEqual({ list: name });
  });
});
