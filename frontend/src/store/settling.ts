/** What a person's answer to a conflict does. */
import { newId } from "../rules/ids";
import type { Fields } from "./entries";
import type { Model } from "./model";
import type { Choice, Command, Conflict, Kind, Task } from "./types";

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

/** Makes a resource anew, under another id, as far as what it names is still there. */
export function createAgain(type: Kind, old: Fields, model: Model, id: string): Command {
  const data: Fields = { id };
  for (const [field, value] of Object.entries(old)) {
    if (!READ_ONLY.has(field) && field !== "id" && value !== null) data[field] = value;
  }
  const named = [
    ["list_id", "list"],
    ["section_id", "section"],
    ["parent_id", "task"],
  ] as const;
  for (const [field, kind] of named) {
    if (data[field] && !model.shown[kind].has(data[field] as string)) delete data[field];
  }
  if (data.label_ids) {
    data.label_ids = (data.label_ids as string[]).filter((label) => model.shown.label.has(label));
  }
  if (old.is_completed && old.completed_at) data.completed_at = old.completed_at;
  return { do: "create", type, data } as Command;
}

/** Tasks that a restored server no longer has, as new tasks, parents before their subtasks. */
export function keptAgain(tasks: readonly Task[], model: Model): Command[] {
  const ids = new Map(tasks.map((task) => [task.id, newId()]));
  const level = (task: Task): number => {
    const parent = tasks.find((other) => other.id === task.parent_id);
    return parent ? level(parent) + 1 : 0;
  };
  const ordered = tasks.toSorted((a, b) => level(a) - level(b));
  return ordered.map((task) => {
    const command = createAgain("task", task as unknown as Fields, model, ids.get(task.id)!);
    const parent = task.parent_id && ids.get(task.parent_id);
    if (parent) (command as { data: Fields }).data.parent_id = parent;
    return command;
  });
}
