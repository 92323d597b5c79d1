/** Applies the response to a request: to the copy, and to the entries of the request. */
import { nameKey } from "../rules/names";
import type { BatchResult, OperationResult } from "../api/things";
import type { Row } from "./database";
import { isPurge, type Entry, type Fields, type SentOperation, type Resource } from "./entries";
import type { Model } from "./model";
import type { Outbox } from "./outbox";
import type { Conflicts } from "./conflicts";
import type { Conflict, Kind, Label } from "./types";

/** After so many attempts, a change that the server does not take is shown to the person. */
const PATIENCE = 8;

/** Why a task cannot be where a move puts it. */
const IMPOSSIBLE = new Set(["circle", "too_deep", "contradiction"]);

/** The parts of a path in an error that do not name a field. */
const ENVELOPE = new Set(["body", "query", "operations", "data"]);

/** The fields that a batch omits unless it has set them. */
const LONG: Record<Kind, readonly string[]> = {
  task: ["title", "description", "metadata"],
  list: ["metadata"],
  section: [],
  label: [],
  filter: [],
};

export interface Outcome {
  write: { rows: Row[]; update: Entry[]; drop: number[]; conflicts: Conflict[] };
  /** What else was changed is still to come. */
  mustPull: boolean;
  /** The copy is older than what the server has: nothing can be sent before it is read. */
  isBehind: boolean;
}

interface Failure {
  status: number;
  code: string;
  message: string;
  fields: { path: string; message: string; type: string }[];
}

export class Answers {
  private readonly outcome: Outcome = {
    write: { rows: [], update: [], drop: [], conflicts: [] },
    mustPull: false,
    isBehind: false,
  };

  constructor(
    private readonly model: Model,
    private readonly outbox: Outbox,
    private readonly conflicts: Conflicts,
  ) {}

  /** Puts the results of a request into the copy and the outbox. Call within `model.change`. */
  take(result: BatchResult, sent: readonly SentOperation[], entries: readonly Entry[][]): Outcome {
    result.results.forEach((one, i) => this.one(one, sent[i]!, entries[i]!));
    return this.outcome;
  }

  /** The next request will contain the same entries. */
  nothing(): Outcome {
    return this.outcome;
  }

  /** Handles an operation that the server refuses, or a request that it refuses because of it. */
  refuse(sent: SentOperation, entries: readonly Entry[], failure: Failure): Outcome {
    this.failed(sent, entries, failure);
    return this.outcome;
  }

  /** Handles the response to a restore that an edit of a trashed resource needs. */
  revived(result: OperationResult, entry: Entry): Outcome {
    if (result.error?.code === "NOT_FOUND") this.gone(entry);
    else if (result.error) {
      const { code, message } = result.error;
      this.park([entry], { status: result.status, code, message, fields: [] });
    } else this.report("trashed_elsewhere", entry);
    this.outcome.isBehind = true;
    return this.outcome;
  }

  private one(result: OperationResult, sent: SentOperation, entries: readonly Entry[]): void {
    const data = result.data as (Resource & Fields) | null;
    if (data) {
      this.store(sent.type, data);
      this.done(entries, data.id === entries[0]?.id ? data.version : null);
      return;
    }
    if (result.error) {
      const { code, message, details } = result.error;
      const fields = (details.fields ?? []) as Failure["fields"];
      this.failed(sent, entries, { status: result.status, code, message, fields });
      return;
    }
    this.remove(sent.type, sent.id!, sent.if_match);
    this.done(entries, null);
  }

  /** Stores a response. A batch omits long texts that it has not set: they stay as they are. */
  private store(type: Kind, data: Resource & Fields): void {
    if (data.trashed_at) {
      this.remove(type, data.id, data.version);
      return;
    }
    const old = this.model.copy[type].get(data.id);
    const isWhole = LONG[type].every((field) => field in data);
    if (!old && !isWhole) {
      this.outcome.isBehind = true; // restored: the whole of it comes with the next changes
      return;
    }
    const whole = { ...old, ...data } as Resource;
    if (old && old.version > whole.version) return;
    this.model.put(type, data.id, whole);
    this.outcome.write.rows.push({ type, id: data.id, data: whole });
  }

