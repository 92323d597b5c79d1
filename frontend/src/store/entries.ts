/** Unsent changes as the outbox keeps them, and what each of them does to what is shown. */
import type { Command, Kind, Things } from "./types";

export type Resource = Things[Kind];
/** A resource as a bag of fields, for the code that treats all kinds alike. */
export type Fields = Record<string, unknown>;

export type Op =
  | "create"
  | "update"
  | "delete"
  | "complete"
  | "reopen"
  | "skip"
  | "move"
  | "restore";

/** What an entry does to one resource. It is found once, when the person acts. */
export interface Effect {
  type: Kind;
  id: string;
  /** The whole resource, where it appears. */
  made?: Resource;
  /** It disappears. */
  gone?: true;
  /** Its fields change. */
  set?: Fields;
  /** Labels are a set: what others add and remove stays. */
  labels?: { add: string[]; remove: string[] };
  /** Members of `metadata`; null removes one. */
  metadata?: Fields;
}

export const FORMAT = 1;

/** One change of one resource. Entries are never dropped when the app changes: see `format`. */
export interface Entry {
  format: typeof FORMAT;
  /** The order in which the changes were made, over all tabs. */
  seq: number;
  /** Entries of one act share it. */
  group: number;
  type: Kind;
  id: string;
  op: Op;
  /** What is sent, except that label ids and metadata are whole here. */
  data: Fields;
  /** The values that `data` replaces: for an update its fields, otherwise the whole resource. */
  base: Fields | null;
  /** The version that the person saw. Null after another unsent entry of the same resource. */
  version: number | null;
  /** Not sent before this time (milliseconds), so that it can be undone. */
  notBefore: number;
  /** The resource's name as the person knew it. */
  name: string;
  command: Command;
  effects: Effect[];
  /** For a move: its earlier siblings, the nearest first, in case the neighbour disappears. */
  behind?: string[];
  /** For an edit: the whole resource as it was last seen, once it has disappeared. */
  was?: Fields;
  /** `acked`: answered, but what else it changed has not arrived yet. `parked`: refused. */
  state: "waiting" | "acked" | "parked";
  /** How often the server has asked to think again. */
  tries: number;
}

/** A request that is sent unchanged until it is answered. */
export interface Frozen {
  key: string;
  atomic: boolean;
  operations: SentOperation[];
  /** For each operation, the entries that it stands for. */
  entries: number[][];
  /** The entry that needs its resource back from the trash first, which this request asks for. */
  revives?: number;
}

export interface SentOperation {
  op: Op;
  type: Kind;
  id?: string;
  data?: Fields;
  if_match?: number;
}

/** Whether an entry changes other resources than its own. */
export function cascades(entry: Entry): boolean {
  return entry.effects.some((effect) => effect.id !== entry.id);
}

/** Whether an entry deletes for good what is in the trash, and so in no copy. */
export function isPurge({ op, data }: Pick<Entry, "op" | "data">): boolean {
  return op === "delete" && data.permanent === true;
}

const REFERENCES = ["list_id", "section_id", "parent_id", "after_id", "before_id"];

/** The ids that a body names. */
export function referencesOf(data: Fields): string[] {
  const ids = REFERENCES.map((field) => data[field]).filter((id) => typeof id === "string");
  for (const field of ["label_ids", "add_label_ids"]) {
    if (Array.isArray(data[field])) ids.push(...data[field]);
  }
  return ids as string[];
}

export function nameOf(resource: Resource | Fields | undefined): string {
  const { title, name } = (resource ?? {}) as Fields;
  return String(title ?? name ?? "");
}

/** Compares values of fields as JSON does, without regard to the order of members. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (a == null || b == null) return (a ?? null) === (b ?? null);
  if (typeof a !== "object" || typeof b !== "object") return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].every((key) => same((a as Fields)[key], (b as Fields)[key]));
}
