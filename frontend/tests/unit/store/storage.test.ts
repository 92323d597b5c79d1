/** The database, and what happens without one or when it is full. */
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";

import { openDatabase } from "../../../src/store/database";
import type { DulyStore } from "../../../src/store/store";
import { call, closeDevices, isSynced, openDevice, register, tasks, titled, until } from "./device";
import { equal, everything, shown } from "./history";
import { startServer, type Server } from "./server";

let server: Server;

beforeAll(async () => {
  server = await startServer();
}, 120_000);
afterEach(async () => {
  vi.unstubAllGlobals();
  await closeDevices();
});
afterAll(() => server.stop());

async function many(count: number) {
  const account = await register(server.url);
  for (let at = 0; at < count; at += 100) {
    const operations = Array.from({ length: Math.min(100, count - at) }, (_, i) => ({
      op: "create",
      type: "task",
      data: { title: `task ${at + i}` },
    }));
    await call(server.url, account, "POST", "/batch", { operations });
  }
  return account;
}

test("a first sync shows its pages, and goes on where a killed tab stopped", { timeout: 60_000 }, async () => {
  const account = await many(1200);
  const phone = await openDevice(server.url, account, "phone");
  const progress: unknown[] = [];
  const { subscribe } = phone.store.status;
  const stop = subscribe.call(phone.store.status, ({ firstSync }) => progress.push(firstSync?.done));
  await until("a page is shown", () => tasks(phone.store).length >= 500);
  stop();
  await phone.reopen();
  await until("all are there", () => isSynced(phone.store) && tasks(phone.store).length === 1200);
  const full = phone.trouble.log!.filter(({ path }) => path === "/sync?limit=500");
  expect(full.length).toBeLessThanOrEqual(progress.includes(500) ? 0 : 1);
  expect(phone.store.status.value.firstSync).toBeNull();
  await phone.reopen();
  expect(tasks(phone.store)).toHaveLength(1200);
  expect(equal(shown(phone), await everything(server.url, phone))).toBe(true);
});

test("rows become packs, and nothing else changes", async () => {
  const account = await many(3);
  const phone = await openDevice(server.url, account, "phone");
  await until("all are there", () => isSynced(phone.store));
  phone.store.run({ do: "create", type: "task", data: { title: "loose" } });
  phone.store.run({ do: "delete", type: "task", id: titled(phone.store, "task 1")!.id });
  await until("all is sent", () => isSynced(phone.store));
  const { database } = (phone.store as DulyStore).core;
  expect((await database.load()).loose).toBeGreaterThan(0);
  await database.repack();
  expect((await database.load()).loose).toBe(0);
  await phone.reopen();
  expect(tasks(phone.store).map(({ title }) => title).sort()).toEqual(["loose", "task 0", "task 2"]);
});

test("without a database, it works from memory and says so", async () => {
  const account = await many(2);
  vi.stubGlobal("indexedDB", undefined);
  const phone = await openDevice(server.url, account, "phone");
  expect(phone.store.status.value.stored).toBe(false);
  await until("all are there", () => tasks(phone.store).length === 2);
  phone.store.run({ do: "complete", id: tasks(phone.store)[0]!.id });
  await until("it is sent", () => isSynced(phone.store));
  const { data } = await call(server.url, account, "GET", "/tasks?is_completed=true");
  expect(data.items).toHaveLength(1);
});

test("wiping deletes all that the device holds", async () => {
  const account = await many(1);
  const phone = await openDevice(server.url, account, "phone");
  await until("all are there", () => isSynced(phone.store));
  await phone.store.close({ wipe: true });
  const left = await openDatabase(`phone-${account.user.id}`, () => {});
  expect(await left.load()).toMatchObject({ rows: [], outbox: [], meta: {} });
  await left.close(true);
});

test("more than a hundred tasks are several requests and one undo", { timeout: 30_000 }, async () => {
  const account = await many(150);
  const phone = await openDevice(server.url, account, "phone");
  await until("all are there", () => isSynced(phone.store) && tasks(phone.store).length === 150);
  const ids = tasks(phone.store).map(({ id }) => id);
  const done = phone.store.run(...ids.map((id) => ({ do: "complete", id }) as const));
  await until("all are sent", () => isSynced(phone.store));
  const posts = phone.trouble.log!.filter(({ method }) => method === "POST");
  expect(posts.map(({ body }) => (body as { operations: unknown[] }).operations.length)).toEqual([100, 50]);
  done.undo();
  await until("all are sent", () => isSynced(phone.store));
  expect((await call(server.url, account, "GET", "/tasks?is_completed=true")).data.items).toEqual([]);
});

test("one refused change of several does not hold up the others", async () => {
  const account = await many(2);
  const phone = await openDevice(server.url, account, "phone");
  await until("all are there", () => tasks(phone.store).length === 2);
  const [first, second] = tasks(phone.store).map(({ id }) => id) as [string, string];
  phone.store.run(
    { do: "update", type: "task", id: first, data: { title: "x".repeat(300) } },
    { do: "update", type: "task", id: second, data: { title: "fine" } },
  );
  await until("one is sent", () => isSynced(phone.store));
  expect((await call(server.url, account, "GET", `/tasks/${second}`)).data.title).toBe("fine");
  expect(phone.store.conflicts.value.map(({ kind, id }) => [kind, id])).toEqual([["refused", first]]);
});
