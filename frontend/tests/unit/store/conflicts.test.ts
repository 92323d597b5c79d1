/** The table of conflicts, row by row, against the real server. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";

import type { Conflict, Store, Task } from "../../../src/store";
import { call, closeDevices, isSynced, openDevice, register, tasks, until, type Device } from "./device";
import { startServer, type Server } from "./server";

let server: Server;
let phone: Device;
let id: string;

beforeAll(async () => {
  server = await startServer();
}, 120_000);
beforeEach(async () => {
  phone = await openDevice(server.url, await register(server.url), "phone");
  const task = { title: "Call May", description: "old" };
  [id] = phone.store.run({ do: "create", type: "task", data: task }).ids as [string];
  await settled();
});
afterEach(closeDevices);
afterAll(() => server.stop());

const settled = () => until("all is sent", () => isSynced(phone.store));
const elsewhere = (method: string, path: string, body?: unknown) =>
  call(server.url, phone.account, method, path, body);
const onServer = async () => (await elsewhere("GET", `/tasks/${id}`)).data as Task;
const change = (data: Record<string, unknown>) =>
  phone.store.run({ do: "update", type: "task", id, data });
const told = (store: Store) => store.conflicts.value.map(({ kind, field }) => [kind, field]);

/** Changes something here while the phone is offline, and something else on the server. */
async function apart(here: () => void, there: () => Promise<unknown>): Promise<void> {
  phone.trouble.offline = true;
  phone.store.syncNow();
  await until("it is offline", () => phone.store.status.value.state === "offline");
  here();
  await there();
  phone.trouble.offline = false;
  phone.store.syncNow();
  await settled();
}

async function only(kind: Conflict["kind"]): Promise<Conflict> {
  await until("there is a conflict", () => phone.store.conflicts.value.length > 0);
  expect(phone.store.conflicts.value).toHaveLength(1);
  const [conflict] = phone.store.conflicts.value;
  expect(conflict!.kind).toBe(kind);
  return conflict!;
}

test("different fields: both stay, silently", async () => {
  await apart(
    () => change({ priority: 1 }),
    () => elsewhere("PATCH", `/tasks/${id}`, { title: "Call April" }),
  );
  expect(await onServer()).toMatchObject({ title: "Call April", priority: 1 });
  expect(told(phone.store)).toEqual([]);
});

test("a small field: the last one wins, and the other can be restored", async () => {
  await apart(
    () => change({ priority: 1 }),
    () => elsewhere("PATCH", `/tasks/${id}`, { priority: 4 }),
  );
  expect(await onServer()).toMatchObject({ priority: 1 });
  const conflict = await only("replaced");
  expect(conflict).toMatchObject({ field: "priority", mine: 1, theirs: 4 });
  expect(phone.store.status.value.needsYou).toBe(0);
  phone.store.resolve(conflict, "use_other");
  await settled();
  expect(await onServer()).toMatchObject({ priority: 4 });
});

test.for([
  ["keep_mine", { description: "mine" }],
  ["use_other", { description: "theirs" }],
  ["keep_both", { description: "mine\n\n---\n\ntheirs" }],
] as const)("the same text: %s", async ([choice, result]) => {
  await apart(
    () => change({ description: "mine" }),
    () => elsewhere("PATCH", `/tasks/${id}`, { description: "theirs" }),
  );
  expect(await onServer()).toMatchObject({ description: "mine" });
  const conflict = await only("same_text");
  expect(conflict).toMatchObject({ field: "description", mine: "mine", theirs: "theirs" });
  expect(phone.store.status.value).toMatchObject({ state: "needs_you", needsYou: 1 });
  phone.store.resolve(conflict, choice);
  await settled();
  expect(await onServer()).toMatchObject(result);
  expect(told(phone.store)).toEqual([]);
});

test("edited here, trashed there: restored, then edited; it can be trashed again", async () => {
  await apart(
    () => change({ title: "Call June" }),
    () => elsewhere("DELETE", `/tasks/${id}`),
  );
  expect(await onServer()).toMatchObject({ title: "Call June", trashed_at: null });
  const conflict = await only("trashed_elsewhere");
  expect(tasks(phone.store)).toHaveLength(1);
  phone.store.resolve(conflict, "trash_again");
  await settled();
  expect((await elsewhere("GET", `/tasks/${id}`)).status).toBe(404);
});

