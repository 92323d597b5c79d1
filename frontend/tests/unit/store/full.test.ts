/** A device without room: what is changed there is sent from memory, and stored once there is room. */
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";

import type { Database } from "../../../src/store/database";
import type { DulyStore } from "../../../src/store/store";
import type { Store } from "../../../src/store";
import { call, closeDevices, isSynced, openDevice, register, tasks, titled, until } from "./device";
import { equal, everything, shown } from "./history";
import { startServer, type Server } from "./server";

// What has no room is tried again every two seconds.
vi.setConfig({ testTimeout: 20_000 });
let server: Server;

beforeAll(async () => {
  server = await startServer();
}, 120_000);
afterEach(async () => {
  vi.unstubAllGlobals();
  await closeDevices();
});
afterAll(() => server.stop());

const databaseOf = (store: Store) => (store as DulyStore).core.database;

/** Takes the room away, and returns what gives it back. */
function fill(store: Store): () => void {
  const { stored } = databaseOf(store) as unknown as { stored: Database };
  const write = stored.write.bind(stored);
  stored.write = async (given) => {
    // The conditions are read, and hold or do not, before the transaction finds no room.
    if (!(await write({ leader: given.leader, requires: given.requires, unsent: given.unsent }))) return false;
    throw new DOMException("full", "QuotaExceededError");
  };
  return () => (stored.write = write);
}

async function phoneWith(...titles: string[]) {
  const account = await register(server.url);
  for (const title of titles) await call(server.url, account, "POST", "/tasks", { title });
  const phone = await openDevice(server.url, account, "phone");
  await until("all are there", () => isSynced(phone.store) && tasks(phone.store).length === titles.length);
  const there = async () => ((await call(server.url, account, "GET", "/tasks?limit=100")).data.items as { title: string }[]).map(({ title }) => title).sort();
  return { account, phone, there };
}

test("without a connection, an edit stays in memory, and is stored once there is room", async () => {
  const { phone } = await phoneWith("before");
  phone.trouble.offline = true;
  phone.store.syncNow();
  await until("it is offline", () => phone.store.status.value.state === "offline");
  const free = fill(phone.store);
  const done = phone.store.run({ do: "create", type: "task", data: { title: "kept" } });
  await expect(done.stored).rejects.toThrow("room");
  expect(phone.store.status.value).toMatchObject({ stored: false, unsent: 1 });
  free();
  await until("it is stored", () => phone.store.status.value.stored);
  await phone.reopen();
  expect(titled(phone.store, "kept")).toBeDefined();
});

test("with a connection, edits are sent and others' changes arrive, all from memory", async () => {
  const { account, phone, there } = await phoneWith("before");
  const free = fill(phone.store);
  phone.store.run({ do: "create", type: "task", data: { title: "made" } });
  phone.store.run({ do: "update", type: "task", id: titled(phone.store, "before")!.id, data: { title: "renamed" } });
  await until("both are sent", () => isSynced(phone.store));
  expect(await there()).toEqual(["made", "renamed"]);
  await call(server.url, account, "POST", "/tasks", { title: "from elsewhere" });
  await until("it arrives", () => titled(phone.store, "from elsewhere") !== undefined);
  expect(phone.store.status.value.stored).toBe(false);
  free();
  await until("all is stored", () => phone.store.status.value.stored);
  await phone.reopen();
  expect(tasks(phone.store).map(({ title }) => title).sort()).toEqual(["from elsewhere", "made", "renamed"]);
  await until("it is synced", () => isSynced(phone.store));
  expect(phone.trouble.log!.filter(({ method }) => method === "POST")).toEqual([]);
  expect(equal(shown(phone), await everything(server.url, phone))).toBe(true);
});

test("a request whose response is lost is repeated with its key, and nothing is done twice", async () => {
  const { phone, there } = await phoneWith();
  fill(phone.store);
  let lost = 0;
  phone.trouble.loses = (method) => method === "POST" && lost++ === 0;
  phone.store.run({ do: "create", type: "task", data: { title: "once" } });
  await until("it is sent", () => isSynced(phone.store));
  const keys = phone.trouble.log!.filter(({ method }) => method === "POST").map(({ key }) => key);
  expect(keys).toHaveLength(2);
  expect(keys[0]).toBe(keys[1]);
  expect(await there()).toEqual(["once"]);
});

test("news of another tab does not drop what is in memory only", async () => {
  const { phone } = await phoneWith("before");
  phone.trouble.offline = true;
  fill(phone.store);
  await phone.store.run({ do: "create", type: "task", data: { title: "in memory" } }).stored.catch(() => {});
  await (phone.store as DulyStore).keeping.reread([]);
  expect(titled(phone.store, "in memory")).toMatchObject({ unsent: true });
  await (phone.store as DulyStore).keeping.reload();
  expect(tasks(phone.store).map(({ title }) => title).sort()).toEqual(["before", "in memory"]);
});

test("an edit that is undone before there is room does not return", async () => {
  const { phone, there } = await phoneWith();
  phone.trouble.offline = true;
  const free = fill(phone.store);
  const done = phone.store.run({ do: "create", type: "task", data: { title: "undone" } });
  await done.stored.catch(() => {});
  done.undo();
  free();
  await until("all is stored", () => phone.store.status.value.stored);
  phone.trouble.offline = false;
  await phone.reopen();
  await until("it is synced", () => isSynced(phone.store));
  expect(tasks(phone.store)).toEqual([]);
  expect(await there()).toEqual([]);
});

test("a newer version that takes the database is told, and gets what was changed after that", async () => {
  const kept = new Map<string, string>();
  vi.stubGlobal("sessionStorage", {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => kept.set(name, value),
    removeItem: (name: string) => kept.delete(name),
  });
  const { account, phone, there } = await phoneWith("before");
  const name = `phone-${account.user.id}`;
  const newer = await new Promise<IDBDatabase>((done) => {
    const request = indexedDB.open(name, 2);
    request.onsuccess = () => done(request.result);
  });
  expect(phone.store.status.value).toMatchObject({ outdated: true, stored: false });
  await phone.store.run({ do: "create", type: "task", data: { title: "typed too late" } }).stored.catch(() => {});
  expect(phone.store.handOver()).toBe(true);
  newer.close();
  // In its place, the next page has a database of the version that it knows.
  await new Promise((done) => (indexedDB.deleteDatabase(name).onsuccess = done));
  await phone.reopen();
  await until("it is sent", () => isSynced(phone.store) && tasks(phone.store).length === 2);
  expect(await there()).toEqual(["before", "typed too late"]);
  expect(kept.size).toBe(0);
});

test("a sign-out in another tab is not taken for a newer version", async () => {
  const { account, phone } = await phoneWith();
  await new Promise((done) => (indexedDB.deleteDatabase(`phone-${account.user.id}`).onsuccess = done));
  expect(phone.store.status.value.outdated).toBe(false);
});
