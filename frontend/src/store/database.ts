/** The part that survives the tab: the copy, the outbox, the conflicts, and the sync token. */
import { deleteDB, openDB, type DBSchema, type IDBPDatabase, type IDBPObjectStore } from "idb";

import type { Entry, Frozen, Resource } from "./entries";
import type { Conflict, Kind, User } from "./types";

/** One resource as it is stored: null data is a deletion, which hides what a pack holds. */
export interface Row {
  type: Kind;
  id: string;
  data: Resource | null;
}

export interface Meta {
  /** The tab that talks to the server: any other one that still believes it does must not write. */
  leader: string;
  /** How often leaders have written: a tab that read the copy at the same number has the newest one. */
  writes: number;
  token: string;
  user: User;
  /** The packs that count. */
  generation: number;
  /** A full sync that has begun: its packs have their own generation until its last page. */
  next: { generation: number; token: string | null; done: number; total: number };
  frozen: Frozen;
  lastSync: number;
  vanished: Row[];
}

/** Changes of one transaction. Null removes a value. */
export interface Write {
  rows?: Row[];
  packs?: { generation: number; rows: Row[] }[];
  /** Makes a generation of packs the copy, without the others. */
  become?: number;
  /** New entries: fails with `ConstraintError` if another tab has just used such a number. */
  add?: readonly Entry[];
  put?: readonly Entry[];
  /** Changed entries, unless another tab has removed them meanwhile. */
  update?: readonly Entry[];
  drop?: number[];
  conflicts?: Conflict[];
  settled?: number[];
  meta?: { [Name in keyof Meta]?: Meta[Name] | null };
  /** Write nothing and throw `Deposed` unless this is still the leader. */
  leader?: string | null;
  /** Write nothing if another tab has taken one of these entries back. */
  requires?: number[];
  /** Write nothing if one of these entries is being sent. */
  unsent?: number[];
}

export interface Loaded {
  rows: Row[];
  /** The rows of a full sync that was interrupted. */
  nextRows: Row[];
  /** How many rows are not in packs. */
  loose: number;
  outbox: Entry[];
  conflicts: Conflict[];
  meta: Partial<Meta>;
}

export interface Database {
  /** False if all is lost with the tab. */
  readonly kept: boolean;
  load(): Promise<Loaded>;
  /** One transaction. False if its conditions did not hold, and nothing was written. */
  write(write: Write): Promise<boolean>;
  /** Puts rows into packs, which load faster. */
  repack(): Promise<void>;
  /** Rows and the whole outbox as other tabs have left them. */
  reread(keys: readonly { type: Kind; id: string }[]): Promise<Omit<Loaded, "nextRows" | "loose">>;
  close(wipe: boolean): Promise<void>;
}

interface Schema extends DBSchema {
  packs: { key: number; value: { generation: number; json: string } };
  rows: { key: string; value: Row };
  outbox: { key: number; value: Entry };
  conflicts: { key: number; value: Conflict };
  meta: { key: string; value: unknown };
}

const VERSION = 1;
/** Resources in a pack. */
const PACK = 500;
/** The name of the database that has the copy of a user. */
export function databaseName(userId: string): string {
  return `duly-${userId}`;
}

const STORES = ["packs", "rows", "outbox", "conflicts", "meta"] as const;

/**
 * Opens the database of a user. `onTaken` runs when another tab has taken it: one with a newer version
 * of the app, or one that has signed out.
 */
export async function openDatabase(name: string, onTaken: (isNewer: boolean) => void): Promise<Database> {
  const db = await openDB<Schema>(name, VERSION, {
    upgrade(db) {
      db.createObjectStore("packs", { autoIncrement: true });
      db.createObjectStore("rows");
      db.createObjectStore("outbox", { keyPath: "seq" });
      db.createObjectStore("conflicts", { keyPath: "key" });
      db.createObjectStore("meta");
    },
    blocking(_own, other) {
      db.close();
      onTaken(other !== null);
    },
  });
  return new StoredDatabase(db, name);
}

/** Another tab leads now. */
export class Deposed extends Error {}

const rowKey = (row: { type: Kind; id: string }): string => `${row.type}:${row.id}`;

class StoredDatabase implements Database {
  readonly kept = true;

  constructor(
    private readonly db: IDBPDatabase<Schema>,
    private readonly name: string,
  ) {}

  async load(): Promise<Loaded> {
    const transaction = this.db.transaction(STORES);
    const store = transaction.objectStore.bind(transaction);
    const [packs, loose, outbox, conflicts, keys, values] = await Promise.all([
      store("packs").getAll(),
      store("rows").getAll(),
      store("outbox").getAll(),
      store("conflicts").getAll(),
      store("meta").getAllKeys(),
      store("meta").getAll(),
    ]);
    const meta: Partial<Meta> = Object.fromEntries(keys.map((key, i) => [key, values[i]]));
    const rowsOf = (generation: number | undefined) =>
      packs
        .filter((pack) => pack.generation === generation)
        .flatMap((pack) => JSON.parse(pack.json) as Row[]);
    const rows = [...rowsOf(meta.generation), ...loose];
    const nextRows = meta.next ? rowsOf(meta.next.generation) : [];
    return { rows, nextRows, loose: loose.length, outbox, conflicts, meta };
  }

