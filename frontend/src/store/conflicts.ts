/** Conflicts, until the person has decided or seen them. */
import { signal } from "@preact/signals-core";

import type { Entry } from "./entries";
import type { Choice, Conflict } from "./types";

const CHOICES: Record<Conflict["kind"], readonly Choice[]> = {
  same_text: ["keep_mine", "use_other", "keep_both"],
  replaced: ["use_other", "dismiss"],
  trashed_elsewhere: ["trash_again", "dismiss"],
  gone: ["create_again", "discard"],
  refused: ["try_again", "discard"],
  moved_to: ["dismiss"],
};

const DAY = 86_400_000;

/** Whether a conflict waits for the person. That ours replaced a value is only shown beside it. */
export function needsYou(conflict: Conflict): boolean {
  return conflict.kind !== "replaced";
}

export class Conflicts {
  readonly list = signal<readonly Conflict[]>([]);

  constructor(
    private readonly nextNumber: () => number,
    private readonly now: () => number,
  ) {}

  /** Adds a conflict, or brings up to date the one of the same kind, resource and field. */
  report(
    kind: Conflict["kind"],
    entry: Pick<Entry, "type" | "id" | "name">,
    told: Partial<Pick<Conflict, "field" | "mine" | "theirs" | "message" | "choices">> = {},
  ): Conflict {
    const field = told.field ?? null;
    const old = this.list.peek().find(
      (other) => other.kind === kind && other.id === entry.id && other.field === field,
    );
    const conflict: Conflict = {
      key: old?.key ?? this.nextNumber(),
      kind,
      type: entry.type,
      id: entry.id,
      name: entry.name,
      field,
      mine: null,
      theirs: null,
      message: null,
      choices: CHOICES[kind],
      since: this.now(),
      ...told,
    };
    this.list.value = [...this.list.peek().filter((other) => other !== old), conflict];
    return conflict;
  }

  remove(conflict: Pick<Conflict, "key">): void {
    this.list.value = this.list.peek().filter((other) => other.key !== conflict.key);
  }

  /** Replaces the list by that of the database. Replaced values are shown for one day. */
  replace(conflicts: readonly Conflict[]): void {
    const since = this.now() - DAY;
    this.list.value = conflicts.filter((one) => needsYou(one) || (one.since ?? 0) > since);
  }
}
