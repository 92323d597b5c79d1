/** Turns what a person does into entries of the outbox, with all that shows at once. */
import { newId } from "../rules/ids";
import type { Effect, Entry, Fields, Op, Resource } from "./entries";
import { same } from "./entries";
import { labelsAfter } from "./lay";
import type { Model } from "./model";
import { INBOX, keyAt, sameSpot, spotData, spotOf, type Spot } from "./places";
import { movedOn } from "./recurring";
import { made, moment, recurrenceSent, recurrenceShown } from "./shapes";
import type { Command, Kind, Place, Task, TaskPlace } from "./types";

/** An entry before the outbox has given it its place and version. */
export type Draft = Pick<Entry, "type" | "id" | "op" | "data" | "base" | "effects"> &
  Partial<Pick<Entry, "behind" | "notBefore" | "was">>;

export interface Context {
  model: Model;
  userId: string;
  now: Date;
  /** The local date of an instant in the user's zone, or in one that is named. */
  dayOf(instant: Date, timezone: string | null): string;
  /** Whether the next occurrence of a task is not known yet, since a completion is unsent. */
  isMovingOn(id: string): boolean;
}

/** Deletions that cannot be taken back wait so long. */
const GRACE = 10_000;

/** The entries of a command. None if it changes nothing, or if its resource is not there. */
export function draft(context: Context, command: Command): Draft[] {
  if (command.do === "create") return create(context, command.type, command.data as Fields);
  if (command.do === "restore" || command.do === "purge") return inTrash(context, command);
  const type = "type" in command ? command.type : "task";
  const resource = context.model.shown[type].get(command.id);
  if (!resource) return command.do === "update" && command.base ? [ofGone(command)] : [];
  switch (command.do) {
    case "update":
      return update(context, type, resource, command.data, command.base as Fields | undefined);
    case "delete":
      return [remove(context, type, resource)];
    case "move":
      return move(context, type, resource, command.to);
    case "complete":
      return complete(context, resource as Task);
    case "reopen":
      return reopen(context, resource as Task);
    case "skip":
      return skip(context, resource as Task);
  }
}

function one(
  op: Op,
  type: Kind,
  resource: Resource,
  data: Fields,
  effects: Effect[],
): Draft {
  return { op, type, id: resource.id, data, base: resource as unknown as Fields, effects };
}

function create({ model, userId, now }: Context, type: Kind, given: Fields): Draft[] {
  const { after_id, before_id, ...fields } = given;
  const id = (fields.id as string | undefined) ?? newId();
  const place = { after_id, before_id } as Place;
  const spot = type === "task" ? spotOf(model, INBOX, fields as TaskPlace) : {};
  const resource = made(type, { ...fields, ...spot, id, user_id: userId }, now);
  const { key, behind } = keyAt({ model, type, id, where: resource as unknown as Fields }, place);
  resource.position = key;
  const hidden = { list_id: undefined, section_id: undefined, parent_id: undefined };
  const where = type === "task" ? { ...hidden, ...creationSpot(spot as Spot) } : {};
  const recurrence = fields.recurrence && recurrenceSent(fields.recurrence);
  const data = defined({ ...fields, ...where, recurrence, ...place, id });
  const effects: Effect[] = [{ type, id, made: resource }];
  return [{ op: "create", type, id, data, base: null, effects, behind }];
}

/** A null counts as sent, and would contradict a parent in a list: so nothing is, in the inbox. */
function creationSpot({ list_id, section_id, parent_id }: Spot): Fields {
  if (parent_id) return { parent_id };
  if (section_id) return { section_id };
  return list_id ? { list_id } : {};
}