  // The transaction is created before the first `await`, so that transactions have the same order
  // as the changes in memory.
  async write(write: Write): Promise<boolean> {
    const transaction = this.db.transaction(STORES, "readwrite", { durability: "strict" });
    const store = transaction.objectStore.bind(transaction);
    const done: Promise<unknown>[] = [];
    const { leader } = write;
    // One that makes this tab the leader needs no proof.
    if (leader && write.meta?.leader !== leader) {
      const [current, writes] = await Promise.all([store("meta").get("leader"), store("meta").get("writes")]);
      if (current !== leader) {
        await transaction.done;
        throw new Deposed();
      }
      done.push(store("meta").put(((writes as number | undefined) ?? 0) + 1, "writes"));
    }
    if (write.requires?.length || write.unsent?.length) {
      const kept = await Promise.all((write.requires ?? []).map((seq) => store("outbox").getKey(seq)));
      const frozen = (await store("meta").get("frozen")) as Frozen | undefined;
      const sent = frozen ? [...frozen.entries.flat(), frozen.revives] : [];
      if (kept.includes(undefined) || write.unsent?.some((seq) => sent.includes(seq))) {
        await transaction.done;
        return false;
      }
    }
    for (const { generation, rows } of write.packs ?? []) {
      done.push(store("packs").add({ generation, json: JSON.stringify(rows) }));
    }
    if (write.become !== undefined) {
      const { become } = write;
      done.push(store("rows").clear());
      done.push(dropPacks(store("packs"), (pack) => pack.generation !== become));
    }
    for (const row of write.rows ?? []) done.push(store("rows").put(row, rowKey(row)));
    for (const entry of write.add ?? []) done.push(store("outbox").add(entry));
    for (const entry of write.put ?? []) done.push(store("outbox").put(entry));
    const update = async (entry: Entry) => {
      if ((await store("outbox").getKey(entry.seq)) !== undefined) await store("outbox").put(entry);
    };
    for (const entry of write.update ?? []) {
      // One that is dropped, too, would be put back after that.
      if (!write.drop?.includes(entry.seq)) done.push(update(entry));
    }
    for (const seq of write.drop ?? []) done.push(store("outbox").delete(seq));
    for (const conflict of write.conflicts ?? []) done.push(store("conflicts").put(conflict));
    for (const key of write.settled ?? []) done.push(store("conflicts").delete(key));
    for (const [key, value] of Object.entries(write.meta ?? {})) {
      done.push(value == null ? store("meta").delete(key) : store("meta").put(value, key));
    }
    try {
      await Promise.all([...done, transaction.done]);
    } catch (error) {
      // The first error says why; the others are only that the transaction was aborted.
      for (const each of [...done, transaction.done]) each.catch(() => {});
      throw error;
    }
    return true;
  }

  // It reads in its own transaction, since another tab may have written rows that this one lacks.
  async repack(): Promise<void> {
    const transaction = this.db.transaction(STORES, "readwrite");
    const store = transaction.objectStore.bind(transaction);
    const generation = ((await store("meta").get("generation")) ?? 0) as number;
    const packs = (await store("packs").getAll()).filter((pack) => pack.generation === generation);
    const rows = new Map<string, Row>();
    for (const { json } of packs) {
      for (const row of JSON.parse(json) as Row[]) rows.set(rowKey(row), row);
    }
    for (const row of await store("rows").getAll()) rows.set(rowKey(row), row);
    const kept = [...rows.values()].filter((row) => row.data);
    await dropPacks(store("packs"), (pack) => pack.generation === generation);
    await store("rows").clear();
    for (let at = 0; at < kept.length; at += PACK) {
      const json = JSON.stringify(kept.slice(at, at + PACK));
      await store("packs").add({ generation, json });
    }
    await transaction.done;
  }

  async reread(keys: readonly { type: Kind; id: string }[]) {
    const transaction = this.db.transaction(["rows", "outbox", "conflicts", "meta"]);
    const store = transaction.objectStore.bind(transaction);
    const [rows, outbox, conflicts, metaKeys, values] = await Promise.all([
      Promise.all(keys.map((key) => store("rows").get(rowKey(key)))),
      store("outbox").getAll(),
      store("conflicts").getAll(),
      store("meta").getAllKeys(),
      store("meta").getAll(),
    ]);
    const meta: Partial<Meta> = Object.fromEntries(metaKeys.map((key, i) => [key, values[i]]));
    return { rows: rows.filter((row) => row !== undefined), outbox, conflicts, meta };
  }

  async close(wipe: boolean): Promise<void> {
    this.db.close();
    if (!wipe) return;
    // Another tab that does not let go of it must not hold up the sign-out.
    const patience = new Promise<void>((done) => setTimeout(done, 2000));
    await Promise.race([deleteDB(this.name), patience]);
  }
}

async function dropPacks(
  packs: IDBPObjectStore<Schema, typeof STORES, "packs", "readwrite">,
  isDropped: (pack: { generation: number }) => boolean,
): Promise<void> {
  for (let cursor = await packs.openCursor(); cursor; cursor = await cursor.continue()) {
    if (isDropped(cursor.value)) await cursor.delete();
  }
}

/** Stands in where the browser has no database: nothing is kept. */
export class NoDatabase implements Database {
  readonly kept = false;

  async load(): Promise<Loaded> {
    return { rows: [], nextRows: [], loose: 0, outbox: [], conflicts: [], meta: {} };
  }

  async write(): Promise<boolean> {
    return true;
  }

  async repack(): Promise<void> {}

  async reread() {
    return { rows: [], outbox: [], conflicts: [], meta: {} };
  }

  async close(): Promise<void> {}
}
