/** Sends the outbox: one request at a time, stored before it is sent, repeated until answered. */
import type { BatchResult } from "../api/things";
import { newId } from "../rules/ids";
import { Answers, type Outcome } from "./answers";
import type { Conflicts } from "./conflicts";
import type { Write } from "./database";
import type { Entry, Frozen } from "./entries";
import type { Model } from "./model";
import type { Outbox } from "./outbox";
import { plan, type Plan } from "./plan";
import { ask, Refused } from "./requests";
import type { Conflict, Connection } from "./types";

const RESTORABLE = new Set(["task", "list"]);

export interface PushHost {
  now(): number;
  /** Writes as the leader. */
  write(write: Write): Promise<boolean>;
  onStored(outcome: Outcome | null): void;
  /** Takes over what other tabs have written. */
  reread(): Promise<void>;
}

export type Sent = Pick<Outcome, "mustPull" | "isBehind">;

export class Push {
  /** Operations in a request; fewer after one that was too large. */
  private limit = 100;
  /** When something that waits for its time may be sent. */
  next = Infinity;

  constructor(
    private readonly model: Model,
    private readonly outbox: Outbox,
    private readonly conflicts: Conflicts,
    private readonly connection: Connection,
    private readonly host: PushHost,
  ) {}

  /** Whether a request was sent, or is about to be, whose answer is not known. */
  get isPending(): boolean {
    return this.outbox.frozen !== null;
  }

  /** Sends one request. Null if there is nothing to send; else whether a pull must follow. */
  async run(signal: AbortSignal, isUrgent: boolean): Promise<Sent | null> {
    const { outbox } = this;
    const frozen = outbox.frozen ?? (await this.freeze(isUrgent));
    if (!frozen) return null;
    const { operations, atomic, key } = frozen;
    try {
      const headers: Record<string, string> = key ? { "Idempotency-Key": key } : {};
      const body = { operations, atomic };
      const result = await ask<BatchResult>(this.connection, "POST", "/batch", { body, headers, signal });
      return await this.settle(frozen, (answers) => this.take(answers, result, frozen));
    } catch (error) {
      if (!(error instanceof Refused) || error.isTemporary || error.status === 401) throw error;
      return this.refused(frozen, error);
    }
  }

  private take(answers: Answers, result: BatchResult, frozen: Frozen): Outcome {
    const revives = frozen.revives && this.entriesOf([frozen.revives])[0];
    if (revives) return answers.revived(result.results[0]!, revives);
    return answers.take(
      result,
      frozen.operations,
      frozen.entries.map((seqs) => this.entriesOf(seqs)),
    );
  }

  private entriesOf(seqs: readonly number[]): Entry[] {
    return this.outbox.entries.filter((entry) => seqs.includes(entry.seq));
  }

  /** Chooses what to send and stores it. From then on, it does not change until it is answered. */
  private async freeze(isUrgent: boolean): Promise<Frozen | null> {
    const { model, outbox } = this;
    const now = isUrgent ? Infinity : this.host.now();
    const planned = plan(outbox.entries, model.copy, now, this.limit);
    this.next = planned.next;
    const conflicts = this.told(planned);
    const { missing } = planned;
    if (missing && !RESTORABLE.has(missing.type)) {
      await this.settle(null, (answers) => answers.gone(missing));
      return this.freeze(isUrgent);
    }
    const frozen = frozenOf(planned);
    if (planned.drop.length) {
      model.change(() => outbox.drop(planned.drop));
    }
    outbox.frozen = frozen;
    outbox.publish();
    if (frozen || planned.drop.length || conflicts.length) {
      const drop = planned.drop.map((entry) => entry.seq);
      const requires = frozen?.entries.flat() ?? [];
      const isStored = await this.host.write({ drop, conflicts, meta: { frozen }, requires });
      if (!isStored) {
        // Another tab has just undone something: look again at what there is.
        outbox.frozen = null;
        await this.host.reread();
        return this.freeze(isUrgent);
      }
      this.host.onStored(null);
    }
    if (!frozen && planned.drop.length) return this.freeze(isUrgent);
    return frozen;
  }

  private told(planned: Plan): Conflict[] {
    return planned.clashes.flatMap(({ entry, texts, replaced }) => [
      ...texts.map((clash) => this.conflicts.report("same_text", entry, { ...clash })),
      ...replaced.map((clash) => this.conflicts.report("replaced", entry, { ...clash })),
    ]);
  }

  private async settle(
    frozen: Frozen | null,
    act: (answers: Answers) => Outcome,
  ): Promise<Sent> {
    const { model, outbox, conflicts } = this;
    const outcome = model.change(() => act(new Answers(model, outbox, conflicts)));
    if (frozen) this.limit = 100;
    outbox.frozen = null;
    outbox.publish();
    await this.host.write({ ...outcome.write, meta: { frozen: null } });
    this.host.onStored(outcome);
    return { mustPull: outcome.mustPull, isBehind: outcome.isBehind };
  }

  /** Handles a request that is refused as a whole: it is never sent again as it is. */
  private async refused(frozen: Frozen, error: Refused): Promise<Sent> {
    const { operations } = frozen;
    const { status, code, message, fields } = error;
    if (status === 403 && code === "QUOTA_EXCEEDED" && frozen.key) {
      // No more answers can be stored. Ids and versions still prevent that anything happens twice.
      this.outbox.frozen = { ...frozen, key: "" };
      return { mustPull: false, isBehind: false };
    }
    const isTooLarge = status === 413 || code === "TOO_MANY_CHANGES";
    if (isTooLarge && operations.length > 1) {
      const outcome = await this.settle(frozen, (answers) => answers.nothing());
      this.limit = Math.ceil(operations.length / 2);
      return outcome;
    }
    if (status === 422) return this.settle(frozen, (answers) => answers.nothing());
    return this.settle(frozen, (answers) => {
      let outcome = answers.nothing();
      for (const [i, sent] of operations.entries()) {
        const own = fields.filter(({ path }) => new RegExp(`^body\\.operations\\.${i}(\\.|$)`).test(path));
        if (own.length === 0 && fields.length > 0) continue;
        const seqs = frozen.revives ? [frozen.revives] : frozen.entries[i]!;
        outcome = answers.refuse(sent, this.entriesOf(seqs), { status, code, message, fields: own });
      }
      return outcome;
    });
  }
}

function frozenOf(planned: Plan): Frozen | null {
  const { missing, operations, atomic } = planned;
  const key = newId();
  if (missing) {
    const { type, id, seq } = missing;
    const restore = { op: "restore" as const, type, id };
    return { key, atomic: false, operations: [restore], entries: [[]], revives: seq };
  }
  if (operations.length === 0) return null;
  return {
    key,
    atomic,
    operations: operations.map(({ sent }) => sent),
    entries: operations.map(({ entries }) => entries.map((entry) => entry.seq)),
  };
}
