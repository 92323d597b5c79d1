/** Moving among siblings and levels, for keys, menus and the palette. `drop.ts` does it for dragging. */
import type { Command, Section, Task, TaskPlace } from "../store/types";
import { t } from "../texts";
import { m } from "../texts/more";
import { act, afterPaint, opened, say, store } from "./app";
import { grid, type Row } from "./grid";

const DEEPEST = 5;

function task(id: string): Task | undefined {
  return store().get("task", id).peek();
}

/** The rows beside a row, in one direction and on its level. Only those that are needed are gone through. */
function* beside(rows: readonly Row[], at: number, by: -1 | 1): Generator<string> {
  const { level } = rows[at]!;
  const isLingering = (row: Row) => grid.peek()?.isLingering(row.key);
  for (let i = at + by; rows[i]; i += by) {
    const row = rows[i]!;
    if (row.type !== "task" || (row.level < level && !isLingering(row))) return;
    if (row.level === level && !isLingering(row)) yield row.id;
  }
}

function isSibling(of: Task, id: string): boolean {
  const other = task(id);
  return !!other && !other.is_completed && other.parent_id === of.parent_id && other.section_id === of.section_id && other.list_id === of.list_id;
}

/** The next sibling above or below. */
function neighbour(of: Task, by: -1 | 1): string | undefined {
  const rows = grid.peek()?.rows() ?? [];
  const at = rows.findIndex((row) => row.key === of.id);
  if (at < 0) return undefined;
  for (const id of beside(rows, at, by)) if (isSibling(of, id)) return id;
  return undefined;
}

function nameOf(moved: Task): string {
  const holder = moved.parent_id ? task(moved.parent_id)?.title : moved.section_id ? store().get("section", moved.section_id).peek()?.name : undefined;
  return holder ?? (moved.list_id ? (store().get("list", moved.list_id).peek()?.name ?? t().list) : t().inbox);
}

function move(id: string, to: TaskPlace): void {
  act([{ do: "move", type: "task", id, to }]);
  grid.peek()?.focus(id);
  // Counting the rows beside it takes a while in a long list, so the paint comes first.
  afterPaint(() => sayPlace(id));
}

function sayPlace(id: string): void {
  const moved = opened.peek() && task(id);
  if (!moved) return;
  const rows = grid.peek()?.rows() ?? [];
  const at = rows.findIndex((row) => row.key === id);
  if (at < 0) return;
  const [above, below] = [[...beside(rows, at, -1)], [...beside(rows, at, 1)]];
  say(m().movedTo(above.length + 1, above.length + 1 + below.length, nameOf(moved)));
}

/** One place up or down among the siblings. Several keep their order and move together. */
export function shift(ids: readonly string[], by: -1 | 1): void {
  const first = task(ids[0]!);
  if (!first) return;
  const wanted = new Set(ids);
  const rows = grid.peek()?.rows() ?? [];
  const chosen = rows.filter((row) => wanted.has(row.key) && isSibling(first, row.key)).map((row) => row.key);
  const edge = by < 0 ? chosen[0] : chosen.at(-1);
  const next = edge && neighbour(task(edge)!, by);
  if (!next) return;
  const to: TaskPlace = by < 0 ? { before_id: next } : { after_id: next };
  if (chosen.length === 1) return move(chosen[0]!, to);
  const moves = (by < 0 ? chosen : chosen.toReversed()).map((id): Command => ({ do: "move", type: "task", id, to }));
  act(moves, m().movedMany(chosen.length), { quiet: true });
}

function depthBelow(id: string): number {
  const rows = grid.peek()?.rows() ?? [];
  const at = rows.findIndex((row) => row.key === id);
  const level = rows[at]?.level ?? 1;
  let deepest = level;
  for (const row of rows.slice(at + 1)) {
    if (row.type !== "task" || row.level <= level) break;
    deepest = Math.max(deepest, row.level);
  }
  return deepest - level;
}

function levelOf(id: string): number {
  let [level, parent] = [1, task(id)?.parent_id];
  while (parent) [level, parent] = [level + 1, task(parent)?.parent_id];
  return level;
}

export function indent([id]: readonly string[]): void {
  const moved = task(id!);
  if (!moved) return;
  const above = neighbour(moved, -1);
  if (!above) return say(m().nothingAbove);
  if (levelOf(id!) + depthBelow(id!) + 1 > DEEPEST) return say(m().deepest);
  grid.peek()?.fold(above, false);
  move(id!, { parent_id: above });
}

export function outdent([id]: readonly string[]): void {
  const moved = task(id!);
  const parent = moved?.parent_id ? task(moved.parent_id) : undefined;
  if (!moved || !parent) return;
  move(id!, { parent_id: parent.parent_id, list_id: parent.list_id, section_id: parent.section_id, after_id: parent.id });
}

export function toSection([id]: readonly string[], by: -1 | 1): void {
  const moved = task(id!);
  if (!moved?.list_id) return;
  const sections: (Section | null)[] = [null, ...store().sectionsOf(moved.list_id)];
  const next = sections[sections.findIndex((section) => (section?.id ?? null) === moved.section_id) + by];
  if (next === undefined) return;
  move(id!, { list_id: moved.list_id, section_id: next?.id ?? null, parent_id: null });
}
