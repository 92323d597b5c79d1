/** What can be done to tasks. Each works on one task or on all that are selected. */
import { batch } from "@preact/signals";

import type { Command, Shown, Task } from "../store/types";
import { t } from "../texts";
import { act, store } from "./app";
import { focusPlace, grid, successor } from "./grid";
import { define } from "./registry";
import { showTask } from "./back";
import { openTask } from "./route";
import { clearSelection, currentRow } from "./selection";

export function task(id: string): Shown<"task"> | undefined {
  return store().get("task", id).value;
}
function tasks(ids: readonly string[]): Shown<"task">[] {
  return ids.map((id) => store().get("task", id).peek()).filter((found) => found !== undefined);
}

/** Says what happened to one task by name, and to several by their number. */
function told(ids: readonly string[], one: (title: string) => string, several: (n: number) => string): string {
  const title = tasks(ids)[0]?.title;
  return ids.length === 1 && title !== undefined ? one(title) : several(ids.length);
}

export function setCompleted(ids: readonly string[], completed: boolean): void {
  const changed = tasks(ids).filter((task) => task.is_completed !== completed).map((task) => task.id);
  if (changed.length === 0) return;
  const text = completed
    ? told(changed, t().completed, t().completedMany)
    : told(changed, t().reopened, t().reopenedMany);
  // In one batch, so that the rows of the list are put together once.
  batch(() => {
    grid.peek()?.keep(changed);
    act(changed.map((id): Command => ({ do: completed ? "complete" : "reopen", id })), text);
    clearSelection();
  });
}

export function toggleCompleted(ids: readonly string[]): void {
  setCompleted(ids, tasks(ids).some((task) => !task.is_completed));
}

type Change = Record<string, unknown>;

/** The same change for all, or one that depends on the task. */
export function updateTasks(ids: readonly string[], change: Change | ((task: Task) => Change), text = ""): void {
  const commands = tasks(ids).map((task): Command => {
    const data = typeof change === "function" ? change(task) : change;
    return { do: "update", type: "task", id: task.id, data };
  });
  if (commands.length > 0) act(commands, text, { quiet: ids.length === 1 });
}

export function trashTasks(ids: readonly string[]): void {
  if (ids.length === 0) return;
  const next = successor(ids);
  const text = told(ids, t().trashed, t().trashedMany);
  if (openTask.peek() && ids.includes(openTask.peek()!)) showTask(null);
  clearSelection();
  act(ids.map((id): Command => ({ do: "delete", type: "task", id })), text);
  if (next) grid.peek()?.focus(next);
  else {
    currentRow.value = null;
    focusPlace(".add input");
  }
}

export function setPriority(ids: readonly string[], priority: number | null): void {
  updateTasks(ids, { priority }, t().prioritySet(priority));
}

const any = (ids: readonly string[]) => ids.length > 0;
const one = (ids: readonly string[]) => ids.length === 1;

define(
  { id: "toggle", text: (t) => t.completeOrReopen, keys: [" "], where: "row", icon: "check", available: any, run: toggleCompleted },
  { id: "open", text: (t) => t.open, keys: ["Enter"], where: "row", icon: "external", available: one, run: ([id]) => showTask(id!) },
  { id: "rename", text: (t) => t.rename, keys: ["F2", "e"], where: "row", icon: "edit", available: one, run: ([id]) => grid.peek()?.rename(id!) },
  { id: "trash", text: (t) => t.moveToTrash, keys: ["Delete", "Backspace"], where: "row", icon: "trash", available: any, run: trashTasks },
  ...([1, 2, 3, 4] as const).map((n) => ({
    id: `priority-${n}`,
    text: (t: { priority: (n: number) => string }) => t.priority(n),
    keys: [String(n)],
    where: "row" as const,
    available: any,
    run: (ids: readonly string[]) => setPriority(ids, n),
  })),
  { id: "priority-0", text: (t) => t.noPriority, keys: ["0"], where: "row", available: any, run: (ids) => setPriority(ids, null) },
);
