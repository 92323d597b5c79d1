/** From a view's lines to the rows on the screen: folds, rows that linger, completed ones below. */
import { computed, effect, signal, type ReadonlySignal } from "@preact/signals";

import { keep, recall } from "../../api/storage";
import { renaming, type HeadRow, type Row, type TaskRow } from "../../commands/grid";
import type { Line, View } from "../../store/types";

export const COMPLETED = "completed";
const LINGER = 3000;
const FOLD = 140;
/** So many rows above are remembered for the place of one that lingers. */
const ABOVE = 100;

interface Kept {
  row: TaskRow;
  /** Where it was. */
  at: number;
  /** The heading that it was under. */
  head: string | null;
  /** The rows that were above it, the nearest last: it stays below the first that is still under its heading. */
  above: readonly string[];
  since: number;
}

export interface Rows {
  readonly rows: ReadonlySignal<readonly Row[]>;
  /** Rows that are fading out. */
  readonly leaving: ReadonlySignal<ReadonlySet<string>>;
  fold(key: string, folded: boolean): void;
  isFolded(key: string): boolean;
  keep(ids: readonly string[]): void;
  isLingering(key: string): boolean;
  dispose(): void;
}

export interface Folds {
  read(): Set<string>;
  write(folded: ReadonlySet<string>): void;
}

/** Folded sections and parents are remembered on the device. */
export const storedFolds: Folds = {
  read() {
    try {
      return new Set(JSON.parse(recall("duly-folded") ?? "[]") as string[]);
    } catch {
      return new Set();
    }
  },
  write(folded) {
    keep("duly-folded", JSON.stringify([...folded].slice(-500)));
  },
};

