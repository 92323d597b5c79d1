/** What is done to a task less often. It arrives with the detail and the menus. */
import type { Shown } from "../store/types";
import { t } from "../texts";
import { m } from "../texts/more";
import { act, showToast, store } from "./app";
import { showTask, withTask } from "./back";
import { define } from "./registry";

function tasks(ids: readonly string[]): Shown<"task">[] {
  return ids.map((id) => store().get("task", id).peek()).filter((task) => task !== undefined);
}

export function canSkip(ids: readonly string[]): boolean {
  return ids.length > 0 && tasks(ids).every((task) => task.recurrence && !task.is_completed);
}

export function skip(ids: readonly string[]): void {
  const [first] = tasks(ids);
  if (first) act(ids.map((id) => ({ do: "skip", id })), ids.length === 1 ? m().skipped(first.title) : m().skippedMany(ids.length));
}

export function duplicate([id]: readonly string[]): void {
  const [task] = tasks([id!]);
  if (!task) return;
  const { title, description, list_id, section_id, parent_id, priority, start, due, duration_minutes, label_ids } = task;
  const recurrence = task.recurrence && { rule: task.recurrence.rule, anchor: task.recurrence.anchor };
  const data = {
    title, description, list_id, section_id, parent_id, priority, start, due, duration_minutes, label_ids,
    ...(recurrence ? { recurrence: recurrence as Shown<"task">["recurrence"] } : {}),
    after_id: task.id,
  };
  const { ids } = act([{ do: "create", type: "task", data }], t().added(title));
  showTask(ids[0]!);
}

/** Browsers have a clipboard for pages only on https and on `localhost`. */
export async function copyLink([id]: readonly string[]): Promise<void> {
  try {
    await navigator.clipboard.writeText(location.origin + withTask(id!));
    showToast(m().linkCopied);
  } catch {
    showToast(m().linkNotCopied);
  }
}

const one = (ids: readonly string[]) => ids.length === 1;

define(
  { id: "skip", text: () => m().skipOnce, where: "row", icon: "repeat", available: canSkip, run: skip },
  { id: "duplicate", text: () => m().duplicate, where: "row", icon: "plus", available: one, run: duplicate },
  { id: "copy-link", text: () => m().copyLink, where: "row", icon: "external", available: one, run: (ids) => void copyLink(ids) },
);