  private remove(type: Kind, id: string, version?: number): void {
    this.model.bury(type, id, version);
    this.outcome.write.rows.push({ type, id, data: null } satisfies Row);
  }

  /** Takes entries out of the outbox. The next one of the resource begins at `version`. */
  private done(entries: readonly Entry[], version: number | null): void {
    const { model, outbox, outcome } = this;
    for (const entry of entries) {
      if (model.acknowledge(entry)) {
        outcome.write.update.push(entry);
        outcome.mustPull = true;
      } else {
        outbox.entries = outbox.entries.filter((other) => other !== entry);
        outcome.write.drop.push(entry.seq);
      }
    }
    const next = entries[0] && outbox.of(entries[0].id)[0];
    // The completed copy of an occurrence comes with the next changes; undo needs it.
    const wasRecurring = entries.some(({ op, base }) => op === "complete" && base?.recurrence);
    if (wasRecurring) {
      outcome.mustPull = true;
      outcome.isBehind ||= next !== undefined;
    }
    if (next && version !== null) {
      next.version = version;
      outcome.write.update.push(next);
    }
  }

  private drop(entries: readonly Entry[]): void {
    this.outbox.drop(entries);
    this.outcome.write.drop.push(...entries.map((entry) => entry.seq));
  }

  private again(entries: readonly Entry[], failure: Failure): void {
    for (const entry of entries) {
      entry.tries += 1;
      this.outcome.write.update.push(entry);
    }
    if ((entries[0]?.tries ?? 0) > PATIENCE) this.park(entries, failure);
  }

  private failed(sent: SentOperation, entries: readonly Entry[], failure: Failure): void {
    const { outcome } = this;
    const [entry] = entries;
    if (failure.status === 424) return;
    if (failure.status === 412 || failure.status === 404) outcome.isBehind = true;
    if (!entry) return;
    const copy = this.model.copy[entry.type].get(entry.id);
    if (isPurge(entry) && (failure.status === 412 || failure.status === 404)) {
      this.drop(entries); // restored or deleted elsewhere: it is not what the person wanted to be gone
    } else if (failure.status === 412) {
      // The version is the one that was named, so it is about the occurrence: it was taken back.
      const isMoving = entry.op === "complete" || entry.op === "skip";
      if (isMoving && entry.tries > 1 && copy?.version === sent.if_match) this.drop(entries);
      else this.again(entries, failure);
    } else if (failure.status === 404) {
      if (entry.op === "restore") this.gone(entry);
      else if (entry.tries > 1 && entry.op !== "update") this.drop(entries);
      else this.again(entries, failure);
    } else if (failure.code === "NAME_TAKEN" && entry.type === "label") {
      outcome.isBehind = true;
      this.nameTaken(entry, entries, failure);
    } else if (failure.status === 400 && entry.type === "section" && entry.op === "create") {
      // Its list is gone, and a section is nothing without one.
      this.report("gone", entry, { mine: entry.data, choices: ["discard"] });
      this.drop(this.outbox.of(entry.id));
    } else if (entry.op === "move" && failure.fields.some(({ type }) => IMPOSSIBLE.has(type))) {
      // Moves of two devices exclude each other: the one that arrived first stands.
      this.report("moved_to", entry);
      this.drop(entries);
    } else if (failure.status === 400 && this.corrected(entries, failure)) {
      this.again(entries, failure);
    } else {
      this.park(entries, failure);
    }
  }

