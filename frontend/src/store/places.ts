/** Places among siblings, and provisional keys of the manual order. */
import { byPosition, keyBetween, lastKey } from "../rules/order";
import type { Fields, Resource } from "./entries";
import type { Model } from "./model";
import type { Kind, Place, Section, Task, TaskPlace } from "./types";

/** The three fields that say where a task is. */
export interface Spot {
  list_id: string | null;
  section_id: string | null;
  parent_id: string | null;
}

export const INBOX: Spot = { list_id: null, section_id: null, parent_id: null };

/** Where a task goes that is at `here`: the server's rules in docs/api.md, "Moving a task". */
export function spotOf(model: Model, here: Spot, to: TaskPlace): Spot {
  const parent = model.task(to.parent_id);
  if (parent) return { ...pick(parent), parent_id: parent.id };
  const section = to.section_id
    ? (model.shown.section.get(to.section_id) as Section | undefined)
    : undefined;
  if (section) return { list_id: section.list_id, section_id: section.id, parent_id: null };
  if (to.list_id !== undefined && to.list_id !== here.list_id) {
    return { ...INBOX, list_id: to.list_id };
  }
  if (to.section_id === null) return { ...here, section_id: null, parent_id: null };
  if (to.parent_id === null) return { ...here, parent_id: null };
  return here;
}

function pick(task: Task): Spot {
  return { list_id: task.list_id, section_id: task.section_id, parent_id: task.parent_id };
}

export function sameSpot(a: Spot, b: Spot): boolean {
  return a.list_id === b.list_id && a.section_id === b.section_id && a.parent_id === b.parent_id;
}

/** What is sent for a spot: what the parent or the section decides is left out. */
export function spotData(spot: Spot): Fields {
  if (spot.parent_id) return { parent_id: spot.parent_id };
  if (spot.section_id) return { section_id: spot.section_id, parent_id: null };
  return { ...spot };
}

/** Whose siblings are meant: those of a resource, if it were at a place. */
export interface Among {
  model: Model;
  type: Kind;
  id: string;
  where: Fields;
}

/** The siblings of a resource and others, in no order. Completed tasks are siblings too. */
export function candidates({ model, type, where }: Among): Iterable<Resource> {
  if (type !== "task" || !where.parent_id) return model.shown[type].values();
  return [...model.childrenOf(where.parent_id as string)].map((id) => model.task(id)!);
}

export function isSibling(other: Resource, { type, id, where }: Among): boolean {
  if (other.id === id) return false;
  if (type === "section") return (other as Section).list_id === where.list_id;
  if (type !== "task") return true;
  if (where.parent_id) return (other as Task).parent_id === where.parent_id;
  return sameSpot(other as Task, where as unknown as Spot);
}

/** How many earlier siblings a move remembers. */
const REMEMBERED = 20;

interface Between {
  /** The siblings before, the nearest first. */
  behind: Resource[];
  next: Resource | undefined;
}

/**
 * Finds the neighbors of a place: the siblings before it satisfy `isBefore`. This is one pass, since
 * sorting ten thousand siblings for one move takes too long.
 */
function around(among: Among, isBefore: (sibling: Resource) => boolean): Between {
  const behind: Resource[] = [];
  let next: Resource | undefined;
  for (const one of candidates(among)) {
    if (!isSibling(one, among)) continue;
    if (!isBefore(one)) {
      if (!next || byPosition(one, next) < 0) next = one;
    } else if (behind.length < REMEMBERED || byPosition(one, behind.at(-1)!) > 0) {
      let at = 0; // the model has most siblings in their order
      while (at < behind.length && byPosition(behind[at]!, one) > 0) at++;
      behind.splice(at, 0, one);
      if (behind.length > REMEMBERED) behind.pop();
    }
  }
  return { behind, next };
}

/** The provisional key of a place among siblings, and the siblings before it, the nearest first. */
export function keyAt(among: Among, to: Place): { key: string; behind: string[] } {
  const named = among.model.shown[among.type].get(to.after_id ?? to.before_id ?? "");
  const anchor = named && isSibling(named, among) ? named : undefined;
  let isBefore: (sibling: Resource) => boolean = () => true; // last
  if (to.after_id === null) isBefore = () => false;
  else if (anchor && to.after_id) isBefore = (one) => byPosition(one, anchor) <= 0;
  else if (anchor) isBefore = (one) => byPosition(one, anchor) < 0;
  const { behind, next } = around(among, isBefore);
  const before = behind[0]?.position ?? null;
  const key = next ? keyBetween(before, next.position) : lastKey(before);
  return { key, behind: behind.map(({ id }) => id) };
}

/** The place that a resource has now, as a move back to it would name it. */
export function placeOf(model: Model, type: Kind, resource: Resource): Place & { or: Place } {
  const among = { model, type, id: resource.id, where: resource as unknown as Fields };
  const { behind, next } = around(among, (one) => byPosition(one, resource) < 0);
  return { after_id: behind[0]?.id ?? null, or: next ? { before_id: next.id } : {} };
}
