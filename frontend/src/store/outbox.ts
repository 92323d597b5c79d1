/** The unsent changes in memory, in the order in which they were made. */
import { signal } from "@preact/signals-core";

import type { Draft } from "./commands";
import { FORMAT, nameOf, type Entry, type Frozen } from "./entries";
import type { Model } from "./model";
import type { Command, Waiting } from "./types";

export class Outbox {
  readonly waiting = signal<readonly Waiting[]>([]);
  /** The request that is being sent, until its response is stored. */
  frozen: Frozen | null = null;
  entries: Entry[] = [];
  /** Counts changes of the outbox, each of which is published once it is whole. */
  edits = 0;
  private last = 0;

  constructor(private readonly model: Model) {}

  /** Numbers that ascend over all tabs of a device, unless its clock is set back. */
  nextNumber(now: number): number {
    const number = now * 4096 + Math.floor(Math.random() * 2048);
    this.last = Math.max(this.last + 1, number);
    return this.last;
  }

  /** Adds a change that a person has made, and shows it. */
  add(draft: Draft, command: Command, group: number, now: number): Entry {
    const { model } = this;
    const resource = model.shown[draft.type].get(draft.id);
    const follows = this.of(draft.id).length > 0;
    const copy = model.copy[draft.type].get(draft.id);
    const entry: Entry = {
      format: FORMAT,
      notBefore: 0,
      ...draft,
      seq: this.nextNumber(now),
      group,
      version: follows ? null : (copy?.version ?? null),
      name: nameOf(resource ?? draft.effects[0]?.made ?? draft.was ?? draft.base ?? undefined),
      command,
      state: "waiting",
      tries: 0,
    };
    this.entries.push(entry);
    model.change(() => model.add(entry));
    return entry;
  }

  /** Gives a new entry another number: another tab of this device has just used the same. */
  renumber(entry: Entry, now: number): void {
    this.model.change(() => {
      this.model.remove(entry);
      entry.seq = this.nextNumber(now);
      this.model.add(entry);
    });
    this.entries.sort((a, b) => a.seq - b.seq);
    this.publish();
  }

  /** The entries of a resource that are not answered yet. */
  of(id: string): Entry[] {
    return this.entries.filter((entry) => entry.id === id && entry.state !== "acked");
  }

  /** Whether an entry is in the request that is being sent. */
  isSending(entry: Entry): boolean {
    return this.frozen?.entries.some((seqs) => seqs.includes(entry.seq)) ?? false;
  }

  /** Takes entries out, and no longer shows what they did. Call within `model.change`. */
  drop(entries: readonly Entry[]): void {
    const gone = new Set(entries);
    for (const entry of gone) this.model.remove(entry);
    this.entries = this.entries.filter((entry) => !gone.has(entry));
  }

  /** Makes the entries those that the database has: another tab may have changed them. */
  replace(entries: readonly Entry[], frozen: Frozen | null): void {
    this.frozen = frozen;
    for (const entry of this.entries) this.model.remove(entry);
    this.entries = entries.toSorted((a, b) => a.seq - b.seq);
    for (const entry of this.entries) {
      this.last = Math.max(this.last, entry.seq);
      this.model.add(entry);
    }
    this.publish();
  }

  get unsent(): number {
    return this.entries.filter((entry) => entry.state === "waiting").length;
  }

  publish(): void {
    this.edits++;
    this.waiting.value = this.entries
      .filter((entry) => entry.state === "waiting")
      .map((entry) => ({
        key: entry.seq,
        command: entry.command,
        name: entry.name,
        state: this.isSending(entry) ? "sending" : "waiting",
      }));
  }
}
