/** The one thing that lies over the screen: a dialog, a picker or the palette. */
import { signal } from "@preact/signals";

export type Overlay =
  | { kind: "quick-add" | "palette" | "help" | "shortcuts" }
  | { kind: "date"; field: "due" | "start"; ids: readonly string[]; anchor: Element | null }
  | { kind: "repeat" | "labels" | "move"; ids: readonly string[]; anchor: Element | null }
  | { kind: "ask"; text: string; action: string; run: () => void };

export const overlay = signal<Overlay | null>(null);

export function show(next: Overlay): void {
  overlay.value = next;
}
export function hide(): void {
  overlay.value = null;
}

/** The row that a picker belongs to, so that it opens beside it. */
export function rowAnchor(id: string | undefined): Element | null {
  return id ? document.querySelector(`[role=row][data-task="${CSS.escape(id)}"] .cell-title`) : null;
}
