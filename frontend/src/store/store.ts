/** The store: what screens read and what people do, over memory, the database and the server. */
import { batch, computed, effect, signal, type ReadonlySignal } from "@preact/signals-core";

import { Acts } from "./acts";
import type { Context } from "./commands";
import { Conflicts, needsYou } from "./conflicts";
import type { Database, Loaded, Meta, Row, Write } from "./database";
import { Engine } from "./engine";
import type { Thing } from "./entries";
import { Model } from "./model";
import { Outbox } from "./outbox";
import { Pull } from "./pull";
import { Push } from "./push";
import { Reading } from "./reading";
import { keptAgain, settle } from "./settling";
import type { Key, Tabs } from "./tabs";
import type {
  Choice,
  Command,
  Conflict,
  Connection,
  Done,
  Kind,
  Section,
  Shown,
  Sorting,
  State,
  Status,
  Store,
  Task,
  User,
  View,
  ViewQuery,
} from "./types";

export interface Parts {
  user: User;
  connection: Connection;
  database: Database;
  now: () => Date;
  /** The first wait after a failed request, in milliseconds. */
  patience: number;
}

/** Tells other tabs what this one has done. */
export interface Teller {
  readonly tabs: Tabs | null;
  wrote(keys: readonly Key[]): void;
  replaced(): void;
  sync(): void;
  close(isWiped: boolean): void;
}

const ALONE: Teller = { tabs: null, wrote() {}, replaced() {}, sync() {}, close() {} };

export class DulyStore implements Store {
  readonly user = signal<User>(undefined as never);
  readonly engine: Engine;
  /** The other tabs of this device. */
  teller: Teller = ALONE;

  private readonly model = new Model();
  private readonly outbox = new Outbox(this.model);
  private readonly conflictList: Conflicts;
  private readonly reading: Reading;
  private readonly acts: Acts;
  private readonly pull: Pull;
  private readonly firstSync = signal<Status["firstSync"]>(null);
  private readonly lastSync = signal<Date | null>(null);
  private readonly vanished = signal<readonly Task[]>([]);
  private readonly isStored = signal(true);
  private readonly writes = new Set<Promise<unknown>>();
  private rereading: Promise<void> = Promise.resolve();
  private closing: Promise<void> | null = null;
  private readonly clock: ReturnType<typeof setInterval>;

  readonly waiting = this.outbox.waiting;
  readonly conflicts: ReadonlySignal<readonly Conflict[]>;
  readonly status: ReadonlySignal<Status>;

  constructor(
    private readonly parts: Parts,
    loaded: Loaded,
  ) {
    const { connection, database, now, patience } = parts;
    const { model, outbox } = this;
    const { meta } = loaded;
    const time = () => now().getTime();
    this.user.value = newer(parts.user, meta.user);
    this.isStored.value = database.kept;
    this.conflictList = new Conflicts(() => outbox.nextNumber(time()), time);
    this.conflicts = this.conflictList.list;
    this.reading = new Reading(model, this.user, now);
    this.acts = new Acts(model, outbox, {
      context: () => this.context(),
      save: (write) => this.save(write),
      reread: () => this.reread([]),
      wake: () => this.engine.wake(),
    });
    this.load(loaded);
    this.pull = new Pull(model, outbox, database, connection, this.pullHost(time), meta.generation ?? 0);
    this.pull.token = meta.token ?? null;
    if (meta.next) this.pull.resume(meta.next, loaded.nextRows);
    const push = new Push(model, outbox, this.conflictList, database, connection, {
      now: time,
      onStored: (outcome) => this.teller.wrote(keysOf(outcome?.write.rows ?? [])),
      reread: () => this.reread([]),
    });
    this.engine = new Engine(push, this.pull, connection, time, patience);
    this.status = computed(() => this.statusNow());
    this.clock = setInterval(() => {
      this.reading.tick();
      if (!this.isStored.peek() && database.kept) void this.saveAll();
    }, 15_000);
    (this.clock as { unref?: () => void }).unref?.();
  }

