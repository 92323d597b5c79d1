/** Views, counters and memory, without a server: the copy is put in by hand. */
import { expect, test } from "vitest";

import { effect, signal } from "../../../node_modules/@preact/signals-core/dist/signals-core.mjs";

import type { Line, List, Section, Task, User } from "../../../src/store";
import { Model } from "../../../src/store/model";
import { Reading } from "../../../src/store/reading";

const NOW = new Date("2026-11-27T12:00:00Z"); // a Friday

function task(id: string, fields: Partial<Task> = {}): Task {
  return {
    id,
    user_id: "u",
    title: id,
    description: null,
    is_completed: false,
    completed_at: null,
    trashed_at: null,
    list_id: null,
    section_id: null,
    parent_id: null,
    position: `g${id}`,
    priority: null,
    start: null,
    due: null,
    duration_minutes: null,
    recurrence: null,
    occurrence_of: null,
    occurrence: null,
    label_ids: [],
    metadata: {},
    created_at: "2026-11-01T00:00:00Z",
    updated_at: "2026-11-01T00:00:00Z",
    version: 1,
    ...fields,
  };
}

const due = (date: string, time: string | null = null) => ({ date, time, timezone: null });

function world(...tasks: Task[]) {
  const model = new Model();
  const user = signal({ id: "u", timezone: "Europe/Berlin", week_start: 1 } as User);
  const reading = new Reading(model, user, () => NOW);
  const put = (...more: Task[]) =>
    model.change(() => {
      for (const one of more) model.put("task", one.id, one);
    });
  const list = (id: string, fields: Partial<List> = {}) =>
    model.change(() => {
      const data = { id, name: id, position: `g${id}`, is_archived: false, version: 1, ...fields };
      model.put("list", id, data as List, true);
    });
  const section = (id: string, list_id: string) =>
    model.change(() => {
      const data = { id, name: id, list_id, position: `g${id}`, version: 1 };
      model.put("section", id, data as Section);
    });
  put(...tasks);
  let version = 1;
  const change = (id: string, fields: Partial<Task>) =>
    put({ ...(model.copy.task.get(id) as Task), ...fields, version: ++version });
  return { model, reading, put, change, list, section };
}

function text(lines: readonly Line[]): string[] {
  return lines.map((line) => {
    if (line.type === "heading") return `# ${line.key} ${line.count}`;
    if (line.type === "section") return `/ ${line.id} ${line.count}`;
    const children = line.children ? ` ${line.completedChildren}/${line.children}` : "";
    return `${"-".repeat(line.level)} ${line.id}${children}`;
  });
}

test("a list in manual order, with sections and subtasks", () => {
  const { reading, change, list, section, put } = world();
  list("l");
  section("s2", "l");
  section("s1", "l");
  put(
    task("b", { list_id: "l" }),
    task("a", { list_id: "l" }),
    task("a1", { list_id: "l", parent_id: "a" }),
    task("a2", { list_id: "l", parent_id: "a1" }),
    task("c", { list_id: "l", section_id: "s1" }),
    task("x"),
  );
  const view = reading.view({ show: "list", id: "l" }, "position");
  const before = ["- a 0/1", "-- a1 0/1", "--- a2", "- b", "/ s1 1", "- c", "/ s2 0"];
  expect(text(view.lines.value)).toEqual(before);
  change("b", { position: "a0" });
  expect(text(view.lines.value).slice(0, 2)).toEqual(["- b", "- a 0/1"]);
  change("a1", { is_completed: true, completed_at: "2026-11-27T10:00:00Z" });
  expect(text(view.lines.value)).toEqual(["- b", "- a 1/1", "- a2", "/ s1 1", "- c", "/ s2 0"]);
  expect(view.completed.value).toEqual(["a1"]);
  change("c", { section_id: null });
  expect(text(view.lines.value).at(-2)).toBe("/ s1 0");
});

test("a line keeps its object as long as nothing in it changes", () => {
  const { reading, change } = world(task("a"), task("b"), task("c"));
  const view = reading.view({ show: "inbox" }, "position");
  const [first] = view.lines.value;
  change("c", { title: "other" });
  const second = view.lines.value;
  change("b", { is_completed: true, completed_at: "2026-11-27T10:00:00Z" });
  expect(view.lines.value).not.toBe(second);
  expect(view.lines.value[0]).toBe(first);
});