test.for(["create_again", "discard"] as const)("edited here, deleted permanently there: %s", async (choice) => {
  await apart(
    () => change({ description: "much work" }),
    () => elsewhere("DELETE", `/tasks/${id}?permanent=true`),
  );
  const conflict = await only("gone");
  expect(conflict.mine).toMatchObject({ description: "much work" });
  phone.store.resolve(conflict, choice);
  await settled();
  const { data } = await elsewhere("GET", "/tasks");
  expect(data.items.map((task: Task) => [task.id === id, task.description])).toEqual(
    choice === "discard" ? [] : [[false, "much work"]],
  );
});

test("completed here, trashed there: it stays in the trash", async () => {
  await apart(
    () => phone.store.run({ do: "complete", id }),
    () => elsewhere("DELETE", `/tasks/${id}`),
  );
  expect(tasks(phone.store)).toEqual([]);
  expect(told(phone.store)).toEqual([]);
});

test("trashed here, edited there: the edit wins", async () => {
  await apart(
    () => phone.store.run({ do: "delete", type: "task", id }),
    () => elsewhere("PATCH", `/tasks/${id}`, { title: "Important" }),
  );
  await until("it is shown again", () => tasks(phone.store).length === 1);
  expect(await onServer()).toMatchObject({ title: "Important", trashed_at: null });
});

test("its list is gone: it goes to the inbox", async () => {
  const list = (await elsewhere("POST", "/lists", { name: "Work" })).data.id;
  await until("the list arrives", () => phone.store.lists.value.length === 1);
  await apart(
    () => {
      phone.store.run({ do: "create", type: "task", data: { title: "New", list_id: list } });
      phone.store.run({ do: "move", type: "task", id, to: { list_id: list } });
    },
    () => elsewhere("DELETE", `/lists/${list}`),
  );
  const { data } = await elsewhere("GET", "/tasks?sort=title");
  const places = data.items.map((task: Task) => [task.title, task.list_id]);
  expect(places).toEqual([
    ["Call May", null],
    ["New", null],
  ]);
  expect(new Set(told(phone.store).map(([kind]) => kind))).toEqual(new Set(["moved_to"]));
});

test("its parent is gone: it goes to the parent's list", async () => {
  const list = (await elsewhere("POST", "/lists", { name: "Work" })).data.id;
  const parent = (await elsewhere("POST", "/tasks", { title: "Parent", list_id: list })).data.id;
  await until("the parent arrives", () => tasks(phone.store).length === 2);
  await apart(
    () => phone.store.run({ do: "create", type: "task", data: { title: "Child", parent_id: parent } }),
    () => elsewhere("DELETE", `/tasks/${parent}`),
  );
  const { data } = await elsewhere("GET", `/tasks?list_id=${list}`);
  expect(data.items.map((task: Task) => [task.title, task.parent_id])).toEqual([["Child", null]]);
});

test("its label is gone: the others stay", async () => {
  const label = async (name: string) => (await elsewhere("POST", "/labels", { name })).data.id;
  const [kept, gone] = [await label("kept"), await label("gone")];
  await until("the labels arrive", () => phone.store.labels.value.length === 2);
  await apart(
    () => change({ label_ids: [kept, gone] }),
    () => elsewhere("DELETE", `/labels/${gone}`),
  );
  expect(await onServer()).toMatchObject({ label_ids: [kept] });
});

test("rejected: parked with the server's message, and the rest goes on", async () => {
  change({ title: "x".repeat(300) });
  phone.store.run({ do: "create", type: "task", data: { title: "Another" } });
  const conflict = await only("refused");
  expect(conflict.message).toMatch(/255/);
  await settled();
  expect(tasks(phone.store)).toHaveLength(2);
  expect((await elsewhere("GET", "/tasks")).data.items).toHaveLength(2);
  expect(phone.store.status.value.state).toBe("needs_you");
  phone.store.resolve(conflict, "discard");
  await until("it is as it was", () => phone.store.get("task", id).value?.title === "Call May");
});

