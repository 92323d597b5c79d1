/** The effects of a person's choice in a conflict. */
import { newId } from "../rules/ids";
import type { Row } from "./database";
import type { Fields } from "./entries";
import type { Model } from "./model";
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

/** Creates again the resources that a restored server has lost: parents before their subtasks. */
export function keptAgain(rows: readonly Row[], model: Model): Command[] {
  const ids = new Map(rows.map((row) => [row.id, newId()]));
  const byId = new Map(rows.map((row) => [row.id, row]));
  const level = ({ data }: Row): number => {
    const parent = byId.get((data as Task).parent_id ?? "");
    return parent ? level(parent) + 1 : 0;
  };
  const hasList = ({ list_id }: Section) => ids.has(list_id) || model.shown.list.has(list_id);
  const ordered = rows.toSorted((a, b) => level(a) - level(b));
  return ordered
    .filter(({ type, data }) => type !== "section" || hasList(data as Section))
    .map(({ type, id, data }) =>
      createAgain(type, data as unknown as Fields, model, ids.get(id)!, ids),
    );
}
