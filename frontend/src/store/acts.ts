/** Commands of the person: applied in memory at once, then stored, then sent; and their undo. */
import { batch } from "@preact/signals-core";

import { draft, type Context, type Draft } from "./commands";
import type { Write } from "./database";
import { referencesOf, type Entry } from "./entries";
import type { Model } from "./model";
import type { Outbox } from "./outbox";
import { note, type Step } from "./noting";
import type { Command, Done, Undone } from "./types";

interface Act {
  command: Command;
  drafts: Draft[];
}

export interface ActHost {
  context(): Context;
  /** Stores a change. False if another tab was faster. */
  save(write: Write): Promise<boolean>;
  reread(): Promise<void>;
  /** There is something to send. */
  wake(): void;
  /** Loads what undoes acts, together with what sends them. */
  sync(): Promise<typeof import("./syncing")>;
}

const ALL: Undone = { left: [], nothing: false };

type Inverse = typeof import("./syncing").inverse;

export class Acts {
  private inverse: Inverse | null = null;

  constructor(
    private readonly model: Model,
    private readonly outbox: Outbox,
    private readonly host: ActHost,
  ) {
    this.prepare().catch(() => {});
  }

  private async prepare(): Promise<Inverse> {
    this.inverse ??= (await this.host.sync()).inverse;
    return this.inverse;
  }

  run(commands: readonly Command[]): Done {
    const context = this.host.context();
    return this.apply(commands.map((command) => () => ({ command, drafts: draft(context, command) })));
  }

  /** Applies acts one after the other: each sees what the ones before it did. */
  private apply(acts: readonly (() => Act)[]): Done {
    const now = this.host.context().now.getTime();
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
    const saved = entries.length ? this.store(entries, this.hasten(entries)) : Promise.resolve();
    // It is sent whether the device has room for it or not.
    const stored = saved.finally(() => this.host.wake());
    stored.catch(() => {}); // the status tells it, whether the caller listens or not
    return {
      ids: entries.filter(({ op }) => op === "create").map(({ id }) => id),
      stored,
      undo: () => this.undo(steps),
    };
  }

  private async store(add: readonly Entry[], update: readonly Entry[]): Promise<void> {
    try {
      await this.host.save({ add, update });
    } catch (error) {
      if ((error as Error).name !== "ConstraintError") throw error;
      const now = this.host.context().now.getTime();
      for (const entry of add) this.outbox.renumber(entry, now);
      await this.store(add, update);
    }
  }

  /** A new name for a label may be that of one whose deletion still waits: that goes first. */
  private hasten(entries: readonly Entry[]): Entry[] {
    if (!entries.some(({ type, data }) => type === "label" && data.name)) return [];
    const late = this.outbox.entries.filter(({ type, notBefore }) => type === "label" && notBefore > 0);
    for (const entry of late) entry.notBefore = 0;
    return late;
  }

  private undo(steps: readonly Step[]): Undone {
    // Other objects stand for the same entries once another tab's changes have been read.
    const bySeq = new Map(this.outbox.entries.map((entry) => [entry.seq, entry]));
    const entries = steps.map(({ entry }) => bySeq.get(entry.seq) ?? entry);
    const isWaiting = (entry: Entry) =>
      bySeq.has(entry.seq) && entry.state === "waiting" && !this.outbox.isSending(entry);
    if (entries.every(isWaiting) && !this.isBuiltUpon(entries)) {
      void this.takeBack(entries, steps);
      return ALL;
    }
    if (!this.inverse) {
      // In the first moments of a tab, what undoes is still on its way.
      void this.prepare().then(() => this.undo(steps));
      return ALL;
    }
    const { acts, drop, lost } = this.inverse(this.host.context(), steps, (entry) =>
      isWaiting(bySeq.get(entry.seq) ?? entry),
    );
    if (drop.length) void this.takeBack(drop, []);
    if (acts.length) this.apply(acts.map((act) => () => act));
    return { left: lost, nothing: lost.length > 0 && acts.length + drop.length === 0 };
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

  /** Takes entries out of the outbox. Where the leader has just sent them, undoes them instead. */
  private async takeBack(entries: readonly Entry[], steps: readonly Step[]): Promise<void> {
    batch(() => {
      this.model.change(() => this.outbox.drop(entries));
      this.outbox.publish();
    });
    const seqs = entries.map(({ seq }) => seq);
    const isTaken = await this.host.save({ drop: seqs, requires: seqs, unsent: seqs }).catch(() => true);
    if (isTaken) return;
    await this.host.reread();
    const inverse = await this.prepare();
    const { acts } = inverse(this.host.context(), steps, () => false);
    if (acts.length) this.apply(acts.map((act) => () => act));
  }
}