test("today: overdue first, then by time, whole days last", () => {
  const { reading, change } = world(
    task("late", { due: due("2026-11-25") }),
    task("day", { due: due("2026-11-27") }),
    task("noon", { due: due("2026-11-27", "12:00") }),
    task("nine", { due: due("2026-11-27", "09:00") }),
    task("tokyo", { due: { date: "2026-11-28", time: "05:00", timezone: "Asia/Tokyo" } }),
    task("tomorrow", { due: due("2026-11-28") }),
    task("done", { is_completed: true, completed_at: "2026-11-27T08:00:00Z" }),
    task("before", { is_completed: true, completed_at: "2026-11-26T08:00:00Z" }),
  );
  const view = reading.view({ show: "today" }, "position");
  expect(text(view.lines.value)).toEqual([
    "# overdue 1",
    "- late",
    "# today 4",
    "- nine",
    "- noon",
    "- tokyo",
    "- day",
  ]);
  expect(view.completed.value).toEqual(["done"]);
  expect(reading.counts.value).toMatchObject({ today: 4, overdue: 1 });
  change("late", { due: due("2026-11-27") });
  expect(text(view.lines.value)[0]).toBe("# today 5");
  expect(reading.counts.value).toMatchObject({ today: 5, overdue: 0 });
});

test("upcoming: two weeks of days, then weeks, then months", () => {
  const { reading } = world(
    task("a", { due: due("2026-11-27") }),
    task("b", { due: due("2026-12-10") }),
    task("c", { due: due("2026-12-11") }),
    task("d", { due: due("2026-12-15") }),
    task("e", { due: due("2027-03-05") }),
    task("f", { due: due("2026-11-26") }),
  );
  const lines = text(reading.view({ show: "upcoming" }, "position").lines.value);
  expect(lines.filter((line) => !line.endsWith(" 0"))).toEqual([
    "# day:2026-11-27 1",
    "- a",
    "# day:2026-12-10 1",
    "- b",
    "# week:2026-12-07 1",
    "- c",
    "# week:2026-12-14 1",
    "- d",
    "# month:2027-03 1",
    "- e",
  ]);
});

test("upcoming: each of fourteen days has a heading, unless nothing is planned at all", () => {
  const { reading, put, change } = world();
  const view = reading.view({ show: "upcoming" }, "position");
  expect(view.lines.value).toEqual([]);
  put(task("a", { due: due("2026-11-29") }));
  expect(text(view.lines.value).slice(0, 5)).toEqual([
    "# day:2026-11-27 0",
    "# day:2026-11-28 0",
    "# day:2026-11-29 1",
    "- a",
    "# day:2026-11-30 0",
  ]);
  expect(text(view.lines.value).at(-1)).toBe("# day:2026-12-10 0");
  change("a", { due: due("2027-03-05") });
  expect(view.lines.value.filter((line) => line.type === "heading" && line.count === 0)).toHaveLength(14);
});

test("counters follow, and leave out archived lists by day", () => {
  const one = world(task("a", { list_id: "l", due: due("2026-11-27") }), task("b"));
  one.list("l");
  expect(one.reading.counts.value).toMatchObject({ inbox: 1, today: 1, lists: new Map([["l", 1]]) });
  one.list("l", { is_archived: true });
  expect(one.reading.counts.value).toMatchObject({ inbox: 1, today: 0, lists: new Map([["l", 1]]) });
  one.change("a", { is_completed: true, completed_at: "2026-11-27T08:00:00Z" });
  expect(one.reading.counts.value).toMatchObject({ inbox: 1, today: 0, lists: new Map() });
});

test.for([
  ["due", ["c", "b", "a"]],
  ["priority", ["b", "c", "a"]],
  ["title", ["a", "c", "b"]],
  ["created_at", ["b", "a", "c"]],
] as const)("sorts by %s", ([sorting, order]) => {
  const { reading } = world(
    task("a", { title: "alpha", created_at: "2026-11-02T00:00:00Z" }),
    task("b", { title: "Gamma", due: due("2026-12-02"), priority: 1, created_at: "2026-11-03T00:00:00Z" }),
    task("c", { title: "beta", due: due("2026-12-01"), priority: 2 }),
  );
  const lines = reading.view({ show: "inbox" }, sorting).lines.value;
  expect(lines.map((line) => line.type === "task" && line.id)).toEqual(order);
});

