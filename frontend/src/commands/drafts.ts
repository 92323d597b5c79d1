/** Texts that are being typed. What a reload interrupts is saved as soon as the app is there again. */
import type { Task } from "../store/types";
import { t } from "../texts";
import { act, opened } from "./app";

export type TextField = "title" | "description";
interface Draft {
  /** The task as it was when the typing began. */
  base: Task;
  field: TextField;
  text: string;
}
const KEY = "duly-drafts";
const drafts = new Map<string, Draft>();
const nameOf = (task: Task, field: TextField) => `${task.id} ${field}`;

/** A text as the server keeps it. */
export function clean(text: string): string {
  return text.normalize("NFC").trim();
}

export function noteTyping(base: Task, field: TextField, text: string): void {
  drafts.set(nameOf(base, field), { base, field, text });
}
export function forgetTyping(base: Task, field: TextField): void {
  drafts.delete(nameOf(base, field));
}

/** Saves a text that was typed while the task was `base`. It remains a draft until it is stored. */
export function saveText(base: Task, field: TextField, typed: string): void {
  const name = nameOf(base, field);
  const text = clean(field === "title" ? typed.replace(/\s*\n\s*/g, " ") : typed);
  const shown = opened.peek()?.get("task", base.id).peek();
  drafts.delete(name);
  if (!opened.peek() || (field === "title" && !text) || (shown && text === (shown[field] ?? ""))) return;
  const draft: Draft = { base, field, text };
  drafts.set(name, draft);
  const { stored } = act([{ do: "update", type: "task", id: base.id, data: { [field]: text || null }, base }], field === "title" ? t().renamed : "", { quiet: true });
  void stored.then(() => drafts.get(name) === draft && drafts.delete(name), () => {});
}

function keep(): void {
  try {
    if (drafts.size > 0) sessionStorage.setItem(KEY, JSON.stringify([...drafts.values()]));
  } catch {
    // What is saved by leaving the field is in the database anyway.
  }
}

/** Saves what the last page of this tab could not. */
export function resumeDrafts(): void {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "[]") as Draft[];
    sessionStorage.removeItem(KEY);
    for (const { base, field, text } of kept) {
      if (base.user_id === opened.peek()?.user.peek().id) saveText(base, field, text);
    }
  } catch {
    // Without storage there is nothing to resume.
  }
}

addEventListener("pagehide", keep);
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") keep();
  else sessionStorage.removeItem(KEY);
});
