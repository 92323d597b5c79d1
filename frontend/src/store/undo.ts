/** Undo. A change that was sent is not recalled; another change reverses it. */
import { draft, type Context, type Draft } from "./commands";
import { isPurge, same, type Effect, type Entry, type Fields, type Resource } from "./entries";
import type { Step } from "./noting";
import type { Spot } from "./places";
import type { Command, Place, Task } from "./types";

export interface Inverse {
  acts: { command: Command; drafts: Draft[] }[];
  /** Entries that wait for their time, and need not be sent at all. */
  drop: Entry[];
  /** Names of what cannot be taken back, since it has changed since. */
  lost: string[];
}

/** What undoes steps of one act, the last one first. `isWaiting`: it has not been sent. */
export function inverse(
  context: Context,
  steps: readonly Step[],
  isWaiting: (entry: Entry) => boolean,
): Inverse {
  const result: Inverse = { acts: [], drop: [], lost: [] };
  for (const step of steps.toReversed()) {
    const { entry } = step;
    if (entry.notBefore > 0 && isWaiting(entry)) {
      result.drop.push(entry);
      continue;
    }
    const act = undoing(context, step, () => result.lost.push(entry.name));
    if (act && act.drafts.length) result.acts.push(act);
  }
  return result;
}

function undoing(
  context: Context,
  step: Step,
  lose: () => void,
): { command: Command; drafts: Draft[] } | null {
  const { entry, before, place } = step;
  const { type, id } = entry;
  const { model } = context;
  const resource = model.shown[type].get(id) as (Resource & Fields) | undefined;
  const by = (command: Command) => ({ command, drafts: draft(context, command) });
  switch (entry.op) {
    case "create":
      return resource ? by({ do: "delete", type, id }) : null;
    case "restore":
      return resource ? by({ do: "delete", type, id }) : null;
    case "delete": {
      if (isPurge(entry) || (type !== "task" && type !== "list")) {
        lose();
        return null;
      }
      const effects = before.map((made): Effect => ({ type: kindOf(made), id: made.id, made }));
      const base = entry.base;
      const command: Command = { do: "restore", type, id };
      return { command, drafts: [{ op: "restore", type, id, data: {}, base, effects }] };
    }
    case "update":
      return resource ? by(oldFields(entry, resource, lose)) : null;
    case "complete":
      if (entry.base?.recurrence) return occurrenceBack(context, step, lose);
      if (!resource?.is_completed) lose();
      return resource?.is_completed ? by({ do: "reopen", id }) : null;
    case "reopen":
      return resource ? completedAgain(context, entry, before) : null;
    case "skip":
      return resource ? by(datesBack(entry, resource as unknown as Task)) : null;
    case "move":
      return resource && place ? by(movedBack(context, entry, place)) : null;
  }
}

/** The old values of the fields that nobody has changed since. */
function oldFields(entry: Entry, resource: Resource & Fields, lose: () => void): Command {
  const { type, id, base, effects } = entry;
  const effect = effects[0]!;
  const data: Fields = {};
  let isLost = false;
  for (const [field, old] of Object.entries(base ?? {})) {
    if (field === "label_ids") {
      data.add_label_ids = effect.labels?.remove ?? [];
      data.remove_label_ids = effect.labels?.add ?? [];
    } else if (field === "metadata") {
      const patch = Object.keys(effect.metadata ?? {});
      data.metadata = Object.fromEntries(patch.map((key) => [key, (old as Fields)[key] ?? null]));
    } else if (field === "recurrence" && same(ruleOf(resource.recurrence), ruleOf(effect.set?.recurrence))) {
      data.recurrence = old;
    } else if (same(resource[field], effect.set?.[field])) data[field] = old;
    else isLost = true;
  }
  if (isLost) lose();
  return { do: "update", type, id, data };
}

function ruleOf(value: unknown): unknown {
  return (value as Fields | null)?.rule ?? null;
}

/** Reopens the completed copy of an occurrence. It is looked for when this is sent. */
function occurrenceBack({ model }: Context, step: Step, lose: () => void) {
  const { entry, before } = step;
  const task = model.task(entry.id);
  const old = entry.base as unknown as Task;
  if (!task) {
    lose();
    return null;
  }
  const { due, start, recurrence } = old;
  const set = { due, start, recurrence, is_completed: false, completed_at: null };
  const effects: Effect[] = [{ type: "task", id: task.id, set }];
  for (const one of before as Task[]) {
    if (one.id === task.id) continue;
    const { is_completed, completed_at } = one;
    effects.push({ type: "task", id: one.id, set: { is_completed, completed_at } });
  }
  const { occurrence } = recurrence!;
  const copies = [...model.shown.task.values()] as Task[];
  const copy = copies.find((one) => one.occurrence_of === task.id && one.occurrence === occurrence);
  if (copy) effects.push({ type: "task", id: copy.id, gone: true });
  const base = task as unknown as Fields;
  const made: Draft = { op: "reopen", type: "task", id: task.id, data: { occurrence }, base, effects };
  return { command: { do: "reopen", id: task.id } as Command, drafts: [made] };
}

/** Completes again what was reopened, at the time at which it had been completed. */
function completedAgain(context: Context, entry: Entry, before: readonly Resource[]) {
  const old = entry.base as unknown as Task;
  const command: Command = { do: "complete", id: entry.id };
  const drafts = draft(context, command);
  for (const one of drafts) {
    one.data.completed_at = old.completed_at;
    const done = (before as Task[]).filter((each) => each.is_completed);
    for (const { id, completed_at } of done) {
      const set = { is_completed: true, completed_at };
      if (id !== entry.id) one.effects.push({ type: "task", id, set });
    }
  }
  return { command, drafts };
}

/**
 * The dates before an occurrence was skipped. Another `from` makes the server start the rule at
 * the due date again.
 */
function datesBack(entry: Entry, task: Task): Command {
  const { due, start, recurrence } = entry.base as unknown as Task;
  const { rule, anchor, occurrence } = recurrence!;
  const isMoved = due!.date !== occurrence;
  const data: Fields = { due: isMoved ? { ...due, date: occurrence } : due, start };
  if (task.recurrence) data.recurrence = { rule, anchor, from: occurrence };
  return { do: "update", type: "task", id: entry.id, data };
}

function movedBack(context: Context, entry: Entry, place: Place & { or: Place }): Command {
  const { model } = context;
  const { type, id } = entry;
  const { after_id, or } = place;
  const there = after_id ? model.shown[type].has(after_id) : true;
  const to: Place = there ? { after_id } : or;
  if (type !== "task") return { do: "move", type, id, to };
  const { list_id, section_id, parent_id } = entry.base as unknown as Spot;
  if (parent_id && model.task(parent_id)) return { do: "move", type, id, to: { parent_id, ...to } };
  if (section_id && model.shown.section.has(section_id)) {
    return { do: "move", type, id, to: { section_id, parent_id: null, ...to } };
  }
  return { do: "move", type, id, to: { list_id, section_id: null, parent_id: null, ...to } };
}

function kindOf(resource: Resource): Effect["type"] {
  if ("title" in resource) return "task";
  if ("list_id" in resource) return "section";
  if ("query" in resource) return "filter";
  return "is_archived" in resource ? "list" : "label";
}
