import { useSignal } from "@preact/signals";

import { closeTask } from "../../commands/places";
import { keyText } from "../../commands/key-names";
import { around, step } from "../../commands/step";
import { canSkip, copyLink, duplicate, skip } from "../../commands/task-more";
import { trashTasks } from "../../commands/tasks";
import type { Shown } from "../../store/types";
import { t } from "../../texts";
import { m } from "../../texts/more";
import { Icon } from "../icons";
import { Menu, type MenuItem } from "../menu";

/** Above the task: to the ones beside it in the list, what else can be done with it, and out. */
export function Head({ task }: { task: Shown<"task"> | undefined }) {
  const menu = useSignal<Element | null>(null);
  return (
    <header class="detail-head">
      <Step to="before" icon="left" name={m().previousTask} keys="k" />
      <Step to="after" icon="right" name={m().nextTask} keys="j" />
      <span class="grow" />
      {task && <button type="button" class="icon-button" aria-label={m().more} title={m().more} aria-haspopup="menu" onClick={(event) => (menu.value = event.currentTarget)}><Icon name="more" /></button>}
      <button type="button" class="icon-button" aria-label={t().close} title={t().close} onClick={closeTask}><Icon name="close" /></button>
      {task && menu.value && <Menu label={m().more} anchor={menu.value} items={menuOf(task)} onClose={() => (menu.value = null)} />}
    </header>
  );
}

function Step({ to, icon, name, keys }: { to: "before" | "after"; icon: "left" | "right"; name: string; keys: string }) {
  // It keeps the focus at the end of the list, so it is not `disabled` there.
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={name}
      title={`${name} (${keyText(keys)})`}
      aria-keyshortcuts={keys}
      aria-disabled={around.value[to] === undefined}
      onClick={() => step(to)}
    >
      <Icon name={icon} />
    </button>
  );
}

function menuOf(task: Shown<"task">): (MenuItem | null)[] {
  return [
    { text: m().duplicate, icon: "plus", run: () => duplicate([task.id]) },
    { text: m().copyLink, icon: "external", run: () => void copyLink([task.id]) },
    ...(canSkip([task.id]) ? [{ text: m().skipOnce, icon: "repeat" as const, run: () => skip([task.id]) }] : []),
    null,
    { text: t().moveToTrash, icon: "trash", danger: true, run: () => trashTasks([task.id]) },
  ];
}
