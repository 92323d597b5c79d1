/** The memory: the copy of the server's resources, the same with unsent changes on top, and signals. */
import { batch, signal, type ReadonlySignal, type Signal } from "@preact/signals-core";

import { cascades, type Entry, type Fields, type Resource } from "./entries";
import { lay, type Overlay } from "./lay";
import type { Kind, Shown, Task } from "./types";

/** A resource before and after; undefined where there is none. */
export interface Shift {
  type: Kind;
  id: string;
  before: Resource | undefined;
  after: Resource | undefined;
}
export type Listener = (shifts: readonly Shift[]) => void;

const KINDS: readonly Kind[] = ["task", "list", "section", "label", "filter"];
const NONE: ReadonlySet<string> = new Set();

function perKind<T>(make: () => T): Record<Kind, T> {
  return Object.fromEntries(KINDS.map((kind) => [kind, make()])) as Record<Kind, T>;
}

export class Model {
  readonly copy = perKind(() => new Map<string, Resource>());
  readonly shown = perKind(() => new Map<string, Resource>());
  private readonly overlays = perKind(() => new Map<string, Overlay[]>());
  private readonly signals = perKind(() => new Map<string, Signal<unknown>>());
  private readonly children = new Map<string, Set<string>>();
  private readonly listeners = new Set<Listener>();
  /** The versions that were deleted here: an event on its way may still bring them. */
  private readonly graves = new Map<string, number>();
  private touched: Map<string, Kind> | null = null;

  /** Returns the signal of a resource, always the same one. */
  get<K extends Kind>(type: K, id: string): ReadonlySignal<Shown<K> | undefined> {
    let found = this.signals[type].get(id);
    if (!found) {
      found = signal<unknown>(this.shown[type].get(id));
      this.signals[type].set(id, found);
    }
    return found as Signal<Shown<K> | undefined>;
  }

  task(id: string | null | undefined): Task | undefined {
    return id ? (this.shown.task.get(id) as Task | undefined) : undefined;
  }

  /** The ids of the direct subtasks, completed ones too, in no order. */
  childrenOf(id: string): ReadonlySet<string> {
    return this.children.get(id) ?? NONE;
  }

  /** The task's subtasks of all levels, without itself. */
  below(id: string): Task[] {
    const found: Task[] = [];
    const visit = (parent: string, level: number) => {
      for (const child of this.childrenOf(parent)) {
        found.push(this.task(child)!);
        if (level < 10) visit(child, level + 1); // a copy between two pages may hold a circle
      }
    };
    visit(id, 0);
    return found;
  }

  listen(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Runs changes, then shows all of them at once. */
  change<T>(act: () => T): T {
    if (this.touched) return act();
    this.touched = new Map();
    try {
      return act();
    } finally {
      const touched = this.touched;
      this.touched = null;
      this.settle(touched);
    }
  }

  /** Stores what the server has said. Unless forced, older than what is there is ignored. */
  put(type: Kind, id: string, data: Resource | null, force = false): void {
    const copy = this.copy[type];
    if (!data) {
      if (!copy.delete(id)) return;
    } else {
      if (!force && !this.isNews(type, data)) return;
      // Without unsent changes, the same object is shown.
      (data as unknown as Fields).unsent = false;
      copy.set(id, data);
    }
    this.touch(type, id);
  }

  /** Whether a state is newer than what is here, or than what was deleted from here. */
  isNews(type: Kind, data: Resource): boolean {
    const old = this.copy[type].get(data.id)?.version ?? this.graves.get(data.id);
    return old === undefined || old < data.version;
  }

  /** Removes what the server has deleted at our request; a version up to that one is old news. */
  bury(type: Kind, id: string, version: number | undefined): void {
    if (version !== undefined) this.graves.set(id, version);
    this.put(type, id, null);
  }

  /** Lays an entry on top. Entries are added in their order. */
  add(entry: Entry): void {
    for (const effect of entry.effects) {
      const overlays = this.overlays[effect.type];
      const list = overlays.get(effect.id);
      const overlay = { entry, effect };
      if (!list) overlays.set(effect.id, [overlay]);
      else {
        const at = list.findLastIndex((other) => other.entry.seq <= entry.seq) + 1;
        overlays.set(effect.id, list.toSpliced(at, 0, overlay));
      }
      this.touch(effect.type, effect.id);
    }
  }

  /** Takes an entry away again. */
  remove(entry: Entry): void {
    for (const effect of entry.effects) {
      const overlays = this.overlays[effect.type];
      const rest = overlays.get(effect.id)?.filter((overlay) => overlay.entry.seq !== entry.seq);
      if (rest?.length) overlays.set(effect.id, rest);
      else overlays.delete(effect.id);
      this.touch(effect.type, effect.id);
    }
  }

  /** Shows an entry again whose state has changed. */
  refresh(entry: Entry): void {
    for (const effect of entry.effects) this.touch(effect.type, effect.id);
  }

  /** Removes an entry's own effect. Returns true if it keeps what it did to others for a while. */
  acknowledge(entry: Entry): boolean {
    this.remove(entry);
    const isBack = entry.op === "restore"; // its texts come with the next changes
    if (!cascades(entry) && !isBack) return false;
    entry.state = "acked";
    if (!isBack) entry.effects = entry.effects.filter((effect) => effect.id !== entry.id);
    this.add(entry);
    return true;
  }

  private touch(type: Kind, id: string): void {
    if (!this.touched) throw new Error("Change the model within change().");
    this.touched.set(id, type);
  }

  private settle(touched: ReadonlyMap<string, Kind>): void {
    const shifts: Shift[] = [];
    for (const [id, type] of touched) {
      const before = this.shown[type].get(id);
      const overlays = this.overlays[type].get(id);
      const copy = this.copy[type].get(id);
      const after = overlays ? lay(copy, overlays) : copy;
      if (before === after) continue;
      if (after) this.shown[type].set(id, after);
      else this.shown[type].delete(id);
      if (type === "task") this.indexChild(id, before as Task, after as Task);
      shifts.push({ type, id, before, after });
    }
    if (shifts.length === 0) return;
    batch(() => {
      for (const { type, id, after } of shifts) {
        const known = this.signals[type].get(id);
        if (known) known.value = after;
      }
      for (const listener of this.listeners) listener(shifts);
    });
  }

  private indexChild(id: string, before: Task | undefined, after: Task | undefined): void {
    const [from, to] = [before?.parent_id ?? null, after?.parent_id ?? null];
    if (from === to) return;
    if (from) {
      const siblings = this.children.get(from);
      siblings?.delete(id);
      if (siblings?.size === 0) this.children.delete(from);
    }
    if (to) {
      const siblings = this.children.get(to);
      if (siblings) siblings.add(id);
      else this.children.set(to, new Set([id]));
    }
  }
}
