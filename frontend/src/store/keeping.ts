/** Memory and the database: what is loaded, what is stored, and what other tabs have stored. */
import { batch, computed, signal, type ReadonlySignal, type Signal } from "@preact/signals-core";

import type { Conflicts } from "./conflicts";
import type { Database, Loaded, Meta, Row, Write } from "./database";
import type { Resource } from "./entries";
import type { Model } from "./model";
import type { Outbox } from "./outbox";
import type { Connection, Kind, Obstacle, Status, User } from "./types";

export interface Key {
  type: Kind;
  id: string;
}

/** Tells other tabs what this one has done. */
export interface Teller {
  wrote(keys: readonly Key[]): void;
  replaced(): void;
  sync(): void;
  /** Whether the leader is to send what would wait for its time. */
  hurry(isUrgent: boolean): void;
  close(isWiped: boolean): void;
}

const ALONE: Teller = { wrote() {}, replaced() {}, sync() {}, hurry() {}, close() {} };

/** What the parts of a store share. */
export interface Core {
  readonly model: Model;
  readonly outbox: Outbox;
  readonly conflicts: Conflicts;
  /** Once the part that is loaded later is there, with what found no room on top. */
  database: Database;
  readonly connection: Connection;
  readonly now: () => Date;
  readonly user: Signal<User>;
  /** Why the last attempt to sync failed, if that says something about the device or the account. */
  readonly obstacle: Signal<Obstacle | null>;
  readonly firstSync: Signal<Status["firstSync"]>;
  readonly lastSync: Signal<Date | null>;
  /** What a restored server no longer has, and the person has not decided about. */
  readonly vanished: Signal<readonly Row[]>;
}

export class Keeping {
  /** Whether changes survive the tab. */
  readonly isStored: ReadonlySignal<boolean>;
  /** Something is in memory only, since the device has no room for it. */
  readonly owes = signal(false);
  /** What found no room before `PatientDatabase` was there. */
  readonly unkept: Write[] = [];
  /** The database belongs to a newer version of the app. */
  readonly isOutdated = signal(false);
  /** The other tabs of this device. */
  teller: Teller = ALONE;
  /** Something was stored, or read, that may have to be sent. */
  onNews: () => void = () => {};
  /** How often leaders had written when the database was last read. */
  leaderWrites = 0;
  private readonly writes = new Set<Promise<unknown>>();
  private readonly unwatch: () => void;
  private rereading: Promise<void> = Promise.resolve();

  constructor(
    private readonly core: Core,
    private readonly onZone: () => void,
  ) {
    const { kept } = core.database;
    this.isStored = computed(() => kept && !this.owes.value && !this.isOutdated.value);
    let owed = false;
    this.unwatch = this.owes.subscribe((owing) => {
      if (owed && !owing) this.caughtUp();
      owed = owing;
    });
  }

  load({ rows, outbox, conflicts, meta }: Omit<Loaded, "nextRows" | "loose">): void {
    const { model } = this.core;
    batch(() => {
      model.change(() => {
        for (const { type, id, data } of rows) model.put(type, id, data, true);
      });
      this.takeOver(outbox, conflicts, meta);
    });
  }

  private takeOver(outbox: Loaded["outbox"], conflicts: Loaded["conflicts"], meta: Partial<Meta>): void {
    const { core } = this;
    core.model.change(() => core.outbox.replace(outbox, meta.frozen ?? null));
    core.conflicts.replace(conflicts);
    core.vanished.value = meta.vanished ?? [];
    this.leaderWrites = meta.writes ?? 0;
    if (meta.lastSync) core.lastSync.value = new Date(meta.lastSync);
    const stored = meta.user;
    if (stored && stored.updated_at > core.user.peek().updated_at) this.changeUser(stored, false);
  }

  changeUser(user: User, isNews = true): void {
    const { timezone, week_start } = this.core.user.peek();
    this.core.user.value = user;
    if (isNews) this.save({ meta: { user } }).catch(() => {});
    if (timezone !== user.timezone || week_start !== user.week_start) this.onZone();
  }

  /** Takes over what other tabs have written, one after the other. */
  reread(keys: readonly Key[]): Promise<void> {
    this.rereading = this.rereading.then(() => this.readAgain(keys)).catch(() => {});
    return this.rereading;
  }

  private async readAgain(keys: readonly Key[]): Promise<void> {
    const { outbox, database } = this.core;
    for (;;) {
      const { edits } = outbox;
      const read = await database.reread(keys);
      if (edits !== outbox.edits) continue; // this tab has done more meanwhile
      this.load(read);
      this.onNews();
      return;
    }
  }

  /** Takes over the whole copy of the database. */
  async reload(): Promise<Loaded> {
    const { model, database } = this.core;
    const loaded = await database.load();
    const latest = new Map(loaded.rows.map((row) => [row.id, row]));
    batch(() =>
      model.change(() => {
        for (const [kind, copy] of Object.entries(model.copy) as [Kind, Map<string, Resource>][]) {
          for (const id of copy.keys()) if (!latest.get(id)?.data) model.put(kind, id, null);
        }
        for (const { type, id, data } of latest.values()) model.put(type, id, data, true);
      }),
    );
    await this.reread([]);
    return loaded;
  }

  /**
   * Stores a change; this is the moment from which it survives the tab. Rejects if the device has
   * no room: then it is in memory only, and is stored later.
   */
  save(write: Write): Promise<boolean> {
    const saving = this.core.database.write(write).then(
      (isWritten) => {
        if (isWritten && this.owes.peek()) throw new Error("This device has no room.");
        this.teller.wrote(keysOf(write.rows ?? []));
        return isWritten;
      },
      (error: unknown) => {
        if ((error as Error).name !== "ConstraintError") {
          this.unkept.push(write);
          this.owes.value = true;
        }
        throw error;
      },
    );
    this.writes.add(saving);
    const done = () => this.writes.delete(saving);
    saving.then(done, done);
    return saving;
  }

  /** What had no room is stored: the tabs have missed it, and this one what they wrote. */
  private caughtUp(): void {
    this.teller.replaced();
    void this.reread([]);
  }

  /** Waits for what is being stored. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.writes);
  }

  /** Leaves the other tabs. */
  async leave(wipe: boolean): Promise<void> {
    await this.settled();
    this.teller.close(wipe);
    this.teller = ALONE;
  }

  async close(wipe: boolean): Promise<void> {
    this.unwatch();
    await this.settled();
    await this.core.database.close(wipe);
  }
}

export function keysOf(rows: readonly Row[]): Key[] {
  return rows.map(({ type, id }) => ({ type, id }));
}
