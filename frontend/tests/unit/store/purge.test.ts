/** Deleting for good what is in the trash: a command that waits, can be undone, and yields to other devices. */
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";

import type { Task } from "../../../src/store";
import type { DulyStore } from "../../../src/store/store";
import { call, closeDevices, isSynced, openDevice, register, titled, until } from "./device";
import { startServer, type Server } from "./server";

// Many requests before each begins.
vi.setConfig({ testTimeout: 30_000 });
let server: Server;

beforeAll(async () => {
  server = await startServer();
}, 120_000);
afterEach(closeDevices);
afterAll(() => server.stop());

/** A phone, and tasks in the trash as the server has them. */
async function trashed(...titles: string[]) {
  const account = await register(server.url);
  const phone = await openDevice(server.url, account, "phone");
  const was: Task[] = [];
  for (const title of titles) {
    const { data } = await call(server.url, account, "POST", "/tasks", { title });
    await call(server.url, account, "DELETE", `/tasks/${data.id}`);
  }
  const trash = async (): Promise<Task[]> => (await call(server.url, account, "GET", "/tasks?is_trashed=true&limit=100")).data.items;
  was.push(...(await trash()));
  await until("it is synced", () => isSynced(phone.store));
  const purge = () => phone.store.run(...was.map((task) => ({ do: "purge", type: "task", id: task.id, was: task }) as const));
  return { account, phone, was, trash, purge };
}

test("it waits, and is undone without a request", async () => {
  const { phone, trash, purge } = await trashed("kept");
  const done = purge();
  await done.stored;
  phone.store.syncNow();
  expect(await phone.store.flush(100, { isUrgent: false })).toBe(1);
  expect(done.undo()).toEqual({ left: [], nothing: false });
  await until("nothing waits", () => phone.store.status.value.unsent === 0);
  expect(await phone.store.flush(1000)).toBe(0);
  expect(phone.trouble.log!.filter(({ method }) => method === "POST")).toEqual([]);
  expect(await trash()).toHaveLength(1);
});

test("several are one request, and can no longer be undone once they are sent", async () => {
  const { phone, trash, purge } = await trashed("one", "two", "three");
  const done = purge();
  expect(await phone.store.flush(4000)).toBe(0);
  expect(phone.trouble.log!.filter(({ method }) => method === "POST")).toHaveLength(1);
  expect(await trash()).toEqual([]);
  expect(done.undo()).toMatchObject({ nothing: true });
  expect(phone.store.conflicts.value).toEqual([]);
});

test("it survives a killed tab, and is sent when there is a connection", async () => {
  const { phone, trash, purge } = await trashed("gone");
  phone.trouble.offline = true;
  await purge().stored;
  await phone.reopen();
  phone.trouble.offline = false;
  await until("it can send", () => (phone.store as DulyStore).syncing !== null);
  expect(await phone.store.flush(8000)).toBe(0);
  expect(await trash()).toEqual([]);
});

test("what another device has restored stays", async () => {
  const { account, phone, was, purge } = await trashed("wanted");
  const done = purge();
  await done.stored;
  await call(server.url, account, "POST", `/tasks/${was[0]!.id}/restore`);
  expect(await phone.store.flush(4000)).toBe(0);
  await until("it is here again", () => titled(phone.store, "wanted") !== undefined);
  expect((await call(server.url, account, "GET", `/tasks/${was[0]!.id}`)).status).toBe(200);
  expect(phone.store.conflicts.value).toEqual([]);
});

test("what another device has deleted for good is no conflict, and holds up nothing", async () => {
  const { account, phone, was, trash, purge } = await trashed("one", "two");
  await purge().stored;
  await call(server.url, account, "DELETE", `/tasks/${was[0]!.id}?permanent=true`);
  expect(await phone.store.flush(4000)).toBe(0);
  expect(await trash()).toEqual([]);
  expect(phone.store.conflicts.value).toEqual([]);
});
