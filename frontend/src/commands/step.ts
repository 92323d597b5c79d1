/** From the open task to the one before or after it, in the list that it was opened from. */
import { computed } from "@preact/signals";

import { m } from "../texts/more";
import { say, store } from "./app";
import { showTask } from "./back";
import { grid } from "./grid";
import { define } from "./registry";
import { openTask } from "./route";
import { currentRow } from "./selection";

interface Around {
  before: string | undefined;
  after: string | undefined;
}

/** Where the open task was last: once it has left the list, the one in its place is the next. */
let last: { id: string; at: number } | null = null;

export const around = computed((): Around => {
  const ids = (grid.value?.shown.value ?? []).filter((row) => row.type === "task").map((row) => row.id);
  const id = openTask.value;
  const at = ids.indexOf(id ?? "");
  if (id && at >= 0) last = { id, at };
  if (!id || last?.id !== id) return { before: undefined, after: undefined };
  return { before: ids[last.at - 1], after: ids[at < 0 ? last.at : at + 1] };
});

export function step(to: keyof Around): void {
  const id = around.peek()[to];
  if (!id) return;
  showTask(id);
  currentRow.value = id;
  grid.peek()?.reveal(id);
  say(store().get("task", id).peek()?.title ?? "");
}

define(
  { id: "task-after", text: () => m().nextTask, keys: ["j"], where: "anywhere", icon: "right", available: () => around.peek().after !== undefined, run: () => step("after") },
  { id: "task-before", text: () => m().previousTask, keys: ["k"], where: "anywhere", icon: "left", available: () => around.peek().before !== undefined, run: () => step("before") },
);
