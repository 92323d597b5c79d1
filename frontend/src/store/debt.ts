/** What a device that is full could not store: writes joined into one, and laid on what is read. Pure. */
import type { Loaded, Row, Write } from "./database";
import type { Entry } from "./entries";
import type { Conflict } from "./types";

/** Two writes as one, of which the first could not be stored. */
export function joined(first: Write, then: Write): Write {
  const fresh = [...(first.put ?? []), ...(first.add ?? [])];
  const own = new Set(fresh.map(({ seq }) => seq));
  const isOther = (seq: number) => !own.has(seq);
  return {
    rows: then.become === undefined ? [...(first.rows ?? []), ...(then.rows ?? [])] : then.rows,
    packs: [...(first.packs ?? []), ...(then.packs ?? [])],
    become: then.become ?? first.become,
    add: then.add,
    // No other tab knows of them, so none can have removed them.
    put: [...fresh, ...(then.put ?? [])],
    update: [...(first.update ?? []), ...(then.update ?? [])],
    drop: [...(first.drop ?? []), ...(then.drop ?? [])],
    conflicts: [...(first.conflicts ?? []), ...(then.conflicts ?? [])],
    settled: [...(first.settled ?? []), ...(then.settled ?? [])],
    meta: { ...first.meta, ...then.meta },
    leader: then.leader ?? first.leader,
    requires: then.requires?.filter(isOther),
    unsent: then.unsent?.filter(isOther),
  };
}

/** A write that is stored after a later one, which has been stored before it. */
export function without(write: Write, later: Write): Write {
  const rows = new Set(later.rows?.map(nameOf));
  const dropped = new Set(later.drop);
  const settled = new Set(later.settled);
  const meta = Object.entries(write.meta ?? {}).filter(([name]) => !(name in (later.meta ?? {})));
  const kept = (entries: readonly Entry[] = []) => entries.filter(({ seq }) => !dropped.has(seq));
  return {
    ...write,
    rows: write.rows?.filter((row) => !rows.has(nameOf(row))),
    add: kept(write.add),
    put: kept(write.put),
    conflicts: write.conflicts?.filter(({ key }) => !settled.has(key)),
    meta: Object.fromEntries(meta),
  };
}

/** What remains of it once another tab leads: what this one did as the leader is void. */
export function ofPerson({ add = [], put = [], drop = [] }: Write): Write {
  return { put: [...put, ...add].filter(({ seq }) => !drop.includes(seq)) };
}

const nameOf = ({ type, id }: Row): string => `${type}:${id}`;

/** What is read, with a write on top that is not stored. */
export function over<Read extends Pick<Loaded, "rows" | "outbox" | "conflicts" | "meta">>(read: Read, write: Write): Read {
  const entries = new Map(read.outbox.map((entry): [number, Entry] => [entry.seq, entry]));
  for (const entry of write.update ?? []) if (entries.has(entry.seq)) entries.set(entry.seq, entry);
  for (const entry of [...(write.put ?? []), ...(write.add ?? [])]) entries.set(entry.seq, entry);
  for (const seq of write.drop ?? []) entries.delete(seq);
  const conflicts = new Map([...read.conflicts, ...(write.conflicts ?? [])].map((one): [number, Conflict] => [one.key, one]));
  for (const key of write.settled ?? []) conflicts.delete(key);
  const meta = Object.entries({ ...read.meta, ...write.meta }).filter(([, value]) => value != null);
  return {
    ...read,
    rows: [...read.rows, ...(write.rows ?? [])],
    outbox: [...entries.values()],
    conflicts: [...conflicts.values()],
    meta: Object.fromEntries(meta),
  };
}

/** The whole database, as it would be with that write. */
export function overAll(loaded: Loaded, write: Write): Loaded {
  const all = over(loaded, write);
  const nextRows = [...loaded.nextRows, ...(write.packs ?? []).flatMap(({ rows }) => rows)];
  if (write.become === undefined) return { ...all, nextRows };
  return { ...all, rows: [...nextRows, ...(write.rows ?? [])], nextRows: [] };
}
