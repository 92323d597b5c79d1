/** The effects of a person's choice in a conflict. */
import { batch } from "@preact/signals-core";

import { newId } from "../rules/ids";
import { byPosition } from "../rules/order";
import type { Row, Write } from "./database";
import type { Entry, Fields, Resource } from "./entries";
import type { Core } from "./keeping";
import { lay } from "./lay";
import type { Model } from "./model";
import { candidates, isSibling, type Among } from "./places";
import type { Choice, Command, Conflict, Kind, Section, Task } from "./types";

export interface Settled {
  commands: Command[];
  /** Parked entries of the resource are tried again. */
  retry: boolean;
  /** Parked entries of the resource are given up. */
  discard: boolean;
}

export function settle(conflict: Conflict, choice: Choice, model: Model): Settled {
  const { type, id, field, mine, theirs } = conflict;
  const change = (data: Fields): Command => ({ do: "update", type, id, data });
  const commands: Command[] = [];
  if (choice === "use_other" && field) commands.push(change({ [field]: theirs }));
  if (choice === "keep_both" && field) {
    // The other text goes to the end of the notes, under a rule.
    const notes = String(model.task(id)?.description ?? "");
    const description = [notes, "---", String(theirs ?? "")].filter((part) => part !== "").join("\n\n");
    commands.push(change({ description }));
  }
  if (choice === "trash_again") commands.push({ do: "delete", type, id });
  if (choice === "create_again") commands.push(createAgain(type, mine as Fields, model, newId()));
  return { commands, retry: choice === "try_again", discard: choice === "discard" };
}

const READ_ONLY = new Set(
  (
    "user_id created_at updated_at version position trashed_at occurrence_of occurrence unsent " +
    "completed_at is_completed"
  ).split(" "),
);

const REFERENCES = [
  ["list_id", "list"],
  ["section_id", "section"],
  ["parent_id", "task"],
] as const;

/** Creates a resource again, with another id and without references to deleted resources. */
export function createAgain(
  type: Kind,
  old: Fields,
  model: Model,
  id: string,
  ids: ReadonlyMap<string, string> = new Map(),
): Command {
  const data: Fields = { id };
  for (const [field, value] of Object.entries(old)) {
    if (!READ_ONLY.has(field) && field !== "id" && value !== null) data[field] = value;
  }
  const present = (kind: Kind, named: unknown) => {
    const other = ids.get(named as string);
    return other ?? (model.shown[kind].has(named as string) ? named : undefined);
  };
  for (const [field, kind] of REFERENCES) {
    if (data[field]) data[field] = present(kind, data[field]);
    if (data[field] === undefined) delete data[field];
  }
  if (data.label_ids) {
    const labels = (data.label_ids as string[]).map((label) => present("label", label));
    data.label_ids = labels.filter((label) => label !== undefined);
  }
  if (old.is_completed && old.completed_at) data.completed_at = old.completed_at;
  return { do: "create", type, data } as Command;
}

/** What is known of resources that a restored server has lost, beside what it last sent. */
export interface Lost {
  rows: readonly Row[];
  /** The unsent changes of this device. */
  entries: readonly Entry[];
  /** What has been asked about them already. */
  conflicts: readonly Conflict[];
}

/** Keeps what a restored server no longer has, as new resources, or lets it go. Returns what to store. */
export function settleVanished(core: Core, rows: readonly Row[], keep: boolean, run: (commands: Command[]) => void): Write {
  const { model, outbox, conflicts } = core;
  // One answer is for everything about them: what is unsent, and what was asked before.
  const gone = rows.filter(({ type, id }) => !model.copy[type].has(id));
  const ids = new Set(gone.map(({ id }) => id));
  const told = conflicts.list.peek().filter(({ id }) => ids.has(id));
  const entries = outbox.entries.filter(({ id }) => ids.has(id));
  const commands = keep ? keptAgain({ rows: gone, entries, conflicts: told }, model) : [];
  batch(() => {
    for (const conflict of told) conflicts.remove(conflict);
    model.change(() => outbox.drop(entries));
    outbox.publish();
    if (commands.length) run(commands);
  });
  const drop = entries.map(({ seq }) => seq);
  return { drop, settled: told.map(({ key }) => key), meta: { vanished: null } };
}

/**
 * Creates again the resources that a restored server has lost: parents before their subtasks, with
 * what was changed here meanwhile, each after the sibling that it was after.
 */
function keptAgain({ rows, entries, conflicts }: Lost, model: Model): Command[] {
  const last = rows.flatMap(({ type, id, data }) => {
    const told = conflicts.find((one) => one.kind === "gone" && one.id === id);
    const overlays = entries.flatMap((entry) =>
      entry.effects.filter((effect) => effect.id === id).map((effect) => ({ entry, effect })),
    );
    const shown = lay({ ...data!, ...(told?.mine as Fields | undefined) }, overlays);
    return shown ? [{ type, id, data: shown }] : []; // else it was deleted here
  });
  const ids = new Map(last.map(({ id }) => [id, newId()]));
  const byId = new Map(last.map((row) => [row.id, row]));
  const level = ({ data }: { data: Resource }): number => {
    const parent = byId.get((data as Task).parent_id ?? "");
    return parent ? level(parent) + 1 : 0;
  };
  const hasList = ({ list_id }: Section) => ids.has(list_id) || model.shown.list.has(list_id);
  const ordered = last
    .filter(({ type, data }) => type !== "section" || hasList(data as Section))
    .toSorted((a, b) => level(a) - level(b) || byPosition(a.data, b.data));
  const made: { type: Kind; where: Fields; id: string; position: string }[] = [];
  return ordered.map(({ type, id, data }) => {
    const command = createAgain(type, data as unknown as Fields, model, ids.get(id)!, ids);
    const where: Fields = command.do === "create" ? { ...NOWHERE, ...(command.data as Fields) } : {};
    const isBeside = (other: (typeof made)[number]) =>
      other.type === type && REFERENCES.every(([field]) => other.where[field] === where[field]);
    const among: Among = { model, type, id: ids.get(id)!, where };
    const present = [...candidates(among)].filter((other) => isSibling(other, among));
    const siblings = [...present, ...made.filter(isBeside)];
    const before = siblings.filter(({ position }) => position < data.position).toSorted(byPosition);
    made.push({ type, where, id: ids.get(id)!, position: data.position });
    if (siblings.length) Object.assign((command as { data: Fields }).data, { after_id: before.at(-1)?.id ?? null });
    return command;
  });
}

const NOWHERE = { list_id: null, section_id: null, parent_id: null };
