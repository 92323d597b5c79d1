/** The list on the screen, as commands see it: its rows in order, and the way to focus one. */
import { signal, type ReadonlySignal } from "@preact/signals";

import type { HeadLine, TaskLine } from "../store/types";
import { currentRow, selected } from "./selection";

export type TaskRow = TaskLine;
export type HeadRow = HeadLine;
export type Row = TaskRow | HeadRow;

export interface Grid {
  rows(): readonly Row[];
  /** The same rows, for those who follow their changes. */
  readonly shown: ReadonlySignal<readonly Row[]>;
  focus(key: string): void;
  /** Scrolls to a row and leaves the focus where it is. */
  reveal(key: string, to?: "nearest" | "start"): void;
  /** Keeps the rows of tasks in their places although the tasks have left the view. */
  keep(ids: readonly string[]): void;
  /** Whether a row is only kept in its place: its task was completed a moment ago. */
  isLingering(key: string): boolean;
  rename(id: string): void;
  fold(key: string, folded: boolean): void;
  isFolded(key: string): boolean;
  /** Manual order: rows may be dragged and moved. */
  readonly manual: boolean;
}

/** The task whose title is a field just now. */
export const renaming = signal<string | null>(null);
export const grid = signal<Grid | null>(null);

/** The heading that a row is under; a heading's own is itself. */
export function headAbove(rows: readonly Row[], index: number): HeadRow | null {
  for (let i = index; i >= 0; i--) {
    const row = rows[i]!;
    if (row.type !== "task") return row;
  }
  return null;
}

/** The day that a heading stands for; null for a section, a week or a month. */
export function dayOfHead(head: HeadRow | null): string | null {
  return head && /^(day:|today$)/.test(head.key) ? head.date : null;
}

/** Focuses the row of the list that is shown, or what a selector names; without it, the whole place. */
export function focusPlace(selector = "[role=row][tabindex='0']"): void {
  const from = document.activeElement;
  let tries = 5;
  const attempt = () => {
    // A focus that was moved since then stays where it is.
    const active = document.activeElement;
    if (active !== from && active !== document.body) return;
    const main = document.getElementById("list");
    const found = main?.querySelector<HTMLElement>(selector);
    if (found) found.focus();
    else if (--tries > 0) requestAnimationFrame(attempt);
    else main?.focus();
  };
  requestAnimationFrame(attempt);
}

/** The tasks that a command is about: the selected ones, else the row with the focus. */
export function targets(): string[] {
  if (selected.value.size > 0) {
    const order = grid.peek()?.rows().filter((row) => row.type === "task" && selected.peek().has(row.id)) ?? [];
    return order.map((row) => row.id);
  }
  const row = rowWithFocus();
  return row?.type === "task" ? [row.id] : [];
}

export function rowWithFocus(): Row | undefined {
  const key = currentRow.peek();
  return grid.peek()?.rows().find((row) => row.key === key);
}

/** Before rows leave: the row that shall have the focus then. */
export function successor(ids: readonly string[]): string | null {
  const rows = grid.peek()?.rows() ?? [];
  const gone = new Set(ids);
  const first = rows.findIndex((row) => gone.has(row.id));
  if (first < 0) return null;
  const level = rows[first]!.level;
  const next = rows.slice(first + 1).find((row) => !gone.has(row.id) && row.type === "task" && row.level <= level);
  return (next ?? rows.slice(0, first).findLast((row) => row.type === "task"))?.key ?? null;
}
