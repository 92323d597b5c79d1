/** Views, counters, lists and the day, kept up to date as the model changes. */
import { batch, computed, signal, type ReadonlySignal, type Signal } from "@preact/signals-core";

import { localDay } from "../rules/dates";
import { byPosition } from "../rules/order";
import { Counters } from "./counts";
import { matcherOf } from "./matching";
import type { Model, Shift } from "./model";
import { rulesOf, type Surroundings } from "./queries";
import { TaskView } from "./views";
import type { Filter, Label, List, Section, Sorting, Task, User, View, ViewQuery } from "./types";

export class Reading {
  readonly today: Signal<string>;
  readonly counts: Counters["counts"];
  readonly lists: ReadonlySignal<readonly List[]>;
  readonly labels: ReadonlySignal<readonly Label[]>;
  readonly filters: ReadonlySignal<readonly Filter[]>;
  private readonly counters: Counters;
  private readonly others = { list: signal(0), section: signal(0), label: signal(0), filter: signal(0) };
  private readonly views = new Map<TaskView, ViewQuery>();

  constructor(
    private readonly model: Model,
    private readonly user: ReadonlySignal<User>,
    private readonly now: () => Date,
  ) {
    this.today = signal(this.dayOf(now(), null));
    this.counters = new Counters(model, () => ({ today: this.today.peek(), zone: this.zone }));
    this.counts = this.counters.counts;
    model.listen((shifts) => this.noticed(shifts));
    this.lists = this.ordered<List>("list");
    this.labels = this.ordered<Label>("label");
    this.filters = this.ordered<Filter>("filter");
  }

  dayOf(instant: Date, timezone: string | null): string {
    return localDay(instant, timezone ?? this.zone);
  }

  private get zone(): string {
    return this.user.peek().timezone;
  }

  sectionsOf(listId: string): readonly Section[] {
    void this.others.section.value;
    const all = [...this.model.shown.section.values()] as Section[];
    return all.filter((section) => section.list_id === listId).sort(byPosition);
  }

  view(query: ViewQuery, sorting: Sorting): View {
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

  close(): void {
    for (const view of [...this.views.keys()]) view.dispose();
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
      now: this.now(),
      list: (id: string) => shown.list.get(id) as List | undefined,
      isBelow: (task: Task, parent: string) => this.isBelow(task, parent),
    };
    const again = () => {
      for (const [view, { show }] of this.views) {
        if (show === "filter" || show === "search") view.refill();
      }
    };
    return { ...around, matcher: (query) => matcherOf(query, this.model, around, again) };
  }

  private isBelow(task: Task, parent: string): boolean {
    let up = task.parent_id;
    for (let level = 0; up && level < 10; level++) {
      if (up === parent) return true;
      up = this.model.task(up)?.parent_id ?? null;
    }
    return false;
  }

  private noticed(shifts: readonly Shift[]): void {
    const kinds = new Set(shifts.map(({ type }) => type));
    for (const kind of ["list", "section", "label", "filter"] as const) {
      if (kinds.has(kind)) this.others[kind].value++;
    }
    if (shifts.some(isArchival)) this.counters.recount();
    const named = kinds.has("list") || kinds.has("section") || kinds.has("label");
    // A subtree that moves takes tasks along that have not changed themselves.
    const moved = shifts.some((shift) => isMoved(shift) && this.model.childrenOf(shift.id).size > 0);
    if (!named && !moved) return;
    for (const [view, query] of this.views) {
      const depends =
        (kinds.has("list") && query.show !== "list" && query.show !== "subtasks") ||
        (named && query.show === "filter") ||
        (moved && query.show === "subtasks");
      if (depends) view.refill();
    }
  }

  /** Notices that another day has begun, or that the user's zone has changed. */
  tick(always = false): void {
    const today = this.dayOf(this.now(), null);
    if (today === this.today.peek() && !always) return;
    batch(() => {
      this.today.value = today;
      this.counters.recount();
      for (const view of this.views.keys()) view.refill();
    });
  }
}

function isArchival({ type, before, after }: Shift): boolean {
  const [old, now] = [before, after] as (List | undefined)[];
  return type === "list" && old?.is_archived !== now?.is_archived;
}

function isMoved({ type, before, after }: Shift): boolean {
  if (type !== "task" || !before || !after) return false;
  return (before as Task).parent_id !== (after as Task).parent_id;
}
