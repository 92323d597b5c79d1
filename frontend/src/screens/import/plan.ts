/** What a file becomes: one shape for all formats, with ids that are the same for the same file. */
import { titled } from "../../parts/quickadd/understand";
import { fileNamespace, namedId } from "../../rules/namedids";
import type { Command, Task } from "../../store/types";

export interface Plan {
  commands: Command[];
  lists: number;
  sections: number;
  labels: number;
  tasks: number;
  completed: number;
  problems: Problem[];
}
export interface Problem {
  /** The line of the file, or the task's number in it. */
  at: number;
  what: "date" | "repeat" | "type" | "title" | "depth";
  text: string;
}

export interface Known {
  labels: readonly { id: string; name: string }[];
}

const NAME = 120;
const NOTES = 20_000;
export const DEEPEST = 5;

/** Ids are UUIDv5 of the file's hash and the place in it, so that importing twice adds nothing. */
export function planFor(content: Uint8Array, known: Known): Builder {
  const file = fileNamespace(content);
  const plan: Plan = { commands: [], lists: 0, sections: 0, labels: 0, tasks: 0, completed: 0, problems: [] };
  const labels = new Map(known.labels.map(({ id, name }) => [name.toLocaleLowerCase(), id]));
  const idOf = (place: string) => namedId(file, place);
  return {
    plan,
    list(place, name) {
      const id = idOf(`list ${place}`);
      plan.lists++;
      plan.commands.push({ do: "create", type: "list", data: { id, name: cut(oneLine(name), NAME) } });
      return id;
    },
    section(place, list_id, name) {
      const id = idOf(`section ${place}`);
      plan.sections++;
      plan.commands.push({ do: "create", type: "section", data: { id, list_id, name: cut(oneLine(name), NAME) } });
      return id;
    },
    label(name) {
      const key = name.toLocaleLowerCase();
      let id = labels.get(key);
      if (!id) {
        id = idOf(`label ${key}`);
        labels.set(key, id);
        plan.labels++;
        plan.commands.push({ do: "create", type: "label", data: { id, name: cut(oneLine(name), NAME) } });
      }
      return id;
    },
    task(place, data) {
      const id = idOf(`task ${place}`);
      plan.tasks++;
      if (data.is_completed) plan.completed++;
      // What does not fit into one line is kept whole, above the notes.
      const { title, description: whole } = titled(oneLine(data.title));
      const notes = [whole, data.description].filter(Boolean).join("\n\n");
      plan.commands.push({ do: "create", type: "task", data: { ...data, id, title, description: notes ? cut(notes, NOTES) : null } });
      return id;
    },
    problem(at, what, text) {
      plan.problems.push({ at, what, text });
    },
  };
}

export interface Builder {
  readonly plan: Plan;
  list(place: string, name: string): string;
  section(place: string, list: string, name: string): string;
  label(name: string): string;
  task(place: string, data: Partial<Task> & { title: string }): string;
  problem(at: number, what: Problem["what"], text: string): void;
}

function oneLine(text: string): string {
  return text.trim().replace(/\s*[\p{Cc}\p{Zl}\p{Zp}]+\s*/gu, " ");
}

function cut(text: string, most: number): string {
  return [...text.trim()].slice(0, most).join("");
}
