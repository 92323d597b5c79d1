import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";

import { call, closeDevices, isSynced, openDevice, register, tasks, titled, until } from "./device";
import type { DulyStore } from "../../../src/store/store";
import { startServer, type Server } from "./server";

let server: Server;

beforeAll(async () => {
  server = await startServer();
}, 120_000);
afterEach(closeDevices);
afterAll(() => server.stop());

/** Two tabs of one device: one database, one lock. The first one leads. */
async function tabs(silence?: number) {
  const account = await register(server.url);
  const first = await openDevice(server.url, account, "desk", { silence });
  await until("the first tab leads", () => isSynced(first.store));
  const second = await openDevice(server.url, account, "desk", { silence });
  return { account, first, second };
}

const posts = (device: { trouble: { log?: { method: string }[] } }) =>
  device.trouble.log!.filter(({ method }) => method === "POST").length;

test("the leader sends what the other tab changes, and both show it", async () => {
  const { account, first, second } = await tabs();
  second.store.run({ do: "create", type: "task", data: { title: "From the second tab" } });
  await until("the first tab shows it", () => titled(first.store, "From the second tab") !== undefined);
  await until("the second tab knows that it is sent", () => isSynced(second.store));
  expect(posts(second)).toBe(0);
  expect(titled(second.store, "From the second tab")).toMatchObject({ unsent: false });
  const { data } = await call(server.url, account, "GET", "/tasks");
  expect(data.items).toHaveLength(1);
  await call(server.url, account, "POST", "/tasks", { title: "From elsewhere" });
  await until("both tabs have it", () => [first, second].every((tab) => titled(tab.store, "From elsewhere")));
});

test("a tab that does not lead knows why nothing is synced", async () => {
  const { first, second } = await tabs();
  const error = { code: "EMAIL_NOT_VERIFIED", message: "no", details: {} };
  first.trouble.answers = () => Response.json({ error }, { status: 403 });
  first.store.syncNow();
  const both = (state: string) => [first, second].every((tab) => tab.store.status.value.state === state);
  // A tab that has just been opened hears it with the next sign of life of the leader.
  await until("both tabs know", () => both("unverified"), 10_000);
  delete first.trouble.answers;
  second.store.syncNow();
  await until("both tabs are synced", () => both("synced"));
});

test("another tab leads once the leader is closed", async () => {
  const { first, second } = await tabs();
  first.trouble.offline = true;
  await first.store.run({ do: "create", type: "task", data: { title: "Left behind" } }).stored;
  await until("the second tab shows it", () => titled(second.store, "Left behind") !== undefined);
  await first.store.close();
  await until("the second tab sends it", () => isSynced(second.store) && posts(second) > 0);
  expect(tasks(second.store)).toHaveLength(1);
});

test("a tab that leads from the start reads its copy once", async () => {
  const account = await register(server.url);
  const device = await openDevice(server.url, account, "desk");
  await device.store.run({ do: "create", type: "task", data: { title: "Once" } }).stored;
  await until("it is sent", () => isSynced(device.store));
  await device.store.close();
  const reads = vi.spyOn(IDBObjectStore.prototype, "getAll");
  const again = await openDevice(server.url, account, "desk");
  await until("it leads", () => again.trouble.log!.some(({ path }) => path.startsWith("/sync")));
  expect(reads.mock.contexts.filter(({ name }) => name === "packs")).toHaveLength(1);
  reads.mockRestore();
});

test("a tab that takes over shows what the last leader has not told it", async () => {
  const { account, first, second } = await tabs();
  await new Promise((done) => setTimeout(done, 200)); // it has looked for itself what it missed at its start
  second.trouble.offline = true;
  (first.store as DulyStore).keeping.teller = { ...(first.store as DulyStore).keeping.teller, wrote() {} };
  await call(server.url, account, "POST", "/tasks", { title: "Untold" });
  await until("the first tab has it", () => titled(first.store, "Untold") !== undefined);
  expect(titled(second.store, "Untold")).toBeUndefined();
  await first.store.close();
  await until("the second tab shows it, without a connection", () => titled(second.store, "Untold") !== undefined);
});

test("a silent leader is replaced, and steps down", async () => {
  const { account, first, second } = await tabs(300);
  const { engine, tabs: leading } = (first.store as DulyStore).syncing!;
  // The tab is frozen: it says nothing, and sends nothing.
  leading!.post = () => {};
  void engine.stop();
  await second.store.run({ do: "create", type: "task", data: { title: "Not stuck" } }).stored;
  await until("it is sent", () => isSynced(second.store));
  const { data } = await call(server.url, account, "GET", "/tasks");
  expect(data.items).toHaveLength(1);
  expect(posts(first)).toBe(0);
  expect(leading).toMatchObject({ isLeader: false });
});

test("undo in another tab than the one that sends", async () => {
  const { account, first, second } = await tabs();
  const done = second.store.run({ do: "create", type: "task", data: { title: "Undone" } });
  await done.stored;
  done.undo();
  await until("nothing is left", () => tasks(first.store).length + tasks(second.store).length === 0);
  await until("nothing is unsent", () => isSynced(first.store) && isSynced(second.store));
  const { data } = await call(server.url, account, "GET", "/tasks");
  expect(data.items).toEqual([]);
});

test("two tabs that choose the same number for a change lose none", async () => {
  const { account, first, second } = await tabs();
  first.trouble.offline = true;
  first.store.syncNow();
  await until("it is offline", () => first.store.status.value.state === "offline");
  const { outbox } = (second.store as DulyStore).core;
  const done = first.store.run({ do: "create", type: "task", data: { title: "one" } });
  const { seq } = (first.store as DulyStore).core.outbox.entries[0]!;
  const next = outbox.nextNumber.bind(outbox);
  let calls = 0;
  outbox.nextNumber = (now) => (calls++ < 2 ? seq : next(now));
  const other = second.store.run({ do: "create", type: "task", data: { title: "two" } });
  await Promise.all([done.stored, other.stored]);
  await until("both show both", () => [first, second].every((tab) => tasks(tab.store).length === 2));
  first.trouble.offline = false;
  first.store.syncNow();
  await until("both are sent", () => isSynced(first.store) && isSynced(second.store));
  const { data } = await call(server.url, account, "GET", "/tasks");
  expect(data.items).toHaveLength(2);
});

test("a leader that does not know of its successor writes nothing", async () => {
  const { first, second } = await tabs();
  const { syncing } = first.store as DulyStore;
  const { database } = (second.store as DulyStore).core;
  await database.write({ meta: { leader: "another tab" } });
  first.store.run({ do: "create", type: "task", data: { title: "kept" } });
  await until("it has noticed", () => syncing!.engine.isOver);
  expect((await database.load()).meta.frozen).toBeUndefined();
  expect((await database.load()).outbox).toHaveLength(1);
});

test("a tab that does not lead can have everything sent before it signs out", async () => {
  const { account, second } = await tabs();
  await call(server.url, account, "POST", "/labels", { name: "gone" });
  await until("the label arrives", () => second.store.labels.value.length === 1);
  const { id } = second.store.labels.value[0]!;
  await second.store.run({ do: "delete", type: "label", id }).stored;
  expect(await second.store.flush(5000)).toBe(0);
  expect((await call(server.url, account, "GET", "/labels")).data.items).toEqual([]);
});