  get today() {
    return this.reading.today;
  }
  get counts() {
    return this.reading.counts;
  }
  get lists() {
    return this.reading.lists;
  }
  get labels() {
    return this.reading.labels;
  }
  get filters() {
    return this.reading.filters;
  }

  private pullHost(now: () => number) {
    return {
      now,
      onUser: (user: User) => this.changeUser(user),
      onFirstSync: (progress: Status["firstSync"]) => (this.firstSync.value = progress),
      onVanished: (tasks: Task[]) => (this.vanished.value = tasks),
      onReplaced: () => this.teller.replaced(),
      onStored: (rows: readonly Row[]) => {
        this.lastSync.value = this.parts.now();
        this.teller.wrote(keysOf(rows));
      },
    };
  }

  // Memory and what is stored

  private load({ rows, outbox, conflicts, meta }: Omit<Loaded, "nextRows" | "loose">): void {
    batch(() => {
      this.model.change(() => {
        for (const { type, id, data } of rows) this.model.put(type, id, data, true);
      });
      this.takeOver(outbox, conflicts, meta);
    });
  }

  private takeOver(outbox: Loaded["outbox"], conflicts: Conflict[], meta: Partial<Meta>): void {
    this.model.change(() => this.outbox.replace(outbox, meta.frozen ?? null));
    this.conflictList.replace(conflicts);
    this.vanished.value = meta.vanished ?? [];
    if (meta.lastSync) this.lastSync.value = new Date(meta.lastSync);
    if (meta.user) this.changeUser(newer(this.user.peek(), meta.user), false);
  }

  /** Takes over what other tabs have written, one after the other. */
  reread(keys: readonly Key[]): Promise<void> {
    this.rereading = this.rereading.then(() => this.readAgain(keys)).catch(() => {});
    return this.rereading;
  }

  private async readAgain(keys: readonly Key[]): Promise<void> {
    for (;;) {
      const { edits } = this.outbox;
      const read = await this.parts.database.reread(keys);
      if (edits !== this.outbox.edits) continue; // this tab has done more meanwhile
      this.load(read);
      return;
    }
  }

  /** Takes over the whole copy of the database. */
  async reload(): Promise<void> {
    const loaded = await this.parts.database.load();
    const latest = new Map(loaded.rows.map((row) => [row.id, row]));
    batch(() => {
      this.model.change(() => {
        for (const [kind, copy] of Object.entries(this.model.copy) as [Kind, Map<string, Thing>][]) {
          for (const id of copy.keys()) if (!latest.get(id)?.data) this.model.put(kind, id, null);
        }
        for (const { type, id, data } of latest.values()) this.model.put(type, id, data, true);
      });
    });
    this.pull.follow(loaded.meta.token ?? null, loaded.meta.generation ?? 0);
    if (loaded.meta.next) this.pull.resume(loaded.meta.next, loaded.nextRows);
    await this.reread([]);
  }

  /**
   * Stores a change; this is the moment from which it survives the tab. Rejects if the device has
   * no room: then it is in memory only, and is stored again later.
   */
  private save(write: Write): Promise<boolean> {
    const saving = this.parts.database.write(write).then(
      (isWritten) => {
        this.teller.wrote(keysOf(write.rows ?? []));
        if (!this.isStored.peek() && this.parts.database.kept) void this.saveAll();
        return isWritten;
      },
      (error: unknown) => {
        this.isStored.value = false;
        throw error;
      },
    );
    this.writes.add(saving);
    const done = () => this.writes.delete(saving);
    saving.then(done, done);
    return saving;
  }

  /** Stores the whole outbox again, after something could not be stored. */
  private async saveAll(): Promise<void> {
    const put = this.outbox.entries;
    const conflicts = [...this.conflictList.list.peek()];
    try {
      await this.parts.database.write({ put, conflicts });
      this.isStored.value = true;
      this.engine.wake();
    } catch {
      // There is still no room.
    }
  }

  /** The database belongs to a newer version of the app now: this tab must be loaded again. */
  outdate(): void {
    this.isStored.value = false;
    void this.engine.stop();
  }

