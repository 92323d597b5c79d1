import { describe, expect, it, test } from "vitest";

import { type Draft, quickAdd, type Span } from "../../../src/rules/quickadd";
import { german } from "../../../src/rules/quickadd.de";
import { english } from "../../../src/rules/quickadd.en";
import type { Named, NamedSection } from "../../../src/rules/quickadd.signs";
import { vectors } from "./vectors";

interface Case {
  language: "en" | "de";
  text: string;
  now?: string;
  draft?: Draft;
  spans?: Span[];
  error?: string;
}
interface Vectors {
  context: { now: string; lists: Named[]; sections: NamedSection[]; labels: Named[] };
  cases: Case[];
}
const { context, cases } = vectors<Vectors>("quick_add");
const languages = { en: english, de: german };

function read(text: string, language: "en" | "de" = "en", now = context.now) {
  return quickAdd(text, { ...context, language: languages[language], now });
}

/** Spans as the vectors count them, in code points. */
function inCodePoints(text: string, spans: readonly Span[]): Span[] {
  const at = (position: number) => [...text.slice(0, position)].length;
  return spans.map((span) => ({ ...span, start: at(span.start), end: at(span.end) }));
}

describe("vectors", () => {
  test.each(cases)("$language: $text", ({ language, text, now, draft, spans, error }) => {
    const found = read(text, language, now);
    if (error) {
      expect(found.draft.title).toBe("");
    } else {
      expect(found.draft).toEqual(draft);
      expect(inCodePoints(text, found.spans)).toEqual(spans);
    }
  });
});

describe("quick add", () => {
  it("counts spans as JavaScript does", () => {
    const text = "🎉 Party tomorrow";
    const [span] = read(text).spans;
    expect(text.slice(span!.start, span!.end)).toBe("tomorrow");
  });

  it("shows what a text without a title means so far", () => {
    const { draft, spans } = read("tomorrow p1");
    expect(draft).toMatchObject({ title: "", due: { date: "2026-11-27" }, priority: 1 });
    expect(spans).toHaveLength(2);
  });

  it("judges a time before it looks at the next one", () => {
    const { draft } = read("Version 12am 07:45 or 1 tenth");
    expect(draft).toMatchObject({
      title: "Version 07:45 or 1 tenth",
      due: { date: "2026-11-27", time: "00:00" },
    });
  });
});