  /** A resource was deleted permanently. All its changes are reported as one, with its last state. */
  gone(entry: Entry): Outcome {
    const entries = this.outbox.of(entry.id);
    const was = entries.find((each) => each.was)?.was ?? entry.base;
    const texts = Object.assign({}, ...entries.map((each) => each.data)) as Fields;
    this.report("gone", entry, { mine: { ...was, ...texts } });
    this.drop(entries);
    return this.outcome;
  }

  private park(entries: readonly Entry[], failure: Failure): void {
    for (const entry of entries) {
      entry.state = "parked";
      this.outcome.write.update.push(entry);
    }
    const fields = failure.fields.map(({ message }) => message);
    const message = fields.length ? fields.join("; ") : failure.message;
    this.report("refused", entries[0]!, { mine: entries[0]!.data, message });
  }

  /** Removes the fields that the server rejects. Returns false if they cannot be removed. */
  private corrected(entries: readonly Entry[], failure: Failure): boolean {
    let found = false;
    for (const { path, type } of failure.fields) {
      const parts = path.split(".").filter((part) => /^[a-z_]+$/.test(part));
      const field = parts.find((part) => !ENVELOPE.has(part));
      if (!field || (type !== "unknown_reference" && type !== "future")) return false;
      for (const entry of entries) found = this.without(entry, field) || found;
    }
    if (found) this.outcome.isBehind = true;
    return found;
  }

  private without(entry: Entry, field: string): boolean {
    if (/label_ids/.test(field)) {
      const ids = (entry.data.label_ids ?? []) as string[];
      const known = this.model.copy.label;
      const kept = ids.filter((id) => known.has(id) || this.outbox.of(id).length > 0);
      if (kept.length === ids.length) return true; // the next pull says which one is gone
      entry.data = { ...entry.data, label_ids: kept };
      return true;
    }
    if (!(field in entry.data)) return false;
    const data = { ...entry.data };
    delete data[field];
    if (field === "section_id") delete data.parent_id;
    entry.data = field.endsWith("_id") ? { ...data, ...this.fallback(entry, field) } : data;
    if (field.endsWith("_id")) {
      this.model.remove(entry);
      for (const effect of entry.effects) {
        if (effect.made) Object.assign(effect.made, { [field]: null });
        else if (effect.set && field in effect.set) effect.set[field] = null;
      }
      this.model.add(entry);
      this.report("moved_to", entry, { field });
    }
    return true;
  }

  /** A task goes to the nearest place that exists: parent → its list, list → inbox. */
  private fallback(entry: Entry, field: string): Fields {
    const made = { ...entry.base, ...entry.effects[0]?.made, ...entry.effects[0]?.set } as Fields;
    const list = field === "list_id" ? null : made.list_id;
    const isThere = typeof list === "string" && this.model.copy.list.has(list);
    if (entry.op === "create") return isThere ? { list_id: list } : {};
    return { list_id: isThere ? list : null, section_id: null, parent_id: null };
  }

  /** Another device has created a label with that name: use it instead of ours. */
  private nameTaken(entry: Entry, entries: readonly Entry[], failure: Failure): void {
    const other = this.labelNamed(String(entry.data.name));
    if (entry.op !== "create" || (!other && entry.tries > 1)) this.park(entries, failure);
    else if (!other) this.again(entries, failure);
    else {
      this.drop(this.outbox.of(entry.id));
      for (const waiting of this.outbox.entries) {
        if (!JSON.stringify(waiting).includes(entry.id)) continue;
        this.model.remove(waiting);
        Object.assign(waiting, JSON.parse(JSON.stringify(waiting).replaceAll(entry.id, other)));
        this.model.add(waiting);
        this.outcome.write.update.push(waiting);
      }
    }
  }

  private labelNamed(name: string): string | undefined {
    const key = nameKey(name);
    const labels = [...this.model.copy.label.values()] as Label[];
    return labels.find((label) => nameKey(label.name) === key)?.id;
  }

  private report(...about: Parameters<Conflicts["report"]>): void {
    this.outcome.write.conflicts.push(this.conflicts.report(...about));
  }
}
