import "../../styles/pages.css";
import "../../styles/detail.css";

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { act, store } from "../../commands/app";
import { show } from "../../commands/overlay";
import { closeTask } from "../../commands/places";
import { showTask, withTask } from "../../commands/back";
import { setCompleted, setPriority, trashTasks, updateTasks } from "../../commands/tasks";
import { localTime } from "../../rules/dates";
import type { Shown } from "../../store/types";
import { t } from "../../texts";
import { m } from "../../texts/more";
import { duration, ruleText } from "../dates/texts";
import { Bars, Dot, Icon, type IconName } from "../icons";
import { Link } from "../link";
import { Menu, type MenuItem } from "../menu";
import { ago, formatInstant, inZone, isPast, shortMoment } from "../when";
import { Notes, TitleField } from "./fields";
import { Replaced } from "./replaced";
import { Subtasks } from "./subtasks";

export function Detail({ id }: { id: string }) {
  const shown = store().get("task", id).value;
  const pane = useRef<HTMLElement>(null);
  // A task that another device removes stays while somebody writes in it: a change brings it back.
  const last = useRef(shown);
  const left = useSignal(0);
  void left.value;
  const writing = last.current?.id === id && document.activeElement?.matches(".detail textarea");
  const task = shown ?? (writing ? last.current : undefined);
  last.current = task;
  useEffect(() => {
    // On narrow screens the detail covers the list, so the focus goes with it.
    if (!matchMedia("(min-width: 68em)").matches) pane.current?.focus();
  }, [id]);
  return (
    <aside
      ref={pane}
      class="detail"
      data-pane
      tabIndex={-1}
      aria-label={t().task}
      onFocusOut={() => requestAnimationFrame(() => left.value++)}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || event.defaultPrevented) return;
        event.preventDefault();
        closeTask();
      }}
    >
      {task ? <Body key={id} task={task} onClose={closeTask} /> : <Gone onClose={closeTask} />}
    </aside>
  );
}

function Gone({ onClose }: { onClose: () => void }) {
  return (
    <div class="empty">
      <p>{m().taskGone}</p>
      <button type="button" class="button" onClick={onClose}>{t().close}</button>
    </div>
  );
}

