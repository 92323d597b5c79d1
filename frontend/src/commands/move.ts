/** Moving tasks to a list, a section or the inbox. */
import type { Command, TaskPlace } from "../store/types";
import { m } from "../texts/more";
import { act, store } from "./app";
import { grid, successor } from "./grid";

export function moveTasks(ids: readonly string[], to: TaskPlace, name: string): void {
  const chosen = new Set(ids);
  // A subtask of a task that moves goes with it.
  const roots = ids.filter((id) => {
    let parent = store().get("task", id).peek()?.parent_id;
    while (parent && !chosen.has(parent)) parent = store().get("task", parent).peek()?.parent_id;
    return !parent;
  });
  const next = successor(ids);
  act(roots.map((id): Command => ({ do: "move", type: "task", id, to })), m().movedInto(roots.length, name));
  if (next) grid.peek()?.focus(next);
}