  private changeUser(user: User, isNews = true): void {
    const old = this.user.peek();
    this.user.value = user;
    if (isNews) this.save({ meta: { user } }).catch(() => {});
    const { timezone, week_start } = user;
    if (old.timezone !== timezone || old.week_start !== week_start) this.reading.tick(true);
  }

  // Reading

  get<K extends Kind>(type: K, id: string): ReadonlySignal<Shown<K> | undefined> {
    return this.model.get(type, id);
  }

  sectionsOf(listId: string): readonly Section[] {
    return this.reading.sectionsOf(listId);
  }

  view(query: ViewQuery, sorting: Sorting = "position"): View {
    return this.reading.view(query, sorting);
  }

  allTasks(): Iterable<Task> {
    return this.model.shown.task.values() as Iterable<Task>;
  }

  private statusNow(): Status {
    void this.waiting.value;
    const { unsent } = this.outbox;
    const vanished = this.vanished.value;
    const needs = this.conflicts.value.filter(needsYou).length + (vanished.length ? 1 : 0);
    let state: State = "synced";
    if (this.parts.connection.ended.value) state = "sign_in";
    else if (this.engine.offline.value) state = "offline";
    else if (needs > 0) state = "needs_you";
    else if (unsent > 0) state = "sending";
    return {
      state,
      unsent,
      needsYou: needs,
      lastSync: this.lastSync.value,
      firstSync: this.firstSync.value,
      stored: this.isStored.value,
      vanished,
    };
  }

  // Doing

  private context(): Context {
    return {
      model: this.model,
      userId: this.user.peek().id,
      now: this.parts.now(),
      dayOf: (instant, timezone) => this.reading.dayOf(instant, timezone),
      isMovingOn: (id) =>
        this.outbox.of(id).some(({ op }) => op === "complete" || op === "skip" || op === "reopen"),
    };
  }

  run(...commands: Command[]): Done {
    return this.acts.run(commands);
  }

  resolve(conflict: Conflict, choice: Choice): void {
    const { commands, retry, discard } = settle(conflict, choice, this.model);
    const parked = this.outbox.of(conflict.id).filter(({ state }) => state === "parked");
    const write: Write = { settled: [conflict.key] };
    batch(() => {
      this.conflictList.remove(conflict);
      if (retry) {
        for (const entry of parked) Object.assign(entry, { state: "waiting", tries: 0 });
        write.put = parked;
      }
      if (discard) {
        this.model.change(() => this.outbox.drop(parked));
        write.drop = parked.map(({ seq }) => seq);
      }
      this.outbox.publish();
    });
    this.save(write).then(() => this.engine.wake(), () => {});
    if (commands.length) this.run(...commands);
  }

  settleVanished(keep: boolean): void {
    const tasks = this.vanished.peek();
    this.vanished.value = [];
    if (keep) this.run(...keptAgain(tasks, this.model));
    this.save({ meta: { vanished: null } }).catch(() => {});
  }

  // Working

  syncNow(): void {
    this.engine.syncNow();
    this.teller.sync();
  }

  async flush(milliseconds: number): Promise<number> {
    await Promise.allSettled(this.writes);
    this.engine.hurry(true);
    if (this.outbox.unsent > 0) await this.sent(milliseconds);
    this.engine.hurry(false);
    return this.outbox.unsent;
  }

  private sent(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(timer);
        queueMicrotask(() => stop());
        resolve();
      };
      const timer = setTimeout(finish, milliseconds);
      const stop = effect(() => {
        void this.waiting.value;
        if (this.outbox.unsent === 0) finish();
      });
    });
  }

  close({ wipe = false } = {}): Promise<void> {
    this.closing ??= this.end(wipe);
    return this.closing;
  }

  private async end(wipe: boolean): Promise<void> {
    clearInterval(this.clock);
    this.reading.close();
    await this.engine.stop();
    await Promise.allSettled(this.writes);
    this.teller.close(wipe);
    this.teller = ALONE;
    await this.parts.database.close(wipe);
  }
}

function keysOf(rows: readonly Row[]): Key[] {
  return rows.map(({ type, id }) => ({ type, id }));
}

function newer(given: User, stored: User | undefined): User {
  return stored && stored.id === given.id && stored.updated_at > given.updated_at ? stored : given;
}