/** `busy` says whether a row must not leave now: it has the focus, or the pointer is in the list. */
export function makeRows(view: View, busy: (key: string) => boolean, showCompleted = false, folds = storedFolds): Rows {
  const folded = signal<ReadonlySet<string>>(folds.read());
  const openCompleted = signal(showCompleted);
  const kept = signal<ReadonlyMap<string, Kept>>(new Map());
  const leaving = signal<ReadonlySet<string>>(new Set());

  const isFolded = (key: string) => (key === COMPLETED ? !openCompleted.value : folded.value.has(key));

  let heading: HeadRow | null = null;
  const doneRows = new Map<string, TaskRow>();
  const rowOfDone = (id: string) => {
    let row = doneRows.get(id);
    if (!row) doneRows.set(id, (row = { type: "task", key: id, id, level: 1, children: 0, completedChildren: 0 }));
    return row;
  };
  let last: Row[] = [];
  const rows = computed<Row[]>(() => {
    // While a title is a field, nothing moves: neither the field, nor what keys would reach then.
    const id = renaming.value;
    if (id === null || !last.some((row) => row.id === id)) {
      // The same array unless a row is another one, so that a completed task paints its own row only.
      const now = next();
      if (!isSame(now, last)) last = now;
    }
    return last;
  });
  const next = (): Row[] => {
    const result = unfolded(view.lines.value, folded.value);
    // Mostly, the row above is where it was. If not, all rows are gone through, but only once.
    let heads: Map<string, string | null> | null = null;
    for (const { row, at, head, above } of kept.value.values()) {
      if (view.has(row.id)) continue;
      let place = at;
      if (above.length > 0 && result[at - 1]?.key !== above.at(-1)) {
        heads ??= headsOf(result);
        const after = above.findLast((key) => heads!.get(key) === head) ?? above.findLast((key) => heads!.has(key));
        place = result.findIndex(({ key }) => key === after) + 1;
      }
      result.splice(place, 0, row);
      heads?.set(row.key, head);
    }
    const done = view.completed.value.filter((id) => !kept.value.has(id));
    if (done.length > 0) {
      if (heading?.count !== done.length) {
        heading = { type: "heading", key: COMPLETED, id: COMPLETED, date: null, level: 1, count: done.length };
      }
      result.push(heading);
      if (openCompleted.value) result.push(...done.map(rowOfDone));
    }
    return result;
  };

  let timer: ReturnType<typeof setTimeout> | undefined;
  const sweep = () => {
    timer = undefined;
    const now = Date.now();
    const ready = [...kept.peek()].filter(([key, { since }]) => now - since >= LINGER && !busy(key)).map(([key]) => key);
    if (ready.length > 0) {
      leaving.value = new Set(ready.filter((key) => !view.has(key)));
      setTimeout(() => {
        const next = new Map(kept.peek());
        for (const key of ready) next.delete(key);
        kept.value = next;
        leaving.value = new Set();
      }, FOLD);
    }
    if (kept.peek().size > ready.length) timer = setTimeout(sweep, 500);
  };
  const stop = effect(() => {
    // A task that came back (reopened, undone) is a row like any other again.
    void view.lines.value;
    const back = [...kept.peek()].filter(([id, { since }]) => view.has(id) && Date.now() - since > 100);
    if (back.length === 0) return;
    const next = new Map(kept.peek());
    for (const [id] of back) next.delete(id);
    kept.value = next;
  });

  return {
    rows,
    leaving,
    isFolded,
    isLingering: (key) => kept.peek().has(key) && !view.has(key),
    fold(key, fold) {
      if (key === COMPLETED) {
        openCompleted.value = !fold;
        return;
      }
      const next = new Set(folded.peek());
      if (fold) next.add(key);
      else next.delete(key);
      folded.value = next;
      folds.write(next);
    },
    keep(ids) {
      // Those that were completed before are below, in a place of their own.
      const wanted = new Set(ids.filter((id) => view.has(id) || kept.peek().has(id)));
      if (wanted.size === 0) return;
      const all = rows.peek();
      const next = new Map(kept.peek());
      let head: string | null = null;
      let level = Infinity;
      let left = wanted.size;
      for (let at = 0; at < all.length && (left > 0 || level < Infinity); at++) {
        const row = all[at]!;
        if (row.type !== "task") {
          [head, level] = [row.key, Infinity];
          continue;
        }
        const isWanted = wanted.has(row.id);
        if (isWanted) left--;
        // Its subtasks are completed with a task, so they stay with it.
        if (row.level <= level) level = isWanted ? row.level : Infinity;
        if (level === Infinity) continue;
        const above = all.slice(Math.max(0, at - ABOVE), at).map(({ key }) => key);
        next.set(row.key, { row, at, head, above, since: Date.now() });
      }
      kept.value = next;
      timer ??= setTimeout(sweep, LINGER + 50);
    },
    dispose() {
      stop();
      clearTimeout(timer);
    },
  };
}

/** The heading that each row is under; a heading's own is itself. */
function headsOf(rows: readonly Row[]): Map<string, string | null> {
  let head: string | null = null;
  return new Map(rows.map(({ type, key }) => [key, type === "task" ? head : (head = key)]));
}

/** A plain loop, as in the store's lines: ten thousand calls of a function take long. */
function isSame(rows: readonly Row[], others: readonly Row[]): boolean {
  if (rows.length !== others.length) return false;
  for (let i = 0; i < rows.length; i++) if (rows[i] !== others[i]) return false;
  return true;
}

/** The lines that are not below something folded, as an array of its own. */
function unfolded(lines: readonly Line[], folded: ReadonlySet<string>): Row[] {
  if (folded.size === 0) return [...lines];
  const result: Row[] = [];
  let hiddenBelow = Infinity;
  let inFolded = false;
  for (const line of lines) {
    if (line.type === "task") {
      if (inFolded || line.level > hiddenBelow) continue;
      hiddenBelow = folded.has(line.key) ? line.level : Infinity;
    } else {
      inFolded = folded.has(line.key);
      hiddenBelow = Infinity;
    }
    result.push(line);
  }
  return result;
}
