/** What takes dragged tasks beside the gaps between rows: places of the sidebar, and days. */
import { act, store } from "../../commands/app";
import { dayOfHead, grid, headAbove } from "../../commands/grid";
import { moveTasks } from "../../commands/move";
import { clearSelection } from "../../commands/selection";
import { trashTasks } from "../../commands/tasks";
import { addDays, daysBetween, momentDay } from "../../rules/dates";
import type { Command, Task } from "../../store/types";
import { t } from "../../texts";
import { m } from "../../texts/more";
import { shortDate } from "../when";

export interface DropPlace {
  /** What shows that it would take them. */
  element: Element;
  take: () => void;
}
/** What a drop would do; null if it would change nothing. */
type Take = (() => void) | null;

/** The place below the pointer, if it takes these tasks. */
export function placeAt(below: Element | null, ids: readonly string[]): DropPlace | null {
  const tasks = ids.map((id) => store().get("task", id).peek()).filter((task) => task !== undefined);
  const link = below?.closest<HTMLAnchorElement>("a.place, a.rail-place");
  if (link) return place(link, takeOfLink(link, ids, tasks));
  const strip = below?.closest<HTMLElement>("[data-day]");
  if (strip) return place(strip, toDay(strip.dataset["day"]!, tasks));
  const row = below?.closest<HTMLElement>("[role=row]");
  const rows = grid.peek()?.rows() ?? [];
  const head = row ? headAbove(rows, rows.findIndex(({ key }) => key === row.dataset["key"])) : null;
  const date = dayOfHead(head);
  if (!row || !head || !date) return null;
  return place(document.querySelector(`[data-key="${CSS.escape(head.key)}"]`) ?? row, toDay(date, tasks));
}

function place(element: Element, take: Take): DropPlace | null {
  if (!take) return null;
  return {
    element,
    take: () => {
      clearSelection();
      take();
    },
  };
}

function takeOfLink(link: HTMLAnchorElement, ids: readonly string[], tasks: readonly Task[]): Take {
  const [, at, id] = link.pathname.split("/");
  if (at === "today") return toDay(store().today.peek(), tasks);
  if (at === "trash") return () => trashTasks(ids);
  if (at === "inbox") return toList(null, t().inbox, ids, tasks);
  if (at === "label") return toLabel(id!, tasks);
  const list = at === "list" ? store().get("list", id!).peek() : undefined;
  return list && !list.is_archived ? toList(list.id, list.name, ids, tasks) : null;
}

function toList(id: string | null, name: string, ids: readonly string[], tasks: readonly Task[]): Take {
  if (tasks.every((task) => task.list_id === id && !task.section_id && !task.parent_id)) return null;
  return () => moveTasks(ids, { list_id: id, section_id: null, parent_id: null }, name);
}

function toLabel(id: string, tasks: readonly Task[]): Take {
  const without = tasks.filter((task) => !task.label_ids.includes(id));
  return update(without, (task) => ({ label_ids: [...task.label_ids, id] }), m().labelsChanged);
}

/** A task keeps its time; one with a time of another zone moves by whole days. */
function toDay(date: string, tasks: readonly Task[]): Take {
  const { timezone } = store().user.peek();
  const away = tasks.filter(({ due }) => !due || momentDay(due, timezone) !== date);
  const moved = ({ due }: Task) => (due ? { ...due, date: addDays(due.date, daysBetween(momentDay(due, timezone), date)) } : { date, time: null, timezone: null });
  return update(away, (task) => ({ due: moved(task) }), m().dateSet(m().dueName, shortDate(date, store().today.peek())));
}

function update(tasks: readonly Task[], change: (task: Task) => Record<string, unknown>, text: string): Take {
  if (tasks.length === 0) return null;
  return () => act(tasks.map((task): Command => ({ do: "update", type: "task", id: task.id, data: change(task) })), text);
}