test("a filter's view follows tasks and names, and tells a mistake", async () => {
  const { reading, change, list } = world(task("a", { list_id: "l" }), task("b", { priority: 1 }));
  list("l", { name: "Work" });
  const view = reading.view({ show: "filter", query: "#Work | p1" }, "position");
  await import("../../../src/rules/filter");
  await new Promise((done) => setTimeout(done, 10));
  expect(text(view.lines.value)).toEqual(["- b", "- a"]);
  change("b", { priority: null });
  expect(text(view.lines.value)).toEqual(["- a"]);
  list("l", { name: "Home" });
  expect(text(view.lines.value)).toEqual([]);
  const wrong = reading.view({ show: "filter", query: "p1 p2" }, "position");
  expect(wrong.mistake.value).toMatchObject({ position: 3 });
});

test("a search finds words by their beginning, and completed tasks if asked", async () => {
  const { reading } = world(
    task("a", { title: "Café au lait" }),
    task("b", { title: "Cafeteria", is_completed: true, completed_at: "2026-11-27T08:00:00Z" }),
  );
  const view = reading.view({ show: "search", text: "cafe", includeCompleted: false }, "position");
  await import("../../../src/rules/search");
  await new Promise((done) => setTimeout(done, 10));
  expect([text(view.lines.value), view.completed.value]).toEqual([["- a"], []]);
  const all = reading.view({ show: "search", text: "cafe", includeCompleted: true }, "position");
  expect(all.completed.value).toEqual(["b"]);
});

test("subtasks of a task, to all levels", () => {
  const { reading, change } = world(
    task("a"),
    task("b", { parent_id: "a" }),
    task("c", { parent_id: "b" }),
    task("d"),
  );
  const view = reading.view({ show: "subtasks", id: "a" }, "position");
  expect(text(view.lines.value)).toEqual(["- b 0/1", "-- c"]);
  change("b", { parent_id: "d" });
  expect(text(view.lines.value)).toEqual([]);
  change("b", { parent_id: "a" });
  expect(text(view.lines.value)).toEqual(["- b 0/1", "-- c"]);
});

test("after random changes, views and counters equal new ones", () => {
  const { reading, put, list, section, model } = world();
  list("l");
  section("s", "l");
  let state = 7;
  const below = (limit: number) => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.floor((state / 2147483648) * limit);
  };
  const queries = [
    { show: "inbox" },
    { show: "list", id: "l" },
    { show: "today" },
    { show: "upcoming" },
    { show: "subtasks", id: "t1" },
  ] as const;
  const views = queries.map((query) => reading.view(query, "position"));
  // On a screen, each change of the lines is seen.
  const unseen = views.map((view) => effect(() => void view.lines.value));
  for (let version = 2; version < 1500; version++) {
    const id = `t${below(40)}`;
    const isCompleted = below(4) === 0;
    const parent = below(3) === 0 ? `t${below(10)}` : null;
    if (below(12) === 0) model.change(() => model.put("task", id, null));
    else {
      put(
        task(id, {
          version,
          list_id: below(2) ? "l" : null,
          section_id: below(3) ? null : "s",
          parent_id: parent !== id && !isAbove(model, id, parent) ? parent : null,
          position: `g${below(30)}`,
          due: below(2) ? due(`2026-11-${20 + below(10)}`) : null,
          is_completed: isCompleted,
          completed_at: isCompleted ? `2026-11-27T0${below(9)}:00:00Z` : null,
        }),
      );
    }
    if (version % 50) continue;
    const fresh = queries.map((query) => reading.view(query, "position"));
    expect(views.map((view) => text(view.lines.value))).toEqual(fresh.map((view) => text(view.lines.value)));
    expect(views.map((view) => view.completed.value)).toEqual(fresh.map((view) => view.completed.value));
    const counts = reading.counts.value;
    reading.tick(true);
    expect(counts).toEqual(reading.counts.value);
    for (const view of fresh) view.dispose();
  }
  for (const stop of unseen) stop();
});

test("the lines of a view are other ones only if one of them says something else", () => {
  const { reading, change } = world(task("a"), task("b"), task("c"));
  const view = reading.view({ show: "inbox" }, "position");
  const before = view.lines.value;
  change("b", { title: "B" });
  expect(view.lines.value).toBe(before);
  change("a", { position: "gbb" });
  expect(text(view.lines.value)).toEqual(["- b", "- a", "- c"]);
  expect(new Set(view.lines.value)).toEqual(new Set(before));
  expect(["a", "x"].map((id) => view.has(id))).toEqual([true, false]);
});

function isAbove(model: Model, id: string, parent: string | null): boolean {
  for (let up = model.task(parent), level = 0; up && level < 50; up = model.task(up.parent_id), level++) {
    if (up.id === id) return true;
  }
  return false;
}
