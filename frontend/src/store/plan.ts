/** Chooses what is sent next: folds entries of one resource, merges, and leaves the rest waiting. */
import type { Entry, Fields, SentOperation, Resource } from "./entries";
import { cascades, isPurge, referencesOf, same } from "./entries";
import { merge, type Clash } from "./merge";
import { recurrenceSent } from "./shapes";
import type { Kind, Task } from "./types";

const LIMIT = 100;

export interface Planned {
  sent: SentOperation;
  entries: Entry[];
}

export interface Plan {
  atomic: boolean;
  operations: Planned[];
  /** Entries that do not have to be sent. */
  drop: Entry[];
  clashes: { entry: Entry; texts: Clash[]; replaced: Clash[] }[];
  /** An edit of something that is no longer there: restore that first, if it can be. */
  missing: Entry | null;
  /** When the next entry that waits for its time may be sent. */
  next: number;
}

type Copies = Record<Kind, ReadonlyMap<string, Resource>>;

export function plan(entries: readonly Entry[], copy: Copies, now: number, limit = LIMIT): Plan {
  return new Planner(copy, now, limit).run(entries);
}

class Planner {
  private readonly plan: Plan = {
    atomic: false,
    operations: [],
    drop: [],
    clashes: [],
    missing: null,
    next: Infinity,
  };
  /** Resources that wait, so that what names them waits too. */
  private readonly blocked = new Set<string>();
  /** Resources that this request creates, with the place of the operation. */
  private readonly made = new Map<string, number>();
  private readonly used = new Set<string>();

  constructor(
    private readonly copy: Copies,
    private readonly now: number,
    private readonly limit: number,
  ) {}

  run(entries: readonly Entry[]): Plan {
    const { plan } = this;
    for (const entry of entries) if (entry.state === "parked") this.blocked.add(entry.id);
    for (const group of grouped(entries)) {
      if (this.mustWait(group)) {
        for (const entry of group) this.blocked.add(entry.id);
        continue;
      }
      const alone = group.length > 1 || cascades(group[0]!);
      if (alone && plan.operations.length > 0) break;
      const whole = group.every((entry) => this.take(entry, group.length === 1));
      if (alone && plan.operations.length > 0) {
        plan.atomic = true;
        break;
      }
      if (!whole || plan.missing || plan.operations.length >= this.limit) break;
    }
    return plan;
  }

  private mustWait(group: readonly Entry[]): boolean {
    return group.some((entry) => {
      if (this.blocked.has(entry.id)) return true;
      if (entry.notBefore > this.now) {
        this.plan.next = Math.min(this.plan.next, entry.notBefore);
        return true;
      }
      return referencesOf(entry.data).some((id) => this.blocked.has(id));
    });
  }

  /** Adds an entry to the request; false if it must wait for the next one. */
  private take(entry: Entry, mayFold: boolean): boolean {
    const { plan, copy } = this;
    if (mayFold && entry.op === "update" && this.fold(entry)) return true;
    if (plan.operations.length >= this.limit) return false;
    if (this.used.has(entry.id) && !this.made.has(entry.id)) return false;
    const known = copy[entry.type].get(entry.id);
    if (entry.op === "create") {
      this.made.set(entry.id, plan.operations.length);
      this.push({ op: "create", type: entry.type, data: creation(entry.data) }, entry);
      return true;
    }
    if (entry.op === "restore") {
      this.push({ op: "restore", type: entry.type, id: entry.id }, entry);
      return true;
    }
    if (isPurge(entry)) {
      const { op, type, id, data, base } = entry;
      this.push({ op, type, id, data, if_match: (base as Fields).version as number }, entry);
      return true;
    }
    if (!known && !this.made.has(entry.id)) {
      if (entry.op !== "update") plan.drop.push(entry);
      else if (plan.operations.length === 0) plan.missing = entry;
      return entry.op !== "update";
    }
    const isMovingOn = entry.op === "complete" || entry.op === "skip";
    // Which occurrence comes after the one before it, only the next answer says.
    if (isMovingOn && !known && !entry.data.occurrence && entry.base?.recurrence) return false;
    if (entry.op === "reopen" && entry.data.occurrence) return this.takeBack(entry, known as Task);
    const data = this.dataOf(entry, known);
    if (data === null) {
      plan.drop.push(entry);
      return true;
    }
    const sent: SentOperation = { op: entry.op, type: entry.type, id: entry.id };
    if (known) sent.if_match = known.version;
    if (data) sent.data = data;
    this.push(sent, entry);
    return true;
  }

  /** Reopens the completed copy of an occurrence, or the task itself if its rule has ended. */
  private takeBack(entry: Entry, task: Task | undefined): boolean {
    const { occurrence } = entry.data;
    let done = task?.is_completed ? task : undefined;
    for (const other of this.copy.task.values() as Iterable<Task>) {
      if (other.occurrence_of === entry.id && other.occurrence === occurrence) done = other;
    }
    if (!done) this.plan.drop.push(entry);
    else this.push({ op: "reopen", type: "task", id: done.id, if_match: done.version }, entry);
    return true;
  }

