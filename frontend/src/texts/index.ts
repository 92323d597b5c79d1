/** The texts that people read. English is part of the first load; German arrives when it is wanted. */
import { signal } from "@preact/signals";

import { keep, recall } from "../api/storage";
import { en, type Texts } from "./en";
import type { More } from "./en-more";

export type Language = "en" | "de";
export type { Texts };

const current = signal<Texts>(en);
/** In another language than English, the texts of `more.ts`. */
export const translated = signal<More | null>(null);
export const language = signal<Language>("en");

/** The texts in the language of the moment; a component that calls it follows a change. */
export function t(): Texts {
  return current.value;
}

export async function speak(wanted: Language): Promise<void> {
  if (wanted !== language.peek()) {
    const german = wanted === "de" ? await import("./de") : null;
    current.value = german?.de ?? en;
    translated.value = german?.deMore ?? null;
    language.value = wanted;
  }
  document.documentElement.lang = wanted;
  keep("duly-language", wanted);
}

/** Before sign-in: the language used last on this device, else the browser's. */
export function likelyLanguage(): Language {
  return (recall("duly-language") ?? navigator.language).startsWith("de") ? "de" : "en";
}
