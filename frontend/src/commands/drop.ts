/** Where dragged tasks go, and taking them there. It is loaded with the dragging. */
import type { Command, TaskPlace } from "../store/types";
import { m } from "../texts/more";
import { act, store } from "./app";
import { grid, type Row } from "./grid";

export interface Drop {
  /** The line is drawn above this row; at the end of the list if null. */
  before: Row | null;
  level: number;
}

/** Where a drop between rows puts tasks: the parent by level, the section by the heading above. */
export function placeOfDrop(rows: readonly Row[], at: number, level: number, dragged: ReadonlySet<string>): TaskPlace | null {
  let parent: string | null = null;
  let after: string | null = null;
  let section: string | null | undefined;
  for (let i = at - 1; i >= 0; i--) {
    const row = rows[i]!;
    if (row.type !== "task") {
      if (row.type !== "section") return null;
      section = row.id;
      break;
    }
    if (dragged.has(row.id)) continue;
    if (row.level === level && after === null && parent === null) after = row.id;
    if (row.level < level && parent === null) {
      parent = row.id;
      break;
    }
  }
  const sample = rows.find((row) => row.type === "task");
  const list = sample ? (store().get("task", sample.id).peek()?.list_id ?? null) : null;
  if (parent) return { parent_id: parent, ...(after ? { after_id: after } : firstBelow(rows, at, level, dragged)) };
  return {
    list_id: list,
    section_id: section ?? null,
    parent_id: null,
    ...(after ? { after_id: after } : firstBelow(rows, at, level, dragged)),
  };
}

function firstBelow(rows: readonly Row[], at: number, level: number, dragged: ReadonlySet<string>): TaskPlace {
  for (const row of rows.slice(at)) {
    if (row.type !== "task" || row.level < level) return {};
    if (row.level === level && !dragged.has(row.id) && !grid.peek()?.isLingering(row.key)) return { before_id: row.id };
  }
  return {};
}

export function drop(ids: readonly string[], to: TaskPlace): void {
  let after = to.after_id;
  const commands = ids.map((id): Command => {
    const place: TaskPlace = { ...to };
    if (after) {
      place.after_id = after;
      delete place.before_id;
    }
    after = id;
    return { do: "move", type: "task", id, to: place };
  });
  act(commands, m().movedMany(ids.length));
  grid.peek()?.focus(ids[0]!);
}
