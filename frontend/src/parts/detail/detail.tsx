import "../../styles/pages.css";
import "../../styles/detail.css";

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { store } from "../../commands/app";
import { show } from "../../commands/overlay";
import { closeTask } from "../../commands/places";
import { withTask } from "../../commands/back";
import { setCompleted, setPriority } from "../../commands/tasks";
import { localTime } from "../../rules/dates";
import type { Shown } from "../../store/types";
import { t } from "../../texts";
import { m } from "../../texts/more";
import { duration, ruleText } from "../dates/texts";
import { Bars, Dot, Icon, type IconName } from "../icons";
import { lazily } from "../lazily";
import { Link } from "../link";
import { Menu, type MenuItem } from "../menu";
import { ago, daysBetween, elsewhere, formatInstant, inZone, isPast, overdueText, shortMoment, type MomentLike } from "../when";
import { Notes, TitleField } from "./fields";
import { Head } from "./head";
import { Replaced } from "./replaced";
import { Subtasks } from "./subtasks";

const DurationPicker = lazily<{ ids: readonly string[]; anchor: Element; onClose: () => void }>(() => import("../dates/duration").then((part) => part.DurationPicker));

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
  const hadFocus = pane.current?.contains(document.activeElement);
  useEffect(() => {
    // On narrow screens the detail covers the list, so the focus goes with it. It stays with the
    // buttons that lead to the next task; what was below them has been replaced.
    const covers = !matchMedia("(min-width: 68em)").matches;
    if ((covers || hadFocus) && !pane.current?.contains(document.activeElement)) pane.current?.focus();
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
      <Head task={task} />
      {task ? <Body key={id} task={task} /> : <Gone />}
    </aside>
  );
}

function Gone() {
  return (
    <div class="empty">
      <p>{m().taskGone}</p>
      <button type="button" class="button" onClick={closeTask}>{t().close}</button>
    </div>
  );
}

function Body({ task }: { task: Shown<"task"> }) {
  const menu = useSignal<{ anchor: Element; items: (MenuItem | null)[]; label: string } | null>(null);
  const durationAt = useSignal<Element | null>(null);
  const ids = [task.id];
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
  return (
    <>
      <div class="detail-body">
        {parent && <Link class="detail-parent" href={withTask(parent.id)}><Icon name="back" size={16} /><bdi>{parent.title}</bdi></Link>}
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
            {due && <Moment shown={due} there={elsewhere(task.due!, timezone)} late={!!late} />}
          </Property>
          <Property icon="repeat" name={m().repeat} onClick={(anchor) => show({ kind: "repeat", ids, anchor })}>
            {task.recurrence && ruleText(task.recurrence.rule)}
          </Property>
          <Property icon="clock" name={m().startName} onClick={(anchor) => show({ kind: "date", field: "start", ids, anchor })}>
            {start && <Moment shown={start} there={elsewhere(task.start!, timezone)} />}
          </Property>
          <Property icon="duration" name={m().durationName} onClick={(anchor) => (durationAt.value = anchor)}>
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
      {durationAt.value && <DurationPicker ids={ids} anchor={durationAt.value} onClose={() => (durationAt.value = null)} />}
      {menu.value && <Menu {...menu.value} onClose={() => (menu.value = null)} />}
    </>
  );
}

function Moment({ shown, there, late = false }: { shown: MomentLike; there: string | null; late?: boolean }) {
  const today = store().today.value;
  const text = shortMoment(shown, today);
  return (
    <>
      {late ? overdueText(text, daysBetween(shown.date, today)) : text}
      {there && <span class="note">{there}</span>}
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
