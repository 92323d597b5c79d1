/** The languages of quick add, each in a chunk of its own. A new one is a module like `quickadd.en`. */
import type { Draft, QuickAddContext, Span } from "./quickadd";

export type LanguageCode = "en" | "de";
export type QuickAdd = (
  text: string,
  context: Omit<QuickAddContext, "language">,
) => { draft: Draft; spans: Span[] };

// Expressions are compiled when they are first used, which takes longer than one key press may.
const WARM_UP = { en: "x every day at 17:00", de: "x jeden Tag um 17:00" };

/** Loads quick add in a language. Load it when idle, before the first key press. */
export async function loadQuickAdd(code: LanguageCode): Promise<QuickAdd> {
  const [{ quickAdd }, language] = await Promise.all([
    import("./quickadd"),
    code === "de"
      ? import("./quickadd.de").then((module) => module.german)
      : import("./quickadd.en").then((module) => module.english),
  ]);
  const whenIdle = globalThis.requestIdleCallback ?? setTimeout;
  whenIdle(() => quickAdd(WARM_UP[code], { language, now: "2026-11-26T10:00" }));
  return (text, context) => quickAdd(text, { ...context, language });
}
