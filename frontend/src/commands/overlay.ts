/** The one thing that lies over the screen: a dialog, a picker or the palette. */
import { signal } from "@preact/signals";

export type Overlay =
  | { kind: "palette" | "help" }
  | { kind: "quick-add"; at?: AddAt }
  | { kind: "go"; to: "list" | "label" | "filter" }
  | { kind: "date"; field: "due" | "start"; ids: readonly string[]; anchor: Element | null }
  | { kind: "repeat" | "labels" | "move"; ids: readonly string[]; anchor: Element | null }
  | ({ kind: "color" } & Colored)
  | ({ kind: "ask" } & Asked);

/** What has a colour of its own. */
export interface Colored {
  type: "list" | "label" | "filter";
  id: string;
}

/** A question before what cannot be taken back. `other` is done without answering it. */
export interface Asked {
  text: string;
  action: string;
  run: () => void;
  other?: { text: string; run: () => void };
}

/** A place among tasks: below one, or as its subtask. */
export interface AddAt {
  id: string;
  asChild: boolean;
}

export const overlay = signal<Overlay | null>(null);

// What is typed before a dialog has arrived belongs to its field.
let ahead = "";
export function typeAhead(text: string): void {
  ahead = text === "\b" ? ahead.slice(0, -1) : ahead + text;
}
/** What was entered in a quick add that was closed before it was there. It is added when it can be. */
export const entered = signal<readonly { line: string; at?: AddAt }[]>([]);

/** Escape does not drop what was typed before the dialog was there: only what was not entered is left. */
export function closeAhead(): void {
  const now = overlay.peek();
  const lines = ahead.split("\n");
  if (now?.kind === "quick-add") {
    if (lines.pop()) return; // it stays, with the line that is not entered yet
    entered.value = [...entered.peek(), ...lines.map((line) => ({ line, at: now.at }))];
  }
  ahead = "";
  hide();
}
export function takeTypedAhead(): string {
  const text = ahead;
  ahead = "";
  return text;
}

export function show(next: Overlay): void {
  ahead = "";
  overlay.value = next;
}
export function hide(): void {
  overlay.value = null;
}

/** The row that a picker belongs to, so that it opens beside it. */
export function rowAnchor(id: string | undefined): Element | null {
  return id ? document.querySelector(`[role=row][data-task="${CSS.escape(id)}"] .cell-title`) : null;
}
