/** The database on a device that may be full. */
import type { Signal } from "@preact/signals-core";

import { Deposed, type Database, type Loaded, type Write } from "./database";
import { joined, ofPerson, over, overAll, without } from "./debt";
import type { Entry } from "./entries";
import type { Kind } from "./types";

/** So often what found no room is tried again, in milliseconds. */
const AGAIN = 2_000;

/**
 * Keeps in memory what finds no room on the device, in its order, and stores it with the next write
 * that succeeds. What is read has it on top, so that the store works as if it had been stored.
 */
export class PatientDatabase implements Database {
  readonly kept = true;
  /** A write that contains what is owed is under way. */
  private isPaying = false;
  private readonly timer: ReturnType<typeof setInterval>;

  constructor(
    private readonly stored: Database,
    private owed: readonly Write[],
    private readonly owes: Signal<boolean>,
  ) {
    this.timer = setInterval(() => void this.pay(), AGAIN);
    (this.timer as { unref?: () => void }).unref?.();
  }

  /** Tries to store what is owed. */
  private async pay(): Promise<void> {
    if (this.owed.length && !this.isPaying) await this.write({}).catch(() => {});
  }

  async write(given: Write): Promise<boolean> {
    const isPaying = this.owed.length > 0 && !this.isPaying;
    const debt = isPaying ? [this.owed.reduce(joined)] : [];
    if (isPaying) {
      this.owed = debt;
      this.isPaying = true;
    }
    try {
      const isWritten = await this.stored.write([...debt, given].reduce(joined));
      if (isWritten && this.owed.length) {
        const rest = this.owed.filter((write) => !debt.includes(write));
        this.owe(rest.map((write) => without(write, given)));
      }
      return isWritten;
    } catch (error) {
      if (isPaying && error instanceof Deposed) {
        this.owe(this.owed.map(ofPerson));
        this.isPaying = false;
        return this.write(given);
      }
      if (!isFull(error)) throw error;
      if (Object.keys(given).length > 0) this.owe([...this.owed, given]);
      return true;
    } finally {
      if (isPaying) this.isPaying = false;
    }
  }

  private owe(owed: readonly Write[]): void {
    this.owed = owed;
    this.owes.value = owed.length > 0;
  }

  /** The entries of the outbox that are in memory only. */
  owedEntries(): readonly Entry[] {
    return this.owed.length ? (ofPerson(this.owed.reduce(joined)).put ?? []) : [];
  }

  async load(): Promise<Loaded> {
    const loaded = await this.stored.load();
    return this.owed.reduce(overAll, loaded);
  }

  async reread(keys: readonly { type: Kind; id: string }[]) {
    const read = await this.stored.reread(keys);
    return this.owed.reduce(over<typeof read>, read);
  }

  repack(): Promise<void> {
    return this.stored.repack();
  }

  async close(wipe: boolean): Promise<void> {
    clearInterval(this.timer);
    if (!wipe) await this.pay();
    await this.stored.close(wipe);
  }
}

/** No room, in the words of the browsers; or another tab has taken the database. All else is a defect. */
function isFull(error: unknown): boolean {
  return ["QuotaExceededError", "UnknownError", "AbortError", "InvalidStateError"].includes((error as Error).name);
}
