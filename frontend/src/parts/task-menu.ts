import { store } from "../commands/app";
import { grid } from "../commands/grid";
import { keyOf } from "../commands/key-names";
import { command } from "../commands/registry";
import { rowAnchor, show } from "../commands/overlay";
import { showTask } from "../commands/back";
import { toggleSelected } from "../commands/selection";
import { canSkip, skip } from "../commands/task-more";
import { setCompleted, setPriority, trashTasks } from "../commands/tasks";
import { t } from "../texts";
import { m } from "../texts/more";
import type { MenuItem } from "./menu";

/** The same commands as the keys, for the row or for all that are selected. */
export function taskMenu(ids: readonly string[]): (MenuItem | null)[] {
  const [id] = ids;
  const task = id ? store().get("task", id).peek() : undefined;
  if (!task) return [];
  const anchor = rowAnchor(id);
  const single = ids.length === 1;
  return [
    single && { text: t().open, icon: "external" as const, keys: keyOf("open"), run: () => showTask(task.id) },
    single && { text: t().rename, icon: "edit" as const, keys: keyOf("rename"), run: () => grid.peek()?.rename(task.id) },
    {
      text: task.is_completed ? m().reopen : m().complete,
      icon: "check" as const,
      keys: keyOf("toggle"),
      run: () => setCompleted(ids, !task.is_completed),
    },
    canSkip(ids) && { text: m().skipOnce, icon: "repeat" as const, run: () => skip(ids) },
    null,
    { text: t().setDue, icon: "calendar" as const, keys: keyOf("due"), run: () => show({ kind: "date", field: "due", ids, anchor }) },
    { text: t().setStart, icon: "clock" as const, keys: keyOf("start"), run: () => show({ kind: "date", field: "start", ids, anchor }) },
    { text: t().setRepeat, icon: "repeat" as const, keys: keyOf("repeat"), run: () => show({ kind: "repeat", ids, anchor }) },
    { text: t().setLabels, icon: "label" as const, keys: keyOf("labels"), run: () => show({ kind: "labels", ids, anchor }) },
    { text: t().moveTo, icon: "move" as const, keys: keyOf("move"), run: () => show({ kind: "move", ids, anchor }) },
    null,
    ...[1, 2, 3, 4].map((n) => ({ text: t().priority(n), keys: String(n), checked: single && task.priority === n, run: () => setPriority(ids, n) })),
    { text: t().noPriority, keys: "0", checked: single && !task.priority, run: () => setPriority(ids, null) },
    null,
    ...["up", "down", "indent", "outdent"].map((id) => {
      const found = command(id)!;
      return found.available!(ids) && { text: found.text(t()), icon: found.icon, keys: keyOf(id), run: () => found.run(ids) };
    }),
    single && { text: t().addBelow, icon: "plus" as const, keys: keyOf("add-below"), run: () => show({ kind: "quick-add", at: { id: task.id, asChild: false } }) },
    single && { text: t().addSubtask, icon: "subtasks" as const, keys: keyOf("add-subtask"), run: () => show({ kind: "quick-add", at: { id: task.id, asChild: true } }) },
    single && { text: m().selectTask, icon: "list" as const, keys: "X", run: () => toggleSelected(task.id) },
    { text: t().moveToTrash, icon: "trash" as const, keys: keyOf("trash"), danger: true, run: () => trashTasks(ids) },
  ].filter((item) => item !== false);
}
