/** The lines of a view: put together from its groups, or patched where a few tasks have changed. */
import type { Model } from "./model";
import type { Heading, Rules } from "./queries";
import type { Compare } from "./sorting";
import type { HeadLine, Line, Section } from "./types";

/** Tasks below one parent, in one section, or under one heading. */
export interface Group {
  heading: Heading | null;
  ids: string[];
}

/** What a view knows of its tasks. */
export interface Grouped {
  readonly rules: Rules;
  readonly groups: ReadonlyMap<string, Group>;
  /** Where each task of the view is. */
  readonly groupOf: ReadonlyMap<string, string>;
  ordered(compare: Compare): Compare;
}

/** For more changed tasks, all lines are put together again. */
const FEW = 100;

export class Lines {
  /** Null if they must be put together again. */
  private all: readonly Line[] | null = null;
  /** The lines as they were last, by their keys. */
  private readonly known = new Map<string, Line>();
  /** Tasks whose parents are completed, or elsewhere, are among those of the first level. */
  private hasStrays = false;

  constructor(
    private readonly model: Model,
    private readonly view: Grouped,
    private readonly sectionsOf: (list: string) => readonly Section[],
    /** The list whose sections are headings. */
    private readonly list: string | null,
  ) {}

  get(): readonly Line[] {
    this.all ??= this.flatten();
    return this.all;
  }

  /** Forgets how lines were before: other rules apply. */
  clear(): void {
    this.known.clear();
    this.all = null;
  }

  /** Other lines than those of the changed tasks may be different. */
  invalidate(): void {
    this.all = null;
  }

  /**
   * Puts the lines of changed tasks without subtasks where they are now, without going through ten
   * thousand others. `keys` are the groups that they were in, and are in. Returns whether a line is
   * different.
   */
  patch(ids: readonly string[], keys: ReadonlySet<string>): boolean {
    const before = this.all;
    const after = before && ids.length <= FEW && !this.hasStrays ? this.patched(before, ids, keys) : null;
    this.all = after;
    if (!before || !after || after.length !== before.length) return true;
    // A plain loop: ten thousand calls of a function take milliseconds before they are compiled.
    for (let at = 0; at < after.length; at++) if (after[at] !== before[at]) return true;
    return false;
  }

  private patched(before: readonly Line[], ids: readonly string[], keys: ReadonlySet<string>): readonly Line[] | null {
    const { groups, groupOf } = this.view;
    const lines = [...before];
    const at = (key: string | undefined) => (key === undefined ? -1 : lines.indexOf(this.known.get(key)!));
    for (const id of ids) if (at(id) >= 0) lines.splice(at(id), 1);
    for (const id of ids) {
      const key = groupOf.get(id);
      if (key === undefined) continue;
      const siblings = groups.get(key)!.ids;
      const next = at(siblings[siblings.indexOf(id) + 1]);
      if (next < 0) return null;
      lines.splice(next, 0, this.lineOf(id, 1));
    }
    for (const key of keys) {
      if (key === "") continue;
      const [head, group, place] = [this.known.get(key), groups.get(key), at(key)];
      if (!group || place < 0 || head!.type === "task") return null;
      lines[place] = this.headOf({ ...head!, count: group.ids.length });
    }
    return lines;
  }

  private flatten(): readonly Line[] {
    const lines: Line[] = [];
    this.hasStrays = false;
    if (this.view.rules.isTree) this.addTree(lines);
    else this.addFlat(lines);
    if (this.known.size > 2 * lines.length + 100) this.known.clear();
    return lines;
  }

  private addFlat(lines: Line[]): void {
    const { groups: found, rules } = this.view;
    const groups = [...found.values()];
    if (groups.length > 0) {
      const empty = rules.steady.filter(({ key }) => !found.has(key));
      groups.push(...empty.map((heading) => ({ heading, ids: [] })));
    }
    const date = ({ heading }: Group) => heading?.date ?? "";
    groups.sort((a, b) => (date(a) < date(b) ? -1 : 1));
    for (const { heading, ids } of groups) {
      if (heading) {
        const { key, date } = heading;
        lines.push(this.headOf({ type: "heading", key, id: key, date, level: 1, count: ids.length }));
      }
      for (const id of ids) lines.push(this.lineOf(id, 1));
    }
  }

  private addTree(lines: Line[]): void {
    const roots = this.rootsBySection();
    const visit = (id: string, level: number) => {
      lines.push(this.lineOf(id, level));
      for (const child of this.view.groups.get(id)?.ids ?? []) visit(child, level + 1);
    };
    const sections = this.list ? this.sectionsOf(this.list) : [];
    const headed = new Set(sections.map(({ id }) => id));
    for (const [section, ids] of roots) {
      if (!headed.has(section)) for (const id of ids) visit(id, 1);
    }
    for (const { id } of sections) {
      const ids = roots.get(id) ?? [];
      lines.push(this.headOf({ type: "section", key: id, id, date: null, level: 1, count: ids.length }));
      for (const root of ids) visit(root, 1);
    }
  }

  /** The tasks without a parent in the view, by section; those without one first. */
  private rootsBySection(): Map<string, readonly string[]> {
    const { groups, groupOf } = this.view;
    const roots = new Map<string, readonly string[]>([["", groups.get("")?.ids ?? []]]);
    const stray = new Map<string, string[]>();
    for (const [key, { ids }] of groups) {
      if (key === "" || groupOf.has(key)) continue;
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
    this.hasStrays = stray.size > 0;
    const order = this.view.ordered(this.view.rules.compare);
    const compare = (a: string, b: string) => order(this.model.task(a)!, this.model.task(b)!);
    for (const [section, ids] of stray) {
      roots.set(section, [...(roots.get(section) ?? []), ...ids].sort(compare));
    }
    return roots;
  }

  private headOf(line: HeadLine): Line {
    const old = this.known.get(line.key);
    if (old && old.type === line.type && old.count === line.count) return old;
    this.known.set(line.key, line);
    return line;
  }

  /** The line of a task: the same object if it says the same, so that no row is drawn again. */
  private lineOf(id: string, level: number): Line {
    let [children, completedChildren] = [0, 0];
    for (const child of this.model.childrenOf(id)) {
      children++;
      if (this.model.task(child)?.is_completed) completedChildren++;
    }
    const old = this.known.get(id);
    const isSame =
      old?.type === "task" &&
      old.level === level &&
      old.children === children &&
      old.completedChildren === completedChildren;
    if (isSame) return old;
    const line: Line = { type: "task", key: id, id, level, children, completedChildren };
    this.known.set(id, line);
    return line;
  }
}
