/** The languages of quick add, each in a chunk of its own. A new one is a module like `quickadd.en`. */
import type { Draft, QuickAddContext, Span } from "./quickadd";

export type LanguageCode = "en" | "de";
export type QuickAdd = (
  text: string,
  context: Omit<QuickAddContext, "language">,
) => { draft: Draft; spans: Span[] };

/** Loads quick add in a language. */
export async function loadQuickAdd(code: LanguageCode): Promise<QuickAdd> {
  const [{ quickAdd }, language] = await Promise.all([
    import("./quickadd"),
    code === "de"
      ? import("./quickadd.de").then((module) => module.german)
      : import("./quickadd.en").then((module) => module.english),
  ]);
  return (text, context) => quickAdd(text, { ...context, language });
}
