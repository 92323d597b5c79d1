/** A view: tasks kept in order as they change, one at a time. It is read whole only when it opens. */
import { computed, signal, type ReadonlySignal } from "@preact/signals-core";

import type { Model, Shift } from "./model";
import type { Heading, Rules } from "./queries";
import { placeIn, type Compare } from "./sorting";
import type { Line, Section, Task, View } from "./types";

/** Tasks below one parent, in one section, or under one heading. */
interface Group {
  heading: Heading | null;
  ids: string[];
}

export class TaskView implements View {
  readonly lines: ReadonlySignal<readonly Line[]>;
  readonly completed: ReadonlySignal<readonly string[]>;
  readonly mistake = signal<View["mistake"]["value"]>(null);
  private readonly changes = signal(0);
  private readonly doneChanges = signal(0);
  private rules: Rules;
  /** Where each task of the view is. */
  private readonly groupOf = new Map<string, string>();
  private readonly groups = new Map<string, Group>();
  private done: string[] = [];
  private readonly isDone = new Set<string>();
  /** The lines as they were last, by task or heading. */
  private readonly known = new Map<string, Line>();
  private readonly unlisten: () => void;

  constructor(
    private readonly model: Model,
    private readonly makeRules: () => Rules,
    private readonly sectionsOf: (list: string) => readonly Section[],
    /** The list whose sections are headings. */
    private readonly list: string | null,
    private readonly onDispose: (view: TaskView) => void,
  ) {
    this.rules = makeRules();
    this.fill();
    this.unlisten = model.listen((shifts) => this.update(shifts));
    this.lines = computed(() => {
      void this.changes.value;
      return this.flatten();
    });
    this.completed = computed(() => {
      void this.doneChanges.value;
      return this.done.slice();
    });
  }

  dispose(): void {
    this.unlisten();
    this.onDispose(this);
  }

  /** Reads all tasks again, by new rules: the day, a filter's names or an archive has changed. */
  refill(): void {
    this.known.clear();
    this.rules = this.makeRules();
    this.fill();
    this.changes.value++;
    this.doneChanges.value++;
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
  }

  private ordered(compare: Compare): Compare {
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
    let [changed, doneChanged] = [false, false];
    // All are taken out before any is put in: the order of the rest must be that of the rules.
    for (const { id } of tasks) {
      if (this.takeOut(id)) changed = true;
      if (this.isDone.delete(id)) {
        this.done.splice(this.done.indexOf(id), 1);
        doneChanged = true;
      }
    }
    for (const { id, before, after } of tasks) {
      const task = after as Task | undefined;
      if (task?.is_completed) doneChanged = this.putDone(task) || doneChanged;
      else if (task) changed = this.putIn(task) || changed;
      const parents = [(before as Task | undefined)?.parent_id, task?.parent_id];
      // Its parent counts it, and it may have subtasks that now stand elsewhere.
      if (parents.some((parent) => parent && this.groupOf.has(parent))) changed = true;
      if (this.rules.isTree && this.groups.has(id)) changed = true;
    }
    if (this.list && shifts.some(({ type }) => type === "section")) changed = true;
    if (changed) this.changes.value++;
    if (doneChanged) this.doneChanges.value++;
  }

  private takeOut(id: string): boolean {
    const key = this.groupOf.get(id);
    if (key === undefined) return false;
    this.groupOf.delete(id);
    const group = this.groups.get(key)!;
    group.ids.splice(group.ids.indexOf(id), 1);
    if (group.ids.length === 0) this.groups.delete(key);
    return true;
  }

  private putIn(task: Task): boolean {
    if (!this.rules.belongs(task)) return false;
    const { key, heading } = this.placeOf(task);
    let group = this.groups.get(key);
    if (!group) this.groups.set(key, (group = { heading, ids: [] }));
    this.insert(group.ids, task, this.rules.compare);
    this.groupOf.set(task.id, key);
    return true;
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

  // Lines

  private flatten(): readonly Line[] {
    const lines: Line[] = [];
    if (this.rules.isTree) this.addTree(lines);
    else this.addFlat(lines);
    if (this.known.size > 2 * lines.length + 100) this.known.clear();
    return lines;
  }

  private addHeading(lines: Line[], line: Exclude<Line, { type: "task" }>, key: string): void {
    const old = this.known.get(key);
    const isSame = old && old.type === line.type && old.count === line.count;
    if (!isSame) this.known.set(key, line);
    lines.push(isSame ? old : line);
  }

  private addFlat(lines: Line[]): void {
    const groups = [...this.groups.values()];
    const date = ({ heading }: Group) => heading?.date ?? "";
    groups.sort((a, b) => (date(a) < date(b) ? -1 : 1));
    for (const { heading, ids } of groups) {
      if (heading) {
        const line = { type: "heading", ...heading, count: ids.length } as const;
        this.addHeading(lines, line, `heading ${heading.key}`);
      }
      for (const id of ids) this.addTask(lines, id, 1);
    }
  }

  private addTree(lines: Line[]): void {
    const roots = this.rootsBySection();
    const visit = (id: string, level: number) => {
      this.addTask(lines, id, level);
      for (const child of this.groups.get(id)?.ids ?? []) visit(child, level + 1);
    };
    const sections = this.list ? this.sectionsOf(this.list) : [];
    const headed = new Set(sections.map(({ id }) => id));
    for (const [section, ids] of roots) {
      if (!headed.has(section)) for (const id of ids) visit(id, 1);
    }
    for (const { id } of sections) {
      const ids = roots.get(id) ?? [];
      this.addHeading(lines, { type: "section", id, count: ids.length }, `section ${id}`);
      for (const root of ids) visit(root, 1);
    }
  }

  /** The tasks without a parent in the view, by section; those without one first. */
  private rootsBySection(): Map<string, readonly string[]> {
    const roots = new Map<string, readonly string[]>([["", this.groups.get("")?.ids ?? []]]);
    const stray = new Map<string, string[]>();
    for (const [key, { ids }] of this.groups) {
      if (key === "" || this.groupOf.has(key)) continue;
      if (this.model.shown.section.has(key)) {
        roots.set(key, ids);
        continue;
      }
      // Their parent is completed, or elsewhere: they stand on the first level.
      for (const id of ids) {
        const section = this.model.task(id)!.section_id ?? "";
        stray.set(section, [...(stray.get(section) ?? []), id]);
      }
    }
    const order = this.ordered(this.rules.compare);
    const compare = (a: string, b: string) => order(this.model.task(a)!, this.model.task(b)!);
    for (const [section, ids] of stray) {
      roots.set(section, [...(roots.get(section) ?? []), ...ids].sort(compare));
    }
    return roots;
  }

  /** Adds a line. It is the same object as before if it says the same, so that no row is drawn again. */
  private addTask(lines: Line[], id: string, level: number): void {
    let [children, completedChildren] = [0, 0];
    for (const child of this.model.childrenOf(id)) {
      children++;
      if (this.model.task(child)?.is_completed) completedChildren++;
    }
    let line = this.known.get(id);
    const isSame =
      line?.type === "task" &&
      line.level === level &&
      line.children === children &&
      line.completedChildren === completedChildren;
    if (!isSame) {
      line = { type: "task", id, level, children, completedChildren };
      this.known.set(id, line);
    }
    lines.push(line!);
  }
}