  private push(sent: SentOperation, entry: Entry): void {
    this.used.add(entry.id);
    this.plan.operations.push({ sent, entries: [entry] });
  }

  /** Puts an edit into the operation on the same resource that precedes it. */
  private fold(entry: Entry): boolean {
    const at = this.plan.operations.findLastIndex(({ entries }) => entries[0]!.id === entry.id);
    const planned = this.plan.operations[at];
    if (!planned) return false;
    const { sent, entries } = planned;
    if (sent.op !== "update" && sent.op !== "create") return false;
    if (referencesOf(entry.data).some((id) => (this.made.get(id) ?? -1) > at)) return false;
    if (sent.op === "create") {
      sent.data = creation({ ...entries[0]!.data, ...folded([...entries.slice(1), entry]).data });
    } else {
      const known = this.copy[entry.type].get(entry.id);
      const { base, data } = folded([...entries, entry]);
      if (!known) {
        sent.data = creation(data);
        entries.push(entry);
        return true;
      }
      const result = merge(base, data, known as unknown as Fields);
      if (Object.keys(result.data).length === 0) return false;
      sent.data = creation(result.data);
    }
    entries.push(entry);
    return true;
  }

  /** The body of an operation: undefined has none, null means that there is nothing left to do. */
  private dataOf(entry: Entry, known: Resource | undefined): Fields | undefined | null {
    const task = known as Task | undefined;
    switch (entry.op) {
      case "update":
        return this.updateOf(entry, known);
      case "complete":
        return completion(entry, task);
      case "skip":
        return task && !task.recurrence ? null : completion(entry, task);
      case "reopen":
        return task && !task.is_completed ? null : undefined;
      case "move":
        return this.moveOf(entry);
      case "delete":
        if (known && wasEdited(entry, known)) return null;
        return entry.type === "task" || entry.type === "list" ? {} : undefined;
      default:
        return undefined;
    }
  }

  private updateOf(entry: Entry, known: Resource | undefined): Fields | null {
    if (!known) return creation(entry.data);
    const theirs = known as unknown as Fields;
    const result = merge(entry.base ?? {}, entry.data, theirs);
    const { data, texts, replaced } = result;
    // Where the person began to type before, the texts alone say what has changed since.
    const isNewer =
      ("base" in entry.command && entry.command.base !== undefined) ||
      (entry.version !== null && entry.version !== known.version);
    if (isNewer && texts.length + replaced.length > 0) {
      this.plan.clashes.push({ entry, texts, replaced });
    }
    return Object.keys(data).length ? creation(data) : null;
  }

  /** A move after the nearest earlier sibling that is still there, else to the front. */
  private moveOf(entry: Entry): Fields {
    const { after_id } = entry.data;
    if (typeof after_id !== "string" || this.exists(entry.type, after_id)) return entry.data;
    const nearest = entry.behind?.find((id) => this.exists(entry.type, id)) ?? null;
    return { ...entry.data, after_id: nearest };
  }

  private exists(type: Kind, id: string): boolean {
    return this.copy[type].has(id) || this.made.has(id);
  }
}

/** Entries of one act, in their order, without those that are answered or refused. */
function grouped(entries: readonly Entry[]): Entry[][] {
  const groups: Entry[][] = [];
  for (const entry of entries) {
    if (entry.state !== "waiting") continue;
    const last = groups.at(-1);
    if (last?.[0]!.group === entry.group) last.push(entry);
    else groups.push([entry]);
  }
  return groups;
}

/** Several edits as one: the last values, over what was there before the first. */
export function folded(entries: readonly Entry[]): { base: Fields; data: Fields } {
  const base: Fields = {};
  const data: Fields = {};
  for (const entry of entries) {
    for (const [field, value] of Object.entries(entry.data)) {
      if (!(field in base)) base[field] = entry.base?.[field];
      data[field] = field === "metadata" ? { ...(data.metadata as Fields), ...(value as Fields) } : value;
    }
  }
  return { base, data };
}

function completion(entry: Entry, task: Task | undefined): Fields | null {
  if (task?.is_completed) return null;
  if (!task?.recurrence) return entry.data;
  const { occurrence } = task.recurrence;
  // Another device has completed this occurrence, or has taken its completion back.
  if (entry.data.occurrence && entry.data.occurrence !== occurrence) return null;
  return { ...entry.data, occurrence };
}

const NOT_CONTENT = new Set(
  "version updated_at position list_id section_id parent_id unsent user_id created_at".split(" "),
);

/** An edit wins over a deletion by somebody who had not seen it. */
function wasEdited(entry: Entry, known: Resource): boolean {
  if (!entry.base || entry.version === null || entry.version === known.version) return false;
  const [base, now] = [entry.base, known as unknown as Fields];
  return Object.keys(now).some(
    (field) => !NOT_CONTENT.has(field) && !same(now[field], base[field]),
  );
}

function creation(data: Fields): Fields {
  if (data.recurrence === undefined) return data;
  return { ...data, recurrence: recurrenceSent(data.recurrence) };
}