test("a label of the same name was made elsewhere: it is taken instead", async () => {
  let label = "";
  await apart(
    () => {
      [label] = phone.store.run({ do: "create", type: "label", data: { name: "Phone" } }).ids as [string];
      change({ label_ids: [label] });
    },
    () => elsewhere("POST", "/labels", { name: "phone" }),
  );
  const { data } = await elsewhere("GET", "/labels");
  expect(data.items).toHaveLength(1);
  expect(await onServer()).toMatchObject({ label_ids: [data.items[0].id] });
  await until("one label is left", () => phone.store.labels.value.length === 1);
});

test("the neighbour of a move is gone: after the nearest earlier one", async () => {
  const { ids } = phone.store.run(
    { do: "create", type: "task", data: { title: "b" } },
    { do: "create", type: "task", data: { title: "c" } },
    { do: "create", type: "task", data: { title: "d" } },
  );
  await settled();
  await apart(
    () => phone.store.run({ do: "move", type: "task", id: ids[2]!, to: { after_id: ids[0]! } }),
    () => elsewhere("DELETE", `/tasks/${ids[0]}`),
  );
  const { data } = await elsewhere("GET", "/tasks?sort=position");
  expect(data.items.map(({ title }: Task) => title)).toEqual(["Call May", "d", "c"]);
});

test("two devices complete the same occurrence once", async () => {
  change({ due: { date: "2030-01-01" }, recurrence: { rule: "FREQ=DAILY" } });
  await settled();
  await apart(
    () => phone.store.run({ do: "complete", id }),
    () => elsewhere("POST", `/tasks/${id}/complete`, { occurrence: "2030-01-01" }),
  );
  await until("the date arrives", () => phone.store.get("task", id).value?.due?.date === "2030-01-02");
  expect(await onServer()).toMatchObject({ due: { date: "2030-01-02" }, is_completed: false });
  const { data } = await elsewhere("GET", "/tasks?is_completed=true");
  expect(data.items).toHaveLength(1);
});

test("two moves that exclude each other: the first one stands", async () => {
  const [other] = phone.store.run({ do: "create", type: "task", data: { title: "Other" } }).ids;
  await settled();
  await apart(
    () => phone.store.run({ do: "move", type: "task", id, to: { parent_id: other! } }),
    () => elsewhere("POST", `/tasks/${other}/move`, { parent_id: id }),
  );
  expect(await onServer()).toMatchObject({ parent_id: null });
  await until("it is shown there", () => phone.store.get("task", other!).value?.parent_id === id);
  expect(phone.store.get("task", id).value).toMatchObject({ parent_id: null, unsent: false });
  expect(told(phone.store)).toEqual([["moved_to", null]]);
});

test("the same text, changed there while it was typed here: the person decides", async () => {
  const base = phone.store.get("task", id).value!;
  await elsewhere("PATCH", `/tasks/${id}`, { description: "theirs" });
  await until("it has arrived", () => phone.store.get("task", id).value!.description === "theirs");
  phone.store.run({ do: "update", type: "task", id, data: { description: "mi" }, base });
  phone.store.run({ do: "update", type: "task", id, data: { description: "mine" }, base: { ...base, description: "mi" } });
  await settled();
  expect(await onServer()).toMatchObject({ description: "mine" });
  expect(await only("same_text")).toMatchObject({ field: "description", theirs: "theirs" });
});

test("texts that are stored while they are typed are no conflict with themselves", async () => {
  const base = phone.store.get("task", id).value!;
  for (const [before, after] of [["old", "a"], ["a", "ab"], ["ab", "abc"]]) {
    phone.store.run({ do: "update", type: "task", id, data: { description: after }, base: { ...base, description: before } });
    if (after !== "ab") await settled();
  }
  await settled();
  expect(await onServer()).toMatchObject({ description: "abc" });
  expect(told(phone.store)).toEqual([]);
});

test("trashed there while a text was typed here: restored, then edited", async () => {
  const base = phone.store.get("task", id).value!;
  await elsewhere("DELETE", `/tasks/${id}`);
  await until("it is gone", () => tasks(phone.store).length === 0);
  phone.store.run({ do: "update", type: "task", id, data: { description: "long notes" }, base });
  await until("it is back", () => tasks(phone.store).length === 1);
  await settled();
  expect(await onServer()).toMatchObject({ description: "long notes", trashed_at: null });
  await only("trashed_elsewhere");
});
