import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";

import { act, store } from "../../commands/app";
import { withTask } from "../../commands/back";
import { setCompleted } from "../../commands/tasks";
import type { Task } from "../../store/types";
import { t } from "../../texts";
import { m } from "../../texts/more";
import { Icon } from "../icons";
import { Link } from "../link";

const DEEPEST = 5;

function levelOf(task: Task): number {
  let [level, parent] = [1, task.parent_id];
  while (parent) {
    level++;
    parent = store().get("task", parent).value?.parent_id ?? null;
  }
  return level;
}

export function Subtasks({ task }: { task: Task }) {
  const view = useMemo(() => store().view({ show: "subtasks", id: task.id }), [task.id]);
  useEffect(() => () => view.dispose(), [view]);
  const text = useSignal("");
  const open = view.lines.value.filter((line) => line.type === "task");
  const done = view.completed.value;
  if (levelOf(task) >= DEEPEST && open.length + done.length === 0) return null;
  const all = open.length + done.length;
  return (
    <section class="subtasks" aria-label={m().subtasks}>
      <h2 class="subtasks-head">{m().subtasks}{all > 0 && <span class="count figures">{done.length}/{all}</span>}</h2>
      <ul>
        {open.map((line) => <Subtask key={line.id} id={line.id} level={line.level} />)}
        {done.map((id) => <Subtask key={id} id={id} level={1} />)}
      </ul>
      {levelOf(task) < DEEPEST && (
        <div class="subtask-add">
          <Icon name="plus" size={18} />
          <input
            class="add-field"
            dir="auto"
            maxLength={255}
            autocomplete="off"
            aria-label={t().addSubtask}
            placeholder={t().addSubtask}
            value={text.value}
            onInput={(event) => (text.value = event.currentTarget.value)}
            onKeyDown={(event) => {
              const title = text.value.trim();
              if (event.key !== "Enter" || event.isComposing || !title) return;
              event.preventDefault();
              act([{ do: "create", type: "task", data: { title, parent_id: task.id } }], t().added(title), { quiet: true });
              text.value = "";
            }}
          />
        </div>
      )}
    </section>
  );
}

function Subtask({ id, level }: { id: string; level: number }) {
  const task = store().get("task", id).value;
  if (!task) return null;
  return (
    <li class={`subtask ${task.is_completed ? "is-done" : ""}`} style={{ "--depth": String(level - 1) }}>
      <label class="tick">
        <input type="checkbox" class="check" checked={task.is_completed} aria-label={t().completeName(task.title)} onChange={(event) => setCompleted([id], event.currentTarget.checked)} />
      </label>
      <Link class="subtask-name" href={withTask(id)}><bdi class="title">{task.title}</bdi></Link>
    </li>
  );
}
