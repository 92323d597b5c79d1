/** A server that was restored from a backup: nothing vanishes unasked. */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import type { Task } from "../../../src/store";
import { call, closeDevices, isSynced, openDevice, register, tasks, titled, until } from "./device";
import { everything, shown } from "./history";
import { startServer, type Server } from "./server";

let server: Server;

beforeAll(async () => {
  server = await startServer();
}, 120_000);
afterEach(closeDevices);
afterAll(() => server.stop());

async function restored() {
  const account = await register(server.url);
  const phone = await openDevice(server.url, account, "phone");
  const add = (title: string, more: Partial<Task> = {}) =>
    phone.store.run({ do: "create", type: "task", data: { title, ...more } }).ids[0]!;
  const kept = add("Before");
  await until("all is sent", () => isSynced(phone.store));
  const backup = `${account.user.id}.backup`;
  await server.duly("backup", backup);
  const [list] = phone.store.run({ do: "create", type: "list", data: { name: "New list" } }).ids;
  const parent = add("After", { list_id: list! });
  add("Below", { parent_id: parent });
  phone.store.run({ do: "update", type: "task", id: kept, data: { title: "Renamed after" } });
  await until("all is sent", () => isSynced(phone.store));
  phone.trouble.offline = true;
  phone.store.syncNow();
  await until("it is offline", () => phone.store.status.value.state === "offline");
  await server.duly("restore", backup, "--replace");
  add("Unsent");
  phone.store.run({ do: "update", type: "task", id: kept, data: { priority: 1 } });
  phone.trouble.offline = false;
  phone.store.syncNow();
  await until("it has noticed", () => phone.store.status.value.vanished.length === 2, 15_000);
  await until("what was unsent is sent", () => isSynced(phone.store));
  const titles = async () => {
    const { data } = await call(server.url, account, "GET", "/tasks?sort=title");
    return data.items.map(({ title }: Task) => title);
  };
  return { account, phone, titles };
}

test("what the server no longer has is kept as new tasks", { timeout: 60_000 }, async () => {
  const { phone, titles } = await restored();
  expect(await titles()).toEqual(["Before", "Unsent"]);
  expect(titled(phone.store, "Before")).toMatchObject({ priority: 1 });
  expect(phone.store.status.value).toMatchObject({ state: "needs_you", needsYou: 1 });
  await phone.reopen(); // the question survives the tab
  expect(phone.store.status.value.vanished.map(({ title }) => title).sort()).toEqual(["After", "Below"]);
  phone.store.settleVanished(true);
  await until("they are created again", () => titled(phone.store, "Below") !== undefined);
  await until("all is sent", () => isSynced(phone.store));
  expect(await titles()).toEqual(["After", "Before", "Below", "Unsent"]);
  expect(titled(phone.store, "Below")!.parent_id).toBe(titled(phone.store, "After")!.id);
  expect(titled(phone.store, "After")!.list_id).toBe(phone.store.lists.value[0]!.id);
  expect(phone.store.lists.value.map(({ name }) => name)).toEqual(["New list"]);
  expect(phone.store.status.value.vanished).toEqual([]);
  await until("the copy is the server's", () => tasks(phone.store).length === 4);
  expect(Object.fromEntries(shown(phone))).toEqual(Object.fromEntries(await everything(server.url, phone)));
});

test("or it is let go", { timeout: 60_000 }, async () => {
  const { phone, titles } = await restored();
  phone.store.settleVanished(false);
  expect(phone.store.status.value.vanished).toEqual([]);
  expect(await titles()).toEqual(["Before", "Unsent"]);
  await phone.reopen();
  expect(tasks(phone.store)).toHaveLength(2);
});

/** A task vanishes with an unsent change, between two that stay. */
async function edited() {
  const account = await register(server.url);
  const phone = await openDevice(server.url, account, "phone");
  const add = (title: string) =>
    phone.store.run({ do: "create", type: "task", data: { title } }).ids[0]!;
  const [first, last] = [add("First"), add("Last")];
  await until("all is sent", () => isSynced(phone.store));
  const backup = `${account.user.id}.backup`;
  await server.duly("backup", backup);
  const data = { title: "Between", after_id: first };
  const id = phone.store.run({ do: "create", type: "task", data }).ids[0]!;
  await until("all is sent", () => isSynced(phone.store));
  phone.trouble.offline = true;
  phone.store.run({ do: "update", type: "task", id, data: { priority: 2 } });
  await server.duly("restore", backup, "--replace");
  phone.trouble.offline = false;
  phone.store.syncNow();
  await until("it has noticed", () => phone.store.status.value.vanished.length === 1, 15_000);
  await until("it is asked about", () => phone.store.conflicts.value.length === 1, 15_000);
  const there = async () => {
    const page = await call(server.url, account, "GET", "/tasks?sort=position");
    return page.data.items.map(({ title, priority }: Task) => [title, priority]);
  };
  return { phone, id, last, there };
}

test("what was changed here is kept once, in its place", { timeout: 60_000 }, async () => {
  const { phone, there } = await edited();
  phone.store.settleVanished(true);
  expect(phone.store.conflicts.value).toEqual([]);
  await until("all is sent", () => isSynced(phone.store));
  expect(await there()).toEqual([["First", null], ["Between", 2], ["Last", null]]);
  await phone.reopen();
  expect(phone.store.conflicts.value).toEqual([]);
});

test("what is created again is not asked about again", { timeout: 60_000 }, async () => {
  const { phone, there } = await edited();
  phone.store.resolve(phone.store.conflicts.value[0]!, "create_again");
  await until("it is there", () => titled(phone.store, "Between") !== undefined);
  expect(phone.store.status.value.vanished).toEqual([]);
  await until("all is sent", () => isSynced(phone.store));
  expect((await there()).filter(([title]: [string]) => title === "Between")).toEqual([["Between", 2]]);
});

test("what is let go takes its changes along", { timeout: 60_000 }, async () => {
  const { phone, there } = await edited();
  phone.store.settleVanished(false);
  expect(phone.store.conflicts.value).toEqual([]);
  await until("all is sent", () => isSynced(phone.store));
  expect(await there()).toEqual([["First", null], ["Last", null]]);
});
