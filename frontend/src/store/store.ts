/** The store: what screens read and what people do, over memory, the database and the server. */
import { batch, computed, effect, signal, type ReadonlySignal, type Signal } from "@preact/signals-core";

import { localDay } from "../rules/dates";
import { nameKey } from "../rules/names";
import { byPosition } from "../rules/order";
import { draft, type Context, type Draft } from "./commands";
import { Conflicts, needsYou } from "./conflicts";
import { Counters } from "./counts";
import type { Database, Loaded, Row, Write } from "./database";
import { Engine } from "./engine";
import { referencesOf, type Entry } from "./entries";
import { Model, type Shift } from "./model";
import { Outbox } from "./outbox";
import { Pull } from "./pull";
import { Push } from "./push";
import { rulesOf, type Surroundings } from "./queries";
import { matcherOf } from "./matching";
import { keptAgain, settle } from "./settling";
import { inverse, note, type Step } from "./undo";
import { TaskView } from "./views";
import type {
  Choice,
  Command,
  Conflict,
  Connection,
  Done,
  Filter,
  Kind,
  Label,
  List,
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

/** Tells other tabs what has been written. */
export interface Teller {
  tell(rows: readonly { type: Kind; id: string }[]): void;
}

export class DulyStore implements Store {
  readonly user = signal<User>(undefined as never);
  readonly today: Signal<string>;
  readonly model = new Model();
  readonly outbox = new Outbox(this.model);
  readonly conflictList: Conflicts;
  readonly engine: Engine;
  readonly pull: Pull;
  teller: Teller = { tell: () => {} };
  onClose: (wipe: boolean) => Promise<void> = async () => {};

  readonly waiting = this.outbox.waiting;
  readonly conflicts: ReadonlySignal<readonly Conflict[]>;
  readonly counts: Counters["counts"];
  readonly status: ReadonlySignal<Status>;
  readonly lists: ReadonlySignal<readonly List[]>;
  readonly labels: ReadonlySignal<readonly Label[]>;
  readonly filters: ReadonlySignal<readonly Filter[]>;
  readonly vanished = signal<readonly Task[]>([]);
  readonly stored = signal(true);

  private readonly counters: Counters;
  private readonly firstSync = signal<Status["firstSync"]>(null);
  private readonly lastSync = signal<Date | null>(null);
  private readonly others = { list: signal(0), section: signal(0), label: signal(0), filter: signal(0) };
  private readonly views = new Map<TaskView, ViewQuery>();
  private readonly clock: ReturnType<typeof setInterval>;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly parts: Parts,
    loaded: Loaded,
  ) {
    const { connection, database, now } = parts;
    const { meta } = loaded;
    this.user.value = newer(parts.user, meta.user);
    this.today = signal(this.dayOf(now(), null));
    this.stored.value = database.kept;
    this.conflictList = new Conflicts(
      () => this.outbox.nextNumber(now().getTime()),
      () => now().getTime(),
    );
    this.conflicts = this.conflictList.list;
    this.counters = new Counters(this.model, () => ({ today: this.today.peek(), zone: this.zone }));
    this.counts = this.counters.counts;
    this.model.listen((shifts) => this.noticed(shifts));
    this.load(loaded);
    const host = this.host();
    const { generation = 0 } = meta;
    this.pull = new Pull(this.model, this.outbox, database, connection, host, generation);
    this.pull.token = meta.token ?? null;
    if (meta.next) this.pull.resume(meta.next, loaded.nextRows);
    const push = new Push(this.model, this.outbox, this.conflictList, database, connection, {
      now: () => now().getTime(),
      onStored: (outcome) => this.teller.tell(outcome?.write.rows ?? []),
    });
    this.engine = new Engine(push, this.pull, connection, () => now().getTime(), parts.patience);
    this.lists = this.ordered<List>("list");
    this.labels = this.ordered<Label>("label");
    this.filters = this.ordered<Filter>("filter");
    this.status = computed(() => this.statusNow());
    this.clock = setInterval(() => this.tick(), 15_000);
    (this.clock as { unref?: () => void }).unref?.();
  }

  private load({ rows, outbox, conflicts, meta }: Loaded): void {
    batch(() => {
      this.model.change(() => {
        for (const { type, id, data } of rows) this.model.put(type, id, data, true);
      });
      this.model.change(() => this.outbox.replace(outbox, meta.frozen ?? null));
      this.conflictList.replace(conflicts);
      this.vanished.value = meta.vanished ?? [];
      this.lastSync.value = meta.lastSync ? new Date(meta.lastSync) : null;
    });
  }

  private host() {
    return {
      now: () => this.parts.now().getTime(),
      onUser: (user: User) => this.changeUser(user),
      onFirstSync: (progress: Status["firstSync"]) => (this.firstSync.value = progress),
      onVanished: (tasks: Task[]) => (this.vanished.value = tasks),
      onStored: (rows: readonly Row[]) => {
        this.lastSync.value = this.parts.now();
        this.teller.tell(rows);
      },
    };
  }

  // Reading

  get<K extends Kind>(type: K, id: string): ReadonlySignal<Shown<K> | undefined> {
    return this.model.get(type, id);
  }

  sectionsOf(listId: string): readonly Section[] {
    void this.others.section.value;
    const all = [...this.model.shown.section.values()] as Section[];
    return all.filter((section) => section.list_id === listId).sort(byPosition);
  }

  view(query: ViewQuery, sorting: Sorting = "position"): View {
    const made: TaskView = new TaskView(
      this.model,
      () => rulesOf(query, sorting, this.around()),
      (list) => this.sectionsOf(list),
      query.show === "list" ? query.id : null,
      (view) => this.views.delete(view),
    );
    this.views.set(made, query);
    return made;
  }

  allTasks(): Iterable<Task> {
    return this.model.shown.task.values() as Iterable<Task>;
  }

  private ordered<T extends List | Label | Filter>(kind: "list" | "label" | "filter") {
    return computed(() => {
      void this.others[kind].value;
      return ([...this.model.shown[kind].values()] as T[]).sort(byPosition);
    });
  }

  private around(): Surroundings {
    const { shown } = this.model;
    const around = {
      zone: this.zone,
      today: this.today.peek(),
      weekStart: this.user.peek().week_start,
      now: this.parts.now(),
      list: (id: string) => shown.list.get(id) as List | undefined,
      lists: () => shown.list.values() as Iterable<List>,
      section: (id: string) => shown.section.get(id) as Section | undefined,
      isBelow: (task: Task, parent: string) => {
        let up = task.parent_id;
        for (let level = 0; up && level < 10; level++) {
          if (up === parent) return true;
          up = this.model.task(up)?.parent_id ?? null;
        }
        return false;
      },
    };
    return { ...around, matcher: (query) => matcherOf(query, this.model, around) };
  }

  private get zone(): string {
    return this.user.peek().timezone;
  }

  private dayOf(instant: Date, timezone: string | null): string {
    return localDay(instant, timezone ?? this.zone);
  }

  private statusNow(): Status {
    void this.waiting.value;
    const { unsent } = this.outbox;
    const needs = this.conflicts.value.filter(needsYou).length;
    const vanished = this.vanished.value;
    let state: State = "synced";
    if (this.parts.connection.ended.value) state = "sign_in";
    else if (this.engine.offline.value) state = "offline";
    else if (needs + vanished.length > 0) state = "needs_you";
    else if (unsent > 0) state = "sending";
    return {
      state,
      unsent,
      needsYou: needs + (vanished.length ? 1 : 0),
      lastSync: this.lastSync.value,
      firstSync: this.firstSync.value,
      stored: this.stored.value,
      vanished,
    };
  }

  // Changes from anywhere

  private noticed(shifts: readonly Shift[]): void {
    const kinds = new Set(shifts.map(({ type }) => type));
    for (const kind of ["list", "section", "label", "filter"] as const) {
      if (kinds.has(kind)) this.others[kind].value++;
    }
    const named = kinds.has("list") || kinds.has("section") || kinds.has("label");
    const archived = shifts.some(
      ({ type, before, after }) =>
        type === "list" && (before as List | undefined)?.is_archived !== (after as List | undefined)?.is_archived,
    );
    const moved = shifts.some(
      ({ type, id, before, after }) =>
        type === "task" &&
        before &&
        after &&
        (before as Task).parent_id !== (after as Task).parent_id &&
        this.model.childrenOf(id).size > 0,
    );
    if (archived) queueMicrotask(() => batch(() => this.counters.recount()));
    if (!named && !moved) return;
    for (const [view, query] of this.views) {
      const depends =
        (kinds.has("list") && query.show !== "list" && query.show !== "subtasks") ||
        (named && query.show === "filter") ||
        (moved && query.show === "subtasks");
      if (depends) view.refill();
    }
  }

  private changeUser(user: User): void {
    const old = this.user.peek();
    this.user.value = user;
    void this.save({ meta: { user } });
    if (old.timezone !== user.timezone || old.week_start !== user.week_start) this.tick(true);
  }

  /** Notices that another day has begun. */
  private tick(always = false): void {
    const today = this.dayOf(this.parts.now(), null);
    if (today === this.today.peek() && !always) return;
    batch(() => {
      this.today.value = today;
      this.counters.recount();
      for (const view of this.views.keys()) view.refill();
    });
  }

  // Doing

  private context(): Context {
    return {
      model: this.model,
      userId: this.user.peek().id,
      now: this.parts.now(),
      dayOf: (instant, timezone) => this.dayOf(instant, timezone),
      isMovingOn: (id) =>
        this.outbox.of(id).some(({ op }) => op === "complete" || op === "skip" || op === "reopen"),
    };
  }

  run(...commands: Command[]): Done {
    const context = this.context();
    const drafts = commands.map((command) => () => ({ command, drafts: draft(context, command) }));
    return this.act(drafts);
  }

  /** Applies acts one after the other: each sees what the ones before it did. */
  private act(acts: readonly (() => { command: Command; drafts: Draft[] })[]): Done {
    const now = this.parts.now().getTime();
    const group = this.outbox.nextNumber(now);
    const steps: Step[] = [];
    batch(() => {
      for (const make of acts) {
        const { command, drafts } = make();
        for (const one of drafts) {
          const noted = note(this.model, one);
          steps.push({ entry: this.outbox.add(one, command, group, now), ...noted });
        }
      }
      this.outbox.publish();
    });
    const entries = steps.map(({ entry }) => entry);
    const put = [...entries, ...this.hasten(entries)];
    return {
      ids: entries.filter(({ op }) => op === "create").map(({ id }) => id),
      stored: this.save({ put }).then(() => this.engine.wake()),
      undo: () => this.undo(steps),
    };
  }

  /** A new name for a label may be that of one whose deletion still waits: that goes first. */
  private hasten(entries: readonly Entry[]): Entry[] {
    if (!entries.some(({ type, data }) => type === "label" && data.name)) return [];
    const late = this.outbox.entries.filter(({ type, notBefore }) => type === "label" && notBefore > 0);
    for (const entry of late) entry.notBefore = 0;
    return late;
  }

  private undo(steps: readonly Step[]): readonly string[] {
    const entries = steps.map(({ entry }) => entry);
    const isWaiting = (entry: Entry) =>
      this.outbox.entries.includes(entry) && entry.state === "waiting" && !this.outbox.isSending(entry);
    if (entries.every(isWaiting) && !this.isBuiltUpon(entries)) {
      this.takeBack(entries);
      return [];
    }
    const { acts, drop, lost } = inverse(this.context(), steps, isWaiting);
    if (drop.length) this.takeBack(drop);
    if (acts.length) this.act(acts.map((act) => () => act));
    return lost;
  }

  /** Whether later entries concern the same resources, so that these cannot just disappear. */
  private isBuiltUpon(entries: readonly Entry[]): boolean {
    const ids = new Set(entries.flatMap(({ effects }) => effects.map(({ id }) => id)));
    const last = entries.at(-1)?.seq ?? 0;
    return this.outbox.entries.some(
      (other) =>
        other.seq > last &&
        (other.effects.some(({ id }) => ids.has(id)) ||
          ids.has(other.id) ||
          referencesOf(other.data).some((id) => ids.has(id))),
    );
  }

  private takeBack(entries: readonly Entry[]): void {
    batch(() => {
      this.model.change(() => this.outbox.drop(entries));
      this.outbox.publish();
    });
    void this.save({ drop: entries.map(({ seq }) => seq) });
  }

  /** Writes in the order in which things happened, and tells other tabs. */
  async save(write: Write): Promise<void> {
    const mine = this.writing.then(() => this.parts.database.write(write));
    this.writing = mine.catch(() => {});
    await mine;
    this.teller.tell(write.rows ?? []);
  }

  resolve(conflict: Conflict, choice: Choice): void {
    const { commands, retry, discard } = settle(conflict, choice, this.model);
    this.conflictList.remove(conflict);
    const parked = this.outbox.of(conflict.id).filter(({ state }) => state === "parked");
    const write: Write = { settled: [conflict.key] };
    if (retry) {
      for (const entry of parked) Object.assign(entry, { state: "waiting", tries: 0 });
      write.put = parked;
    }
    if (discard) {
      this.model.change(() => this.outbox.drop(parked));
      write.drop = parked.map(({ seq }) => seq);
    }
    this.outbox.publish();
    void this.save(write).then(() => this.engine.wake());
    if (commands.length) this.run(...commands);
  }

  settleVanished(keep: boolean): void {
    const tasks = this.vanished.peek();
    this.vanished.value = [];
    if (keep) this.run(...keptAgain(tasks, this.model));
    void this.save({ meta: { vanished: null } });
  }

  labelNamed(name: string): Label | undefined {
    return this.labels.peek().find((label) => nameKey(label.name) === nameKey(name));
  }

  // Working

  syncNow(): void {
    this.engine.syncNow();
  }

  async flush(milliseconds: number): Promise<number> {
    await this.writing;
    this.engine.hurry(true);
    const left = () => this.outbox.unsent;
    if (left() > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, milliseconds);
        const stop = effect(() => {
          void this.waiting.value;
          if (left() > 0) return;
          clearTimeout(timer);
          resolve();
          queueMicrotask(() => stop());
        });
        setTimeout(() => stop(), milliseconds);
      });
    }
    this.engine.hurry(false);
    return left();
  }

  async close({ wipe = false } = {}): Promise<void> {
    clearInterval(this.clock);
    for (const view of [...this.views.keys()]) view.dispose();
    await this.engine.stop();
    await this.writing;
    await this.onClose(wipe);
    await this.parts.database.close(wipe);
  }
}

function newer(given: User, stored: User | undefined): User {
  return stored && stored.id === given.id && stored.updated_at > given.updated_at ? stored : given;
}
