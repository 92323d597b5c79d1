/** Makes a task of a line. */
import { act, store } from "../../commands/app";
import type { AddAt } from "../../commands/overlay";
import { route } from "../../commands/route";
import type { Task } from "../../store/types";
import { t } from "../../texts";
import { m } from "../../texts/more";
import { commandsFor, prepareParser, understand, type Understood } from "./understand";

export interface Beside {
  data: Partial<Task> & { after_id?: string };
  note: string;
}

/** Below a task or as its subtask, in the place of that task. */
export function beside({ id, asChild }: AddAt): Beside | null {
  const task = store().get("task", id).peek();
  if (!task) return null;
  if (asChild) return { data: { parent_id: id }, note: m().asSubtaskOf(task.title) };
  const { list_id, section_id, parent_id } = task;
  return { data: { list_id, section_id, parent_id, after_id: id }, note: m().below(task.title) };
}

/** A task made here belongs to the place that is on the screen. */
function fromPlace(): Partial<Task> {
  const now = route.peek();
  if (now.at === "list" && store().get("list", now.id).peek()) return { list_id: now.id };
  if (now.at === "label" && store().get("label", now.id).peek()) return { label_ids: [now.id] };
  if (now.at === "today") return { due: { date: store().today.peek(), time: null, timezone: null } };
  return {};
}

/** Adds a line, below what was added `last`. Returns the new task. */
export async function create(line: string, given: Understood | null, place: Beside | null, last: string | null): Promise<string | null> {
  const typed = line.trim();
  if (!typed) return null;
  // Where it was typed, not where the person has gone since.
  const here = fromPlace();
  // Whoever is faster than the parser's arrival loses none of it.
  if (!given) await prepareParser().catch(() => {});
  const meant = given ?? understand(typed);
  const draft = meant?.draft.title ? meant.draft : {
    title: typed, list_id: null, section_id: null, labels: [], priority: null, due: null, duration_minutes: null, recurrence: null,
  };
  const data = place ? { ...place.data, ...(place.data.after_id && last ? { after_id: last } : {}) } : here;
  const { ids } = act(commandsFor(draft, data), t().added(draft.title));
  return ids.at(-1)!;
}