function defined(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** An edit of what another device has removed meanwhile: it is restored before this is sent. */
function ofGone({ type, id, data, base }: Extract<Command, { do: "update" }>): Draft {
  const was = base as Fields;
  const old = Object.fromEntries(Object.keys(data).map((field) => [field, was[field] ?? null]));
  return { op: "update", type, id, data, base: old, was, effects: [{ type, id, set: data }] };
}

function update(
  context: Context,
  type: Kind,
  resource: Resource,
  given: Fields,
  began?: Fields,
): Draft[] {
  const { list_id, section_id, parent_id, is_completed, ...rest } = given;
  const drafts = [...fieldsChanged(context, type, resource, rest, began)];
  if (type === "task") {
    const to = defined({ list_id, section_id, parent_id }) as TaskPlace;
    if (Object.keys(to).length) drafts.push(...move(context, type, resource, to));
    if (is_completed === true) drafts.push(...complete(context, resource as Task));
    if (is_completed === false) drafts.push(...reopen(context, resource as Task));
  }
  return drafts;
}

function fieldsChanged(
  { now }: Context,
  type: Kind,
  resource: Resource,
  given: Fields,
  began?: Fields,
): Draft[] {
  const before = resource as unknown as Fields;
  const data: Fields = {};
  const effect: Effect = { type, id: resource.id, set: {} };
  const { add_label_ids = [], remove_label_ids = [], ...fields } = given;
  if (add_label_ids || remove_label_ids) {
    const [add, remove] = [add_label_ids as string[], remove_label_ids as string[]];
    const labels = (fields.label_ids ?? before.label_ids) as string[] | undefined;
    if (labels && (add.length || remove.length)) fields.label_ids = labelsAfter(labels, add, remove);
  }
  for (const [field, value] of Object.entries(fields)) {
    let after = value;
    if (field === "due" || field === "start") after = moment(value, before[field]);
    if (field === "title" || field === "name") after = String(value).trim();
    if (field === "recurrence") {
      const due = (data.due ?? before.due) as Task["due"];
      after = recurrenceShown(value as Fields | null, (before as unknown as Task).recurrence, due);
    }
    if (field === "metadata") {
      const patch = value as Fields;
      if (Object.keys(patch).every((key) => same(patch[key], (before.metadata as Fields)[key]))) continue;
      effect.metadata = patch;
      data.metadata = patch;
      continue;
    }
    if (same(after, before[field])) continue;
    if (field === "label_ids") {
      const [old, ids] = [before.label_ids as string[], after as string[]];
      effect.labels = {
        add: ids.filter((id) => !old.includes(id)),
        remove: old.filter((id) => !ids.includes(id)),
      };
      if (effect.labels.add.length + effect.labels.remove.length === 0) continue;
    } else effect.set![field] = after;
    data[field] = field === "recurrence" ? recurrenceSent(value) : after;
  }
  if (Object.keys(data).length === 0) return [];
  if (data.due === null && before.recurrence) effect.set!.recurrence = null;
  effect.set!.updated_at = now.toISOString();
  const replaced = began ?? before;
  const base = Object.fromEntries(Object.keys(data).map((field) => [field, replaced[field] ?? null]));
  return [{ ...one("update", type, resource, data, [effect]), base }];
}

function complete(context: Context, task: Task): Draft[] {
  if (task.is_completed) return [];
  const { model, now } = context;
  const at = now.toISOString();
  const data: Fields = { completed_at: at };
  if (!task.recurrence) {
    const set = { is_completed: true, completed_at: at, updated_at: at };
    const open = model.below(task.id).filter((each) => !each.is_completed);
    return [one("complete", "task", task, data, effectsOn([task, ...open], set))];
  }
  if (!context.isMovingOn(task.id)) data.occurrence = task.recurrence.occurrence;
  return [one("complete", "task", task, data, movingOn(context, task, "complete"))];
}

function skip(context: Context, task: Task): Draft[] {
  if (!task.recurrence || task.is_completed) return [];
  const data: Fields = {};
  if (!context.isMovingOn(task.id)) data.occurrence = task.recurrence.occurrence;
  return [one("skip", "task", task, data, movingOn(context, task, "skip"))];
}

function movingOn(context: Context, task: Task, act: "complete" | "skip"): Effect[] {
  const { now, model } = context;
  const day = context.dayOf(now, task.due?.timezone ?? null);
  const done: string[] = [];
  if (task.recurrence?.anchor === "completion") {
    for (const other of model.shown.task.values() as Iterable<Task>) {
      if (other.occurrence_of === task.id && other.occurrence) done.push(other.occurrence);
    }
  }
  const set = movedOn(task, act, day, now.toISOString(), done);
  const below = set.is_completed
    ? effectsOn(
        model.below(task.id).filter((each) => !each.is_completed),
        set,
      )
    : effectsOn(
        model.below(task.id).filter((each) => each.is_completed && !each.occurrence_of),
        { is_completed: false, completed_at: null },
      );
  return [{ type: "task", id: task.id, set }, ...below];
}

function reopen({ model, now }: Context, task: Task): Draft[] {
  if (!task.is_completed) return [];
  const of = model.task(task.occurrence_of);
  if (of?.recurrence && !of.is_completed && isNewest(model, task)) {
    const set = { due: task.due, start: task.start };
    const recurrence = { ...of.recurrence, occurrence: task.occurrence! };
    const back: Effect = { type: "task", id: of.id, set: { ...set, recurrence } };
    return [one("reopen", "task", task, {}, [{ type: "task", id: task.id, gone: true }, back])];
  }
  const set = { is_completed: false, completed_at: null, updated_at: now.toISOString() };
  const opened = [task, ...ancestors(model, task).filter((each) => each.is_completed)];
  const below = model.below(task.id).filter((each) => each.completed_at === task.completed_at);
  const effects = effectsOn([...opened, ...below], set);
  if (task.occurrence_of) effects[0]!.set = { ...set, occurrence_of: null, occurrence: null };
  return [one("reopen", "task", task, {}, effects)];
}

function isNewest(model: Model, copy: Task): boolean {
  for (const other of model.shown.task.values() as Iterable<Task>) {
    if (other.occurrence_of === copy.occurrence_of && other.occurrence! > copy.occurrence!) return false;
  }
  return true;
}

function ancestors(model: Model, task: Task): Task[] {
  const found: Task[] = [];
  for (let up = model.task(task.parent_id); up && found.length < 10; up = model.task(up.parent_id)) {
    found.push(up);
  }
  return found;
}

function move(context: Context, type: Kind, resource: Resource, to: TaskPlace): Draft[] {
  const { model } = context;
  const anchor: Place = defined({ after_id: to.after_id, before_id: to.before_id });
  if (type !== "task") {
    const { key, behind } = keyAt({ model, type, id: resource.id, where: resource as unknown as Fields }, anchor);
    const effects: Effect[] = [{ type, id: resource.id, set: { position: key } }];
    return [{ ...one("move", type, resource, { ...anchor }, effects), behind }];
  }
  const task = resource as Task;
  const below = model.below(task.id);
  if (to.parent_id === task.id || below.some((each) => each.id === to.parent_id)) return [];
  const spot = spotOf(model, task, to);
  const moved = !sameSpot(spot, task);
  const where = { list_id: spot.list_id, section_id: spot.section_id, parent_id: spot.parent_id };
  const { key, behind } = keyAt({ model, type, id: task.id, where }, anchor);
  const effects: Effect[] = [{ type, id: task.id, set: { ...where, position: key } }];
  if (spot.list_id !== task.list_id || spot.section_id !== task.section_id) {
    const { list_id, section_id } = where;
    effects.push(...effectsOn(below, { list_id, section_id }));
  }
  const data = { ...(moved ? spotData(where) : {}), ...anchor };
  return [{ ...one("move", "task", task, data, effects), behind }];
}

function remove({ model, now }: Context, type: Kind, resource: Resource): Draft {
  const effects: Effect[] = [{ type, id: resource.id, gone: true }];
  const tasks = model.shown.task.values() as Iterable<Task>;
  if (type === "task") {
    for (const each of model.below(resource.id)) effects.push({ type, id: each.id, gone: true });
  } else if (type === "list") {
    for (const task of tasks) {
      if (task.list_id === resource.id) effects.push({ type: "task", id: task.id, gone: true });
    }
    for (const section of model.shown.section.values() as Iterable<Resource & { list_id: string }>) {
      if (section.list_id === resource.id) effects.push({ type: "section", id: section.id, gone: true });
    }
  } else if (type === "section") {
    for (const task of tasks) {
      if (task.section_id === resource.id) {
        effects.push({ type: "task", id: task.id, set: { section_id: null } });
      }
    }
  } else if (type === "label") {
    for (const task of tasks) {
      if (task.label_ids.includes(resource.id)) {
        effects.push({ type: "task", id: task.id, labels: { add: [], remove: [resource.id] } });
      }
    }
  }
  const notBefore = type === "task" || type === "list" ? 0 : now.getTime() + GRACE;
  return { ...one("delete", type, resource, {}, effects), notBefore };
}

/** What is in the trash is not in the copy, so nothing shows at once. */
function inTrash({ now }: Context, command: Command & { do: "restore" | "purge" }): Draft[] {
  const { type, id } = command;
  if (command.do === "restore") return [{ op: "restore", type, id, data: {}, base: null, effects: [] }];
  const base = command.was as unknown as Fields;
  return [{ op: "delete", type, id, data: { permanent: true }, base, effects: [], notBefore: now.getTime() + GRACE }];
}

function effectsOn(tasks: readonly Task[], set: Fields): Effect[] {
  return tasks.map((task) => ({ type: "task", id: task.id, set }));
}
