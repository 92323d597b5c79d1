/** A view: tasks kept in order as they change, one at a time. It is read whole only when it opens. */
import { computed, signal, type ReadonlySignal } from "@preact/signals-core";

import { Lines, type Group, type Grouped } from "./lines";
import type { Model, Shift } from "./model";
import type { Heading, Rules } from "./queries";
import { placeIn, type Compare } from "./sorting";
import type { Line, Section, Task, View } from "./types";

/** For more changed tasks, all are sorted again: to find so many one by one takes longer. */
const MANY = 1000;

export class TaskView implements View, Grouped {
  readonly lines: ReadonlySignal<readonly Line[]>;
  readonly completed: ReadonlySignal<readonly string[]>;
  readonly mistake = signal<View["mistake"]["value"]>(null);
  private readonly changes = signal(0);
  private readonly doneChanges = signal(0);
  rules: Rules;
  readonly groupOf = new Map<string, string>();
  readonly groups = new Map<string, Group>();
  private done: string[] = [];
  private readonly isDone = new Set<string>();
  private readonly made: Lines;
  private readonly unlisten: () => void;

  constructor(
    private readonly model: Model,
    private readonly makeRules: () => Rules,
    sectionsOf: (list: string) => readonly Section[],
    /** The list whose sections are headings. */
    private readonly list: string | null,
    private readonly onDispose: (view: TaskView) => void,
  ) {
    this.rules = makeRules();
    this.made = new Lines(model, this, sectionsOf, list);
    this.fill();
    this.unlisten = model.listen((shifts) => this.update(shifts));
    this.lines = computed(() => {
      void this.changes.value;
      return this.made.get();
    });
    this.completed = computed(() => {
      void this.doneChanges.value;
      return this.done.slice();
    });
  }

  has(id: string): boolean {
    return this.groupOf.has(id);
  }

  dispose(): void {
    this.unlisten();
    this.onDispose(this);
  }

  /** Reads all tasks again, by new rules: the day, a filter's names or an archive has changed. */
  refill(): void {
    this.made.clear();
    this.rules = this.makeRules();
    this.fill();
  }

  private fill(): void {
    const { rules } = this;
    this.groupOf.clear();
    this.groups.clear();
    this.isDone.clear();
    this.mistake.value = rules.mistake;
    const done: Task[] = [];
    const groups = new Map<string, { heading: Heading | null; tasks: Task[] }>();
    for (const task of this.model.shown.task.values() as Iterable<Task>) {
      if (task.is_completed) {
        if (rules.belongsCompleted(task)) done.push(task);
      } else if (rules.belongs(task)) {
        const { key, heading } = this.placeOf(task);
        const group = groups.get(key);
        if (group) group.tasks.push(task);
        else groups.set(key, { heading, tasks: [task] });
        this.groupOf.set(task.id, key);
      }
    }
    for (const [key, { heading, tasks }] of groups) {
      const ids = tasks.sort(this.ordered(rules.compare)).map((task) => task.id);
      this.groups.set(key, { heading, ids });
    }
    this.done = done.sort(this.ordered(rules.compareCompleted)).map((task) => task.id);
    for (const id of this.done) this.isDone.add(id);
    this.made.invalidate();
    this.changes.value++;
    this.doneChanges.value++;
  }

  ordered(compare: Compare): Compare {
    return (a, b) => compare(a, b) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
  }

  private placeOf(task: Task): { key: string; heading: Heading | null } {
    const { rules } = this;
    if (rules.headingOf) {
      const heading = rules.headingOf(task);
      return { key: heading.key, heading };
    }
    if (!rules.isTree) return { key: "", heading: null };
    const parent = task.parent_id === rules.root ? null : task.parent_id;
    return { key: parent ?? task.section_id ?? "", heading: null };
  }

  private update(shifts: readonly Shift[]): void {
    const tasks = shifts.filter(({ type }) => type === "task");
    if (tasks.length > MANY) return this.fill();
    // The tasks whose lines are different, and the groups they were in or are in.
    const changed = new Set<string>();
    const keys = new Set<string>();
    let [isDeep, doneChanged] = [false, false];
    const note = (id: string, key: string | undefined) => {
      if (key === undefined) return;
      changed.add(id);
      keys.add(key);
    };
    // All are taken out before any is put in: the order of the rest must be that of the rules.
    for (const { id } of tasks) {
      note(id, this.takeOut(id));
      if (this.isDone.delete(id)) {
        this.done.splice(this.done.indexOf(id), 1);
        doneChanged = true;
      }
    }
    for (const { id, before, after } of tasks) {
      const task = after as Task | undefined;
      if (task?.is_completed) doneChanged = this.putDone(task) || doneChanged;
      else if (task) note(id, this.putIn(task));
      const parents = [(before as Task | undefined)?.parent_id, task?.parent_id];
      // Its parent counts it, and it may have subtasks that now stand elsewhere.
      if (parents.some((parent) => parent && this.groupOf.has(parent))) isDeep = true;
      if (this.rules.isTree && this.groups.has(id)) isDeep = true;
    }
    if (this.list && shifts.some(({ type }) => type === "section")) isDeep = true;
    if (isDeep) this.made.invalidate();
    if (isDeep || (changed.size > 0 && this.made.patch([...changed], keys))) this.changes.value++;
    if (doneChanged) this.doneChanges.value++;
  }

  /** Returns the group that it was in. */
  private takeOut(id: string): string | undefined {
    const key = this.groupOf.get(id);
    if (key === undefined) return undefined;
    this.groupOf.delete(id);
    const group = this.groups.get(key)!;
    group.ids.splice(group.ids.indexOf(id), 1);
    if (group.ids.length === 0) this.groups.delete(key);
    return key;
  }

  /** Returns the group that it is in, if it belongs to the view. */
  private putIn(task: Task): string | undefined {
    if (!this.rules.belongs(task)) return undefined;
    const { key, heading } = this.placeOf(task);
    let group = this.groups.get(key);
    if (!group) this.groups.set(key, (group = { heading, ids: [] }));
    this.insert(group.ids, task, this.rules.compare);
    this.groupOf.set(task.id, key);
    return key;
  }

  private putDone(task: Task): boolean {
    if (!this.rules.belongsCompleted(task)) return false;
    this.insert(this.done, task, this.rules.compareCompleted);
    this.isDone.add(task.id);
    return true;
  }

  private insert(ids: string[], task: Task, compare: Compare): void {
    const order = this.ordered(compare);
    const at = placeIn(ids, task.id, (a, b) => order(this.model.task(a)!, this.model.task(b)!));
    ids.splice(at, 0, task.id);
  }
}
