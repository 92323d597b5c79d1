/** The store: what screens read and what people do, over memory, the database and the server. */
import { batch, computed, effect, signal, type ReadonlySignal } from "@preact/signals-core";

import { Acts } from "./acts";
import type { Context } from "./commands";
import { Conflicts, needsYou } from "./conflicts";
import type { Database, Loaded, Row, Write } from "./database";
import { Keeping, type Core } from "./keeping";
import { Model } from "./model";
import { Outbox } from "./outbox";
import { Reading } from "./reading";
import type { Syncing } from "./syncing";
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
  /** Loads the part that talks to the server. */
  sync: () => Promise<typeof import("./syncing")>;
}

type Late = typeof import("./syncing");

export class DulyStore implements Store {
  readonly core: Core;
  readonly keeping: Keeping;
  readonly user = signal<User>(undefined as never);
  readonly waiting: Store["waiting"];
  readonly conflicts: Store["conflicts"];
  readonly status: ReadonlySignal<Status>;
  /** What talks to the server, once it is loaded. */
  syncing: Syncing | null = null;

  private readonly reading: Reading;
  private readonly acts: Acts;
  private readonly clock: ReturnType<typeof setInterval>;
  private late: Late | null = null;
  private triedAt = 0;
  private closing: Promise<void> | null = null;

  constructor(
    private readonly parts: Parts,
    loaded: Loaded,
  ) {
    const { user, connection, database, now } = parts;
    this.user.value = user;
    const model = new Model();
    const outbox = new Outbox(model);
    const time = () => now().getTime();
    this.core = {
      model,
      outbox,
      conflicts: new Conflicts(() => outbox.nextNumber(time()), time),
      database,
      connection,
      now,
      user: this.user,
      obstacle: signal(null),
      firstSync: signal(null),
      lastSync: signal(null),
      vanished: signal([]),
    };
    this.waiting = outbox.waiting;
    this.conflicts = this.core.conflicts.list;
    this.reading = new Reading(model, this.user, now);
    this.keeping = new Keeping(this.core, () => this.reading.tick(true));
    this.keeping.load(loaded);
    this.acts = new Acts(model, outbox, {
      context: () => this.context(),
      save: (write) => this.keeping.save(write),
      reread: () => this.keeping.reread([]),
      wake: () => this.keeping.onNews(),
      sync: parts.sync,
    });
    parts.sync().then(
      (late) => (this.late = late),
      () => {}, // it is tried again
    );
    this.status = computed(() => this.statusNow());
    this.clock = setInterval(() => this.reading.tick(), 15_000);
    (this.clock as { unref?: () => void }).unref?.();
  }

  // Reading

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

  get<K extends Kind>(type: K, id: string): ReadonlySignal<Shown<K> | undefined> {
    return this.core.model.get(type, id);
  }

  sectionsOf(listId: string): readonly Section[] {
    return this.reading.sectionsOf(listId);
  }

  view(query: ViewQuery, sorting: Sorting = "position"): View {
    return this.reading.view(query, sorting);
  }

  allTasks(): Iterable<Task> {
    return this.core.model.shown.task.values() as Iterable<Task>;
  }

  private statusNow(): Status {
    void this.waiting.value;
    const { outbox, obstacle, firstSync, lastSync } = this.core;
    const { unsent } = outbox;
    const vanished = tasksOf(this.core.vanished.value);
    const needs = this.conflicts.value.filter(needsYou).length + (vanished.length ? 1 : 0);
    let state: State = "synced";
    if (this.parts.connection.ended.value) state = "sign_in";
    else if (obstacle.value) state = obstacle.value;
    else if (needs > 0) state = "needs_you";
    else if (firstSync.value || !lastSync.value) state = "fetching";
    else if (unsent > 0) state = "sending";
    return {
      state,
      unsent,
      needsYou: needs,
      lastSync: lastSync.value,
      firstSync: firstSync.value,
      stored: this.keeping.isStored.value,
      outdated: this.keeping.isOutdated.value,
      vanished,
    };
  }

  // Doing

  private context(): Context {
    const { model, outbox, now } = this.core;
    return {
      model,
      userId: this.user.peek().id,
      now: now(),
      dayOf: (instant, timezone) => this.reading.dayOf(instant, timezone),
      isMovingOn: (id) =>
        outbox.of(id).some(({ op }) => op === "complete" || op === "skip" || op === "reopen"),
    };
  }

  run(...commands: Command[]): Done {
    return this.acts.run(commands);
  }

