import { store } from "../../commands/app";
import type { TaskRow } from "../../commands/grid";
import { localTime } from "../../rules/dates";
import type { Shown, Task } from "../../store/types";
import { t } from "../../texts";
import { Bars, Dot, Icon } from "../icons";
import { daysBetween, elsewhere, inZone, isPast, overdueText, shortMoment, time, type MomentLike } from "../when";
import type { Shows } from "./row";

/** When a task is due, as the clock of the user's zone shows it. */
interface Due {
  at: MomentLike;
  text: string;
  late: boolean;
  days: number;
  /** The time in the zone of the task, if that has another clock. */
  there: string | null;
}

export function dueOf(task: Task): Due | null {
  if (!task.due) return null;
  const today = store().today.value;
  const { timezone } = store().user.value;
  const at = inZone(task.due, timezone);
  // Only today's times have to be compared with the clock, which takes long for a whole screen.
  const isOver = at.date === today ? isPast(at, localTime(new Date(), timezone)) : at.date < today;
  const late = isOver && !task.is_completed;
  const there = elsewhere(task.due, timezone);
  return { at, text: shortMoment(at, today), late, days: daysBetween(at.date, today), there };
}

/** How many subtasks are completed. A row that lingers was made before they were completed with it. */
export function doneBelow(task: Task, row: TaskRow): number {
  return task.is_completed ? row.children : row.completedChildren;
}

/** "Pay rent, priority 1, due today 17:00, repeats, 2 of 5 subtasks": a row in one breath. */
export function spoken(task: Shown<"task">, row: TaskRow, moment: Due | null): string {
  const parts = [task.title];
  if (task.priority) parts.push(t().priority(task.priority));
  if (moment) parts.push(moment.late ? `${t().dueOn(moment.text)}, ${t().overdueWord}` : t().dueOn(moment.text));
  if (moment?.there) parts.push(moment.there);
  if (task.recurrence) parts.push(t().repeats);
  const all = row.children;
  if (all > 0) parts.push(t().subtasksDone(doneBelow(task, row), all));
  for (const id of task.label_ids) {
    const label = store().get("label", id).value;
    if (label) parts.push(`@${label.name}`);
  }
  if (task.description) parts.push(t().hasNotes);
  if (task.unsent) parts.push(t().unsent);
  return parts.join(", ");
}

const LABELS = 2;

/** The details beside the title. A function, not a component: a list that scrolls renders many. */
export function meta(task: Shown<"task">, row: TaskRow, moment: Due | null, shows: Shows, day: string | null) {
  // Below a day's heading the day goes without saying; the time does not.
  const when = moment && (day === moment.at.date ? time(moment.at) : moment.text);
  const all = row.children;
  const labels = task.label_ids.map((id) => store().get("label", id).value).filter((label) => label !== undefined);
  const list = shows.list && task.list_id ? store().get("list", task.list_id).value : undefined;
  const nothing = !when && !task.priority && !all && labels.length === 0 && !list && !task.description && !task.recurrence;
  if (nothing && !task.unsent) return null;
  return (
    <span class="meta" aria-hidden="true">
      {all > 0 && <span class="meta-part figures">{doneBelow(task, row)}/{all}</span>}
      {task.description && <Icon name="note" size={16} />}
      {labels.slice(0, LABELS).map((label) => (
        <span key={label.id} class="meta-part meta-label"><Dot color={label.color} /><bdi>{label.name}</bdi></span>
      ))}
      {labels.length > LABELS && <span class="meta-part">+{labels.length - LABELS}</span>}
      {list && <span class="meta-part meta-list"><Dot color={list.color} /><bdi>{list.name}</bdi></span>}
      {task.priority && <Bars priority={task.priority} />}
      {moment && when && (
        <span class={`meta-part figures ${moment.late ? "is-late" : moment.days === 0 ? "is-today" : ""}`}>
          {moment.late ? overdueText(when, moment.days) : when}
        </span>
      )}
      {moment?.there && <span class="meta-part figures">{moment.there}</span>}
      {task.recurrence && <Icon name="repeat" size={16} />}
    </span>
  );
}
