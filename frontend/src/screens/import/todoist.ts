/** A project of Todoist as CSV: tasks by their indent, sections, and notes below their task. */
import type { Draft } from "../../parts/quickadd/understand";
import { DEEPEST, planFor, type Known, type Plan } from "./plan";

/** Rows of cells; quotes may hold commas, quotes and line ends. The line of each row comes with it. */
export function parseCsv(text: string): { line: number; cells: string[] }[] {
  const rows: { line: number; cells: string[] }[] = [];
  let [cells, cell, quoted, line, start]: [string[], string, boolean, number, number] = [[], "", false, 1, 1];
  const source = text.replace(/^\uFEFF/, "");
  const end = () => {
    cells.push(cell);
    if (cells.some((each) => each.trim())) rows.push({ line: start, cells });
    [cells, cell] = [[], ""];
  };
  for (let i = 0; i < source.length; i++) {
    const char = source[i]!;
    if (char === "\n") line++;
    if (quoted) {
      if (char !== '"') cell += char;
      else if (source[i + 1] === '"') cell += source[i++];
      else quoted = false;
    } else if (char === '"') quoted = true;
    else if (char === ",") {
      cells.push(cell);
      cell = "";
    } else if (char === "\n") {
      end();
      start = line;
    } else if (char !== "\r") cell += char;
  }
  end();
  return rows;
}

const LABEL = /(?:^|\s)@([^\s@]+)/g;

export function readTodoist(
  content: Uint8Array,
  name: string,
  known: Known,
  understand: (text: string) => Draft | null,
): Plan {
  const build = planFor(content, known);
  const rows = parseCsv(new TextDecoder().decode(content));
  const head = (rows.shift()?.cells ?? []).map((cell) => cell.trim().toUpperCase());
  if (!head.includes("TYPE") || !head.includes("CONTENT")) throw new Error("not_todoist");
  const list = build.list("", name.replace(/\.csv$/i, "").replace(/\s*\[\d+\]$/, "") || "Todoist");
  let section: string | null = null;
  let parents: string[] = [];
  let lastTask: { command: { data: { description?: string | null } } } | null = null;
  for (const { line, cells } of rows) {
    const get = (column: string) => (cells[head.indexOf(column)] ?? "").trim();
    const type = get("TYPE").toLowerCase();
    const text = get("CONTENT");
    if (type === "section") {
      section = build.section(String(line), list, text || "–");
      parents = [];
      continue;
    }
    if (type === "note") {
      const data = lastTask?.command.data;
      if (data && text) data.description = [data.description, text].filter(Boolean).join("\n\n");
      continue;
    }
    if (type !== "task") {
      if (type && type !== "meta") build.problem(line, "type", type);
      continue;
    }
    const labels: string[] = [];
    for (const [, label] of text.matchAll(LABEL)) labels.push(build.label(label!));
    const title = text.replace(LABEL, "").trim();
    if (!title) {
      build.problem(line, "title", text);
      continue;
    }
    const indent = Math.max(1, Number(get("INDENT")) || 1);
    if (indent > DEEPEST) build.problem(line, "depth", title);
    const level = Math.min(indent, DEEPEST, parents.length + 1);
    const parent = parents[level - 2];
    const priority = Number(get("PRIORITY"));
    const date = get("DATE");
    const draft = date ? understand(`x ${date}`) : null;
    if (date && !draft?.due) build.problem(line, "date", date);
    const id = build.task(String(line), {
      title,
      description: get("DESCRIPTION") || null,
      ...(parent ? { parent_id: parent } : { list_id: list, section_id: section }),
      // Todoist's fourth priority is none.
      priority: priority >= 1 && priority <= 3 ? priority : null,
      ...(labels.length > 0 ? { label_ids: [...new Set(labels)] } : {}),
      ...(draft?.due ? { due: { ...draft.due, timezone: null } } : {}),
      ...(draft?.due && draft.recurrence ? { recurrence: draft.recurrence as never } : {}),
    });
    lastTask = { command: build.plan.commands.at(-1) as never };
    parents = [...parents.slice(0, level - 1), id];
  }
  return build.plan;
}