function Body({ task, onClose }: { task: Shown<"task">; onClose: () => void }) {
  const menu = useSignal<{ anchor: Element; items: (MenuItem | null)[]; label: string } | null>(null);
  const ids = [task.id];
  const today = store().today.value;
  const list = task.list_id ? store().get("list", task.list_id).value : undefined;
  const section = task.section_id ? store().get("section", task.section_id).value : undefined;
  const parent = task.parent_id ? store().get("task", task.parent_id).value : undefined;
  const labels = task.label_ids.map((label) => store().get("label", label).value).filter((label) => label !== undefined);
  const { timezone } = store().user.value;
  const due = task.due && inZone(task.due, timezone);
  const start = task.start && inZone(task.start, timezone);
  const late = due && !task.is_completed && isPast(due, localTime(new Date(), timezone));

  const priorities = (anchor: Element) => (menu.value = {
    anchor,
    label: m().priorityName,
    items: [1, 2, 3, 4, 0].map((n) => ({
      text: n ? t().priority(n) : t().noPriority,
      checked: (task.priority ?? 0) === n,
      run: () => setPriority(ids, n || null),
    })),
  });
  const durations = (anchor: Element) => (menu.value = {
    anchor,
    label: m().durationName,
    items: [0, 15, 30, 45, 60, 90, 120, 180, 240].map((n) => ({
      text: n ? duration(n) : m().noDuration,
      checked: (task.duration_minutes ?? 0) === n,
      run: () => updateTasks(ids, { duration_minutes: n || null }, m().saved),
    })),
  });
  const more = (anchor: Element) => (menu.value = {
    anchor,
    label: m().more,
    items: [
      { text: m().duplicate, icon: "plus", run: () => duplicate(task) },
      { text: m().copyLink, icon: "external", run: () => void navigator.clipboard?.writeText(location.origin + withTask(task.id)) },
      ...(task.recurrence ? [{ text: m().skipOnce, icon: "repeat" as const, run: () => act([{ do: "skip", id: task.id }], m().skipped(task.title)) }] : []),
      null,
      { text: t().moveToTrash, icon: "trash", danger: true, run: () => trashTasks(ids) },
    ],
  });

  return (
    <>
      <header class="detail-head">
        <button type="button" class="icon-button detail-back" aria-label={t().close} title={t().close} onClick={onClose}><Icon name="close" /></button>
        {parent && <Link class="detail-parent" href={withTask(parent.id)}><Icon name="back" size={16} /><bdi>{parent.title}</bdi></Link>}
        <span class="grow" />
        <button type="button" class="icon-button" aria-label={m().more} aria-haspopup="menu" onClick={(event) => more(event.currentTarget)}><Icon name="more" /></button>
      </header>
      <div class="detail-body">
        <div class={`detail-title ${task.is_completed ? "is-done" : ""}`}>
          <input type="checkbox" class="check" checked={task.is_completed} aria-label={t().completeName(task.title)} onChange={(event) => {
            setCompleted(ids, event.currentTarget.checked);
            event.currentTarget.checked = store().get("task", task.id).peek()?.is_completed ?? false;
          }} />
          <TitleField task={task} />
        </div>
        <Replaced id={task.id} />
        <Notes task={task} />
        <div class="properties">
          <Property icon="calendar" name={m().dueName} late={!!late} onClick={(anchor) => show({ kind: "date", field: "due", ids, anchor })}>
            {due && shortMoment(due, today)}
          </Property>
          <Property icon="repeat" name={m().repeat} onClick={(anchor) => show({ kind: "repeat", ids, anchor })}>
            {task.recurrence && ruleText(task.recurrence.rule)}
          </Property>
          <Property icon="clock" name={m().startName} onClick={(anchor) => show({ kind: "date", field: "start", ids, anchor })}>
            {start && shortMoment(start, today)}
          </Property>
          <Property icon="duration" name={m().durationName} onClick={durations}>
            {task.duration_minutes && duration(task.duration_minutes)}
          </Property>
          <Property icon="filter" mark={task.priority ? <Bars priority={task.priority} /> : <Bars priority={4} />} name={m().priorityName} onClick={priorities}>
            {task.priority && t().priority(task.priority)}
          </Property>
          <Property icon="list" name={t().list} onClick={(anchor) => show({ kind: "move", ids, anchor })}>
            {list ? <><Dot color={list.color} /> {list.name}{section && ` / ${section.name}`}</> : t().inbox}
          </Property>
          <Property icon="label" name={t().labels} onClick={(anchor) => show({ kind: "labels", ids, anchor })}>
            {labels.length > 0 && labels.map((label) => <span class="meta-part" key={label.id}><Dot color={label.color} /><bdi>{label.name}</bdi></span>)}
          </Property>
        </div>
        <Subtasks task={task} />
        <p class="detail-foot note">
          {task.completed_at && <>{m().completedAgo(ago(task.completed_at))} · </>}
          <span title={formatInstant(task.updated_at, { dateStyle: "medium", timeStyle: "short" })}>{m().changedAgo(ago(task.updated_at))}</span>
          {" · "}
          <span title={formatInstant(task.created_at, { dateStyle: "medium", timeStyle: "short" })}>{m().createdAgo(ago(task.created_at))}</span>
        </p>
      </div>
      {menu.value && <Menu {...menu.value} onClose={() => (menu.value = null)} />}
    </>
  );
}

function Property({ icon, mark, name, late, onClick, children }: {
  icon: IconName;
  mark?: ComponentChildren;
  name: string;
  late?: boolean;
  onClick: (anchor: Element) => void;
  children: ComponentChildren;
}) {
  const empty = !children;
  return (
    <button type="button" class={`property ${empty ? "is-empty" : ""} ${late ? "is-late" : ""}`} onClick={(event) => onClick(event.currentTarget)}>
      <span class="property-icon">{mark ?? <Icon name={icon} size={18} />}</span>
      <span class="property-name">{name}</span>
      <bdi class="property-value">{children}</bdi>
    </button>
  );
}

function duplicate(task: Shown<"task">): void {
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
