/** What a typed line means. The parser arrives with the first use, and then works in the keystroke. */
import { signal } from "@preact/signals";

import { store } from "../../commands/app";
import { localTime } from "../../rules/dates";
import { newId } from "../../rules/ids";
import type { Draft, quickAdd, Span } from "../../rules/quickadd";
import type { Command, Section, Task } from "../../store/types";
import { language, type Language } from "../../texts";

export type { Draft, Span };
export interface Understood {
  draft: Draft;
  spans: readonly Span[];
}

type Words = Parameters<typeof quickAdd>[1]["language"];
const parser = signal<{ parse: typeof quickAdd; words: Words; language: Language } | null>(null);

export async function prepareParser(): Promise<void> {
  const wanted = language.peek();
  if (parser.peek()?.language === wanted) return;
  const [{ quickAdd: parse }, words] = await Promise.all([
    import("../../rules/quickadd"),
    wanted === "de"
      ? import("../../rules/quickadd.de").then((module) => module.german)
      : import("../../rules/quickadd.en").then((module) => module.english),
  ]);
  parser.value = { parse, words, language: wanted };
}

export function allSections(): Section[] {
  return store().lists.value.flatMap((list) => [...store().sectionsOf(list.id)]);
}

/** Null until the parser is there: the text is then the title. */
export function understand(text: string): Understood | null {
  const known = parser.value;
  if (!known || !text.trim()) return null;
  return known.parse(text, {
    language: known.words,
    now: localTime(new Date(), store().user.value.timezone),
    lists: store().lists.value.filter((list) => !list.is_archived),
    sections: allSections(),
    labels: store().labels.value,
  });
}

const TITLE = 255;

/** A text as a title, which is at most 255 characters long. A longer text goes to the notes, too, whole. */
export function titled(text: string): { title: string; description?: string } {
  const characters = [...text];
  if (characters.length <= TITLE) return { title: text };
  return { title: characters.slice(0, TITLE).join(""), description: text };
}

/** The commands that create what a draft describes: new labels first, then the task. */
export function commandsFor(draft: Draft, given: Partial<Task> & { before_id?: string | null; after_id?: string }): Command[] {
  const commands: Command[] = [];
  const labels = draft.labels.map(({ id, name }) => {
    if (id) return id;
    const made = newId();
    commands.push({ do: "create", type: "label", data: { id: made, name } });
    return made;
  });
  const elsewhere = draft.list_id !== null && draft.list_id !== given.list_id;
  const { before_id, after_id, ...fields } = given;
  const data = {
    ...fields,
    ...(elsewhere || draft.section_id ? { section_id: null, parent_id: null } : before_id ? { before_id } : after_id ? { after_id } : {}),
    ...titled(draft.title),
    ...(draft.list_id ? { list_id: draft.list_id } : {}),
    ...(draft.section_id ? { section_id: draft.section_id } : {}),
    ...(draft.priority ? { priority: draft.priority } : {}),
    ...(draft.due ? { due: { ...draft.due, timezone: null } } : {}),
    ...(draft.duration_minutes ? { duration_minutes: draft.duration_minutes } : {}),
    ...(draft.recurrence ? { recurrence: draft.recurrence as Task["recurrence"] } : {}),
    ...(labels.length > 0 ? { label_ids: [...new Set([...(given.label_ids ?? []), ...labels])] } : {}),
  };
  commands.push({ do: "create", type: "task", data });
  return commands;
}
