import { store } from "../../commands/app";
import type { TaskRow } from "../../commands/grid";
import { localTime } from "../../rules/dates";
import type { Shown, Task } from "../../store/types";
import { t } from "../../texts";
import { Bars, Dot, Icon } from "../icons";
import { daysBetween, inZone, isPast, shortMoment, time } from "../when";
import type { Shows } from "./row";

function due(task: Task, day: string | null): { text: string; late: boolean; days: number } | null {
  if (!task.due) return null;
  const today = store().today.value;
  const { timezone } = store().user.value;
  const at = inZone(task.due, timezone);
  const late = !task.is_completed && isPast(at, localTime(new Date(), timezone));
  const days = daysBetween(at.date, today);
  // Below a day's heading the day goes without saying; the time does not.
  const text = day === at.date ? time(at) : shortMoment(at, today);
  return { text, late, days };
}

/** "Pay rent, priority 1, due today 17:00, repeats, 2 of 5 subtasks": a row in one breath. */
export function spoken(task: Shown<"task">, row: TaskRow): string {
  const parts = [task.title];
  const moment = due(task, null);
  if (task.priority) parts.push(t().priority(task.priority));
  if (moment) parts.push(moment.late ? `${t().dueOn(moment.text)}, ${t().overdueWord}` : t().dueOn(moment.text));
  if (task.recurrence) parts.push(t().repeats);
  const all = row.children;
  if (all > 0) parts.push(t().subtasksDone(row.completedChildren, all));
  for (const id of task.label_ids) {
    const label = store().get("label", id).value;
    if (label) parts.push(`@${label.name}`);
  }
  if (task.description) parts.push(t().hasNotes);
  if (task.unsent) parts.push(t().unsent);
  return parts.join(", ");
}

const LABELS = 2;

export function Meta({ task, row, shows, day }: { task: Shown<"task">; row: TaskRow; shows: Shows; day: string | null }) {
  const moment = due(task, day);
  const all = row.children;
  const labels = task.label_ids.map((id) => store().get("label", id).value).filter((label) => label !== undefined);
  const list = shows.list && task.list_id ? store().get("list", task.list_id).value : undefined;
  const nothing = !moment?.text && !task.priority && !all && labels.length === 0 && !list && !task.description && !task.recurrence;
  if (nothing && !task.unsent) return null;
  return (
    <span class="meta" aria-hidden="true">
      {all > 0 && <span class="meta-part figures">{row.completedChildren}/{all}</span>}
      {task.description && <Icon name="note" size={16} />}
      {labels.slice(0, LABELS).map((label) => (
        <span key={label.id} class="meta-part meta-label"><Dot color={label.color} /><bdi>{label.name}</bdi></span>
      ))}
      {labels.length > LABELS && <span class="meta-part">+{labels.length - LABELS}</span>}
      {list && <span class="meta-part meta-list"><Dot color={list.color} /><bdi>{list.name}</bdi></span>}
      {task.priority && <Bars priority={task.priority} />}
      {task.recurrence && <Icon name="repeat" size={16} />}
      {moment?.text && (
        <span class={`meta-part figures ${moment.late ? "is-late" : moment.days === 0 ? "is-today" : ""}`}>
          {moment.late ? `${moment.text} ${moment.days > 0 ? t().overdueBy(moment.days) : t().overdueWord}` : moment.text}
        </span>
      )}
    </span>
  );
}
