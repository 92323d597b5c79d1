/** The rows of a list. */
import { batch, signal } from "@preact/signals-core";
import { afterEach, describe, expect, it } from "vitest";

import { makeRows, type Rows } from "../../../src/parts/treegrid/rows";
import type { Line, View } from "../../../src/store/types";

const opened: Rows[] = [];
afterEach(() => {
  for (const rows of opened.splice(0)) rows.dispose();
});

function lineOf(id: string): Line {
  return { type: "task", key: id, id, level: 1, children: 0, completedChildren: 0 };
}

function open(...ids: string[]) {
  const lines = signal<readonly Line[]>(ids.map(lineOf));
  const completed = signal<readonly string[]>([]);
  const has = (id: string) => lines.peek().some((line) => line.id === id);
  const view: View = { lines, completed, mistake: signal(null), has, dispose() {} };
  const folds = { read: () => new Set<string>(), write() {} };
  const rows = makeRows(view, () => false, false, folds);
  opened.push(rows);
  const complete = (id: string) =>
    batch(() => {
      rows.keep([id]);
      lines.value = lines.peek().filter((line) => line.id !== id);
      completed.value = [id, ...completed.peek()];
    });
  return { rows, lines, completed, complete, keys: () => rows.rows.value.map(({ key }) => key) };
}

describe("rows", () => {
  it("are the same array after a task is completed, so that only its own row is painted", () => {
    const { rows, complete } = open("a", "b", "c");
    const before = rows.rows.value;
    complete("b");
    expect(rows.rows.value).toBe(before);
    expect(["a", "b", "c"].filter(rows.isLingering)).toEqual(["b"]);
  });

  it("keep a completed task under its heading, wherever the row above has gone", () => {
    const { rows, lines, complete, keys } = open("daily", "plain", "later");
    const [daily, plain, later] = lines.peek();
    const head = (key: string): Line => ({ type: "heading", key, id: key, date: null, level: 1, count: 1 });
    lines.value = [head("today"), daily!, plain!, head("tomorrow"), later!];
    complete("plain");
    lines.value = [head("today"), head("tomorrow"), daily!, later!];
    expect(keys()).toEqual(["today", "plain", "tomorrow", "daily", "later"]);
    expect(rows.isLingering("plain")).toBe(true);
  });

  it("keep the subtasks of a completed task with it", () => {
    const { rows, lines } = open("parent", "child", "other");
    lines.value = lines.peek().map((line) => ({ ...line, level: line.id === "child" ? 2 : 1 }) as Line);
    batch(() => {
      rows.keep(["parent"]);
      lines.value = lines.peek().slice(2);
    });
    expect(rows.rows.value.map(({ key }) => key)).toEqual(["parent", "child", "other"]);
  });

  it("are another array once a task has come or gone", () => {
    const { rows, lines, keys } = open("a", "b");
    const before = rows.rows.value;
    lines.value = [...lines.peek(), lineOf("c")];
    expect(rows.rows.value).not.toBe(before);
    expect(keys()).toEqual(["a", "b", "c"]);
    lines.value = lines.peek().slice(1);
    expect(keys()).toEqual(["b", "c"]);
  });

  it("keep the objects of the completed tasks below, and of their heading", () => {
    const { rows, lines, completed } = open("a");
    completed.value = ["c"];
    rows.fold("completed", false);
    const [, heading, done] = rows.rows.value;
    expect([heading?.key, done?.key]).toEqual(["completed", "c"]);
    lines.value = [...lines.peek(), lineOf("b")];
    expect(rows.rows.value.slice(2)).toEqual([heading, done]);
    expect(rows.rows.value[2]).toBe(heading);
    expect(rows.rows.value[3]).toBe(done);
  });
});
