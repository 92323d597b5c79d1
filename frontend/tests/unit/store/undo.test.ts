/** Undo, row by row of its table, before and after sending, against the real server. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";

import type { Command, Task } from "../../../src/store";
import { call, closeDevices, isSynced, openDevice, register, tasks, until, type Device } from "./device";
import { equal, everything, shown } from "./history";
import { startServer, type Server } from "./server";

let server: Server;
let desk: Device;
let ids: Record<string, string>;

beforeAll(async () => {
  server = await startServer();
}, 120_000);
beforeEach(async () => {
  desk = await openDevice(server.url, await register(server.url), "desk");
  const make = (command: Command) => desk.store.run(command).ids[0]!;
  const list = make({ do: "create", type: "list", data: { name: "Work" } });
  const section = make({ do: "create", type: "section", data: { list_id: list, name: "Doing" } });
  const label = make({ do: "create", type: "label", data: { name: "phone" } });
  const task = (title: string, more: Partial<Task> = {}) =>
    make({ do: "create", type: "task", data: { title, list_id: list, ...more } });
  const [first, second, third] = [task("first"), task("second", { label_ids: [label] }), task("third")];
  const child = task("child", { parent_id: second });
  const daily = task("daily", {
    due: { date: "2030-01-05", time: null, timezone: null },
    start: { date: "2030-01-04", time: null, timezone: null },
    recurrence: { rule: "FREQ=DAILY", anchor: "due" } as Task["recurrence"],
  });
  ids = { list, section, label, first, second, third, child, daily } as Record<string, string>;
  await settled();
});
afterEach(closeDevices);
afterAll(() => server.stop());

async function settled() {
  await until("all is sent", () => isSynced(desk.store));
  const truth = await everything(server.url, desk);
  await until("the copy is the server's", () => equal(shown(desk), truth)).catch(() => {
    expect(Object.fromEntries(shown(desk))).toEqual(Object.fromEntries(truth));
  });
}

/** What matters of a state: versions, times and provisional keys do not. */
function state(): Record<string, unknown> {
  const order = desk.store.view({ show: "list", id: ids.list! });
  const lines = order.lines.value.map((line) => ("id" in line ? line.id : line.key));
  order.dispose();
  const fields = tasks(desk.store).map((task) => [
    task.id,
    [task.title, task.is_completed, task.priority, task.due, task.start, task.label_ids, task.metadata],
    [task.list_id, task.section_id, task.parent_id, task.recurrence?.occurrence],
  ]);
  return { lines, tasks: Object.fromEntries(fields), lists: desk.store.lists.value.map(({ id }) => id) };
}

const cases: Record<string, () => Command[]> = {
  create: () => [{ do: "create", type: "task", data: { title: "new" } }],
  "trash a task": () => [{ do: "delete", type: "task", id: ids.second! }],
  "trash a list": () => [{ do: "delete", type: "list", id: ids.list! }],
  "change fields": () => [
    { do: "update", type: "task", id: ids.first!, data: { title: "x", priority: 1, due: { date: "2030-02-01" } } },
  ],
  "change labels": () => [{ do: "update", type: "task", id: ids.second!, data: { label_ids: [] } }],
  "change metadata": () => [{ do: "update", type: "task", id: ids.second!, data: { metadata: { a: 1 } } }],
  "complete with subtasks": () => [{ do: "complete", id: ids.second! }],
  "complete a recurring task": () => [{ do: "complete", id: ids.daily! }],
  skip: () => [{ do: "skip", id: ids.daily! }],
  "move among siblings": () => [{ do: "move", type: "task", id: ids.third!, to: { after_id: null } }],
  "move to a section": () => [{ do: "move", type: "task", id: ids.second!, to: { section_id: ids.section! } }],
  "move to the inbox": () => [{ do: "move", type: "task", id: ids.second!, to: { list_id: null } }],
  "move below another": () => [{ do: "move", type: "task", id: ids.first!, to: { parent_id: ids.second! } }],
  "move to the front of the inbox, by update": () => [
    { do: "update", type: "task", id: ids.first!, data: { list_id: null } },
  ],
  "several at once": () => [
    { do: "complete", id: ids.first! },
    { do: "delete", type: "task", id: ids.second! },
    { do: "update", type: "task", id: ids.third!, data: { priority: 3 } },
  ],
};

test.for(Object.keys(cases))("undoes at once, before it is sent: %s", async (name) => {
  const before = state();
  desk.trouble.offline = true;
  const done = desk.store.run(...cases[name]!());
  expect(state()).not.toEqual(before);
  expect(done.undo().left).toEqual([]);
  expect(state()).toEqual(before);
  desk.trouble.offline = false;
  desk.store.syncNow();
  await settled();
  expect(state()).toEqual(before);
});

test.for(Object.keys(cases))("undoes what was sent: %s", async (name) => {
  const before = state();
  const done = desk.store.run(...cases[name]!());
  await settled();
  expect(state()).not.toEqual(before);
  expect(done.undo().left).toEqual([]);
  if (name !== "skip") expect(state()).toMatchObject({ lists: before.lists as string[] });
  await settled();
  if (name === "create") expect(tasks(desk.store).some(({ title }) => title === "new")).toBe(false);
  expect(state()).toEqual(before);
});

test.for(["section", "label"] as const)("the deletion of a %s waits, and can be undone", async (type) => {
  const before = state();
  const done = desk.store.run({ do: "delete", type, id: ids[type]! });
  await done.stored;
  await desk.reopen();
  expect(state()).not.toEqual(before);
  expect(desk.trouble.log!.some(({ method }) => method === "POST")).toBe(false);
  expect(desk.store.status.value.unsent).toBe(1);
  const again = desk.store.run({ do: "update", type: "list", id: ids.list!, data: { name: "Other" } });
  await until("other changes are sent", () => desk.store.status.value.unsent === 1);
  again.undo();
  expect(await desk.store.flush(3000)).toBe(0);
  await settled();
});

test("a deletion that waits is undone without a request", async () => {
  const before = state();
  const done = desk.store.run({ do: "delete", type: "label", id: ids.label! });
  await done.stored;
  expect(done.undo().left).toEqual([]);
  await settled();
  expect(state()).toEqual(before);
  expect(desk.store.labels.value).toHaveLength(1);
});

test("a field that somebody has changed since is left alone, and told", async () => {
  const done = desk.store.run({ do: "update", type: "task", id: ids.first!, data: { title: "x", priority: 1 } });
  await settled();
  await call(server.url, desk.account, "PATCH", `/tasks/${ids.first}`, { title: "theirs" });
  await until("it arrives", () => desk.store.get("task", ids.first!).value?.title === "theirs");
  expect(done.undo().left).toEqual(["first"]);
  await settled();
  expect(desk.store.get("task", ids.first!).value).toMatchObject({ title: "theirs", priority: null });
});

test("several commands are one atomic request", async () => {
  desk.trouble.log!.length = 0;
  desk.store.run(...cases["several at once"]!());
  await settled();
  const posts = desk.trouble.log!.filter(({ method }) => method === "POST");
  expect(posts.map(({ body }) => body)).toMatchObject([{ atomic: true, operations: [{}, {}, {}] }]);
});