  /** Does what needs the part that is loaded later: at once, except in the first moments of a tab. */
  private later(act: (late: Late) => void): void {
    if (this.late) act(this.late);
    else void this.parts.sync().then(act);
  }

  resolve(conflict: Conflict, choice: Choice): void {
    this.later(({ settle }) => {
      const { model, outbox, conflicts } = this.core;
      const { commands, retry, discard } = settle(conflict, choice, model);
      const parked = outbox.of(conflict.id).filter(({ state }) => state === "parked");
      const write: Write = { settled: [conflict.key] };
      batch(() => {
        conflicts.remove(conflict);
        const vanished = this.core.vanished.peek();
        const rest = vanished.filter(({ id }) => conflict.kind !== "gone" || id !== conflict.id);
        if (rest.length < vanished.length) {
          this.core.vanished.value = rest; // what is decided is not asked again
          write.meta = { vanished: rest.length ? [...rest] : null };
        }
        if (retry) {
          for (const entry of parked) Object.assign(entry, { state: "waiting", tries: 0 });
          write.put = parked;
        }
        if (discard) {
          // Without its creation, nothing that was done to it later means anything.
          const isNew = parked.some(({ op }) => op === "create");
          const dropped = isNew ? outbox.of(conflict.id) : parked;
          model.change(() => outbox.drop(dropped));
          write.drop = dropped.map(({ seq }) => seq);
        }
        outbox.publish();
        if (commands.length) this.run(...commands);
      });
      this.keeping.save(write).catch(() => {}).then(() => this.keeping.onNews());
    });
  }

  settleVanished(keep: boolean): void {
    const rows = this.core.vanished.peek();
    this.core.vanished.value = [];
    this.later(({ settleVanished }) => {
      const write = settleVanished(this.core, rows, keep, (commands) => this.run(...commands));
      this.keeping.save(write).catch(() => {}).then(() => this.keeping.onNews());
    });
  }

  // Working

  syncNow(): void {
    this.syncing?.engine.syncNow();
    this.keeping.teller.sync();
  }

  /** A person is here: after a failure, tries at once, but not more often than every two seconds. */
  retryNow(): void {
    const now = Date.now();
    if (this.core.obstacle.peek() !== "offline" || now - this.triedAt < 2000) return;
    this.triedAt = now;
    this.syncing?.engine.wake(true);
  }

  async flush(milliseconds: number, { isUrgent = true } = {}): Promise<number> {
    const { outbox } = this.core;
    await this.keeping.settled();
    this.hurry(isUrgent);
    await this.sent(milliseconds, isUrgent ? Infinity : this.core.now().getTime());
    this.hurry(false);
    // What was refused and still waits for the person would be lost as well.
    return outbox.entries.filter(({ state }) => state !== "acked").length;
  }

  private hurry(isUrgent: boolean): void {
    this.syncing?.engine.hurry(isUrgent);
    this.keeping.teller.hurry(isUrgent);
  }

  /** Waits until nothing is left that may be sent at a time. */
  private sent(milliseconds: number, time: number): Promise<void> {
    const { outbox } = this.core;
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(timer);
        queueMicrotask(() => stop());
        resolve();
      };
      const timer = setTimeout(finish, milliseconds);
      const stop = effect(() => {
        void this.waiting.value;
        if (!outbox.entries.some(({ state, notBefore }) => state === "waiting" && notBefore <= time)) finish();
      });
    });
  }

  /** Another tab has taken the database: one with a newer version of the app, or one that has signed out. */
  outdate(isNewer: boolean): void {
    void this.syncing?.engine.stop();
    if (!isNewer) return;
    this.keeping.isOutdated.value = true;
    void this.keeping.leave(false); // so that the newer one leads
  }

  handOver(): boolean {
    return !!this.late?.handOver(this.core.database, this.user.peek().id);
  }

  get isClosed(): boolean {
    return this.closing !== null;
  }

  close({ wipe = false } = {}): Promise<void> {
    this.closing ??= this.end(wipe);
    return this.closing;
  }

  private async end(wipe: boolean): Promise<void> {
    clearInterval(this.clock);
    this.reading.close();
    await this.keeping.leave(wipe); // first, so that this tab does not become the leader again
    await this.syncing?.engine.stop();
    await this.keeping.close(wipe);
  }
}

/** A person is asked about tasks; lists and labels go with them. */
function tasksOf(rows: readonly Row[]): Task[] {
  return rows.filter(({ type }) => type === "task").map(({ data }) => data as Task);
}
