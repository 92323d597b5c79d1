import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { call, closeDevices, isSynced, openDevice, register, tasks, titled, until } from "./device";
import { startServer, type Server } from "./server";

let server: Server;

beforeAll(async () => {
  server = await startServer();
}, 120_000);
afterEach(closeDevices);
afterAll(() => server.stop());

async function two() {
  const account = await register(server.url);
  const phone = await openDevice(server.url, account, "phone");
  const laptop = await openDevice(server.url, account, "laptop");
  await until("both have synced", () => isSynced(phone.store) && isSynced(laptop.store));
  return { account, phone, laptop };
}

test("changes of one device arrive in the other", async () => {
  const { phone, laptop } = await two();
  const { ids } = phone.store.run({ do: "create", type: "task", data: { title: "Milk" } });
  expect(titled(phone.store, "Milk")).toMatchObject({ id: ids[0], unsent: true });
  await until("the task arrives", () => titled(laptop.store, "Milk") !== undefined);
  laptop.store.run({ do: "update", type: "task", id: ids[0]!, data: { title: "Oat milk" } });
  await until("the new title arrives", () => titled(phone.store, "Oat milk") !== undefined);
  phone.store.run({ do: "complete", id: ids[0]! });
  await until("it is completed", () => titled(laptop.store, "Oat milk")!.is_completed);
  laptop.store.run({ do: "delete", type: "task", id: ids[0]! });
  await until("it is gone", () => tasks(phone.store).length === 0);
});

test("what is changed offline is sent later, and survives a killed tab", async () => {
  const { phone, laptop } = await two();
  phone.trouble.offline = true;
  const done = phone.store.run({ do: "create", type: "task", data: { title: "Bread" } });
  phone.store.run({ do: "update", type: "task", id: done.ids[0]!, data: { priority: 1 } });
  await phone.store.run({ do: "complete", id: done.ids[0]! }).stored;
  await until("it is offline", () => phone.store.status.value.state === "offline");
  expect(phone.store.status.value.unsent).toBe(3);
  await phone.reopen();
  expect(titled(phone.store, "Bread")).toMatchObject({ priority: 1, is_completed: true, unsent: true });
  phone.trouble.offline = false;
  phone.store.syncNow();
  await until("it arrives", () => titled(laptop.store, "Bread")?.is_completed === true);
  expect(titled(laptop.store, "Bread")).toMatchObject({ priority: 1 });
  await until("all is sent", () => isSynced(phone.store));
});

test("a lost answer doubles nothing", async () => {
  const { account, phone, laptop } = await two();
  let left = 3;
  phone.trouble.loses = (method) => method === "POST" && left-- > 0;
  phone.store.run({ do: "create", type: "task", data: { title: "Once" } });
  await until("it arrives", () => titled(laptop.store, "Once") !== undefined);
  await until("it is acknowledged", () => isSynced(phone.store));
  const { data } = await call(server.url, account, "GET", "/tasks");
  expect(data.items).toHaveLength(1);
  const keys = phone.trouble.log!.filter(({ method }) => method === "POST").map(({ key }) => key);
  expect(new Set(keys).size).toBe(1);
  expect(keys.length).toBeGreaterThan(2);
});

test("a tab that is killed while it sends sends the same request again", async () => {
  const { account, phone, laptop } = await two();
  phone.trouble.loses = (method) => method === "POST";
  phone.store.run({ do: "create", type: "task", data: { title: "Twice" } });
  await until("it was sent", () => phone.trouble.log!.some(({ method }) => method === "POST"));
  const [sent] = phone.trouble.log!.filter(({ method }) => method === "POST");
  phone.trouble.loses = undefined;
  await phone.reopen();
  await until("it is acknowledged", () => isSynced(phone.store));
  const [again] = phone.trouble.log!.filter(({ method }) => method === "POST");
  expect(again).toEqual(sent);
  const { data } = await call(server.url, account, "GET", "/tasks");
  expect(data.items).toHaveLength(1);
  await until("it arrives once", () => tasks(laptop.store).length === 1);
});

test("an edit on two devices keeps both fields", async () => {
  const { phone, laptop } = await two();
  const { ids } = phone.store.run({ do: "create", type: "task", data: { title: "Rent" } });
  const id = ids[0]!;
  await until("it arrives", () => titled(laptop.store, "Rent") !== undefined);
  await until("it is acknowledged", () => isSynced(phone.store));
  phone.trouble.offline = true;
  phone.store.run({ do: "update", type: "task", id, data: { priority: 2 } });
  laptop.store.run({ do: "update", type: "task", id, data: { title: "Pay the rent" } });
  await until("it is sent", () => isSynced(laptop.store));
  phone.trouble.offline = false;
  phone.store.syncNow();
  const both = { title: "Pay the rent", priority: 2 };
  await until("both are there", () => titled(laptop.store, both.title)?.priority === 2);
  await until("the phone has both", () => titled(phone.store, both.title)?.priority === 2);
  expect(phone.store.conflicts.value).toEqual([]);
});

test("undo removes what was not sent, and reverses what was", async () => {
  const { account, phone } = await two();
  phone.trouble.offline = true;
  const unsent = phone.store.run({ do: "create", type: "task", data: { title: "Never" } });
  expect(unsent.undo().left).toEqual([]);
  expect(tasks(phone.store)).toEqual([]);
  expect(phone.store.status.value.unsent).toBe(0);
  phone.trouble.offline = false;
  phone.store.syncNow();
  const made = phone.store.run({ do: "create", type: "task", data: { title: "Sent" } });
  await until("it is sent", () => isSynced(phone.store));
  const renamed = phone.store.run({ do: "update", type: "task", id: made.ids[0]!, data: { title: "X" } });
  await until("it is sent", () => isSynced(phone.store));
  expect(renamed.undo().left).toEqual([]);
  expect(titled(phone.store, "Sent")).toBeDefined();
  const removed = phone.store.run({ do: "delete", type: "task", id: made.ids[0]! });
  await until("it is sent", () => isSynced(phone.store));
  expect(tasks(phone.store)).toEqual([]);
  removed.undo();
  expect(titled(phone.store, "Sent")).toBeDefined();
  await until("it is sent", () => isSynced(phone.store));
  const { data } = await call(server.url, account, "GET", "/tasks");
  expect(data.items.map(({ title }: { title: string }) => title)).toEqual(["Sent"]);
});

test("an ended session stops nothing but the sync", async () => {
  const { phone, laptop } = await two();
  phone.connection.ended.value = true;
  expect(phone.store.status.value.state).toBe("sign_in");
  await phone.store.run({ do: "create", type: "task", data: { title: "Offline work" } }).stored;
  await new Promise((done) => setTimeout(done, 200));
  expect(phone.store.status.value).toMatchObject({ state: "sign_in", unsent: 1 });
  phone.connection.ended.value = false;
  await until("it is sent", () => titled(laptop.store, "Offline work") !== undefined);
  expect(phone.store.status.value.state).toBe("synced");
});

test("a busy server is asked again after the time that it names", async () => {
  const { phone, laptop } = await two();
  let asked = 0;
  phone.trouble.answers = () => {
    asked += 1;
    const error = { code: "RATE_LIMITED", message: "Too many requests.", details: {} };
    return Response.json({ error }, { status: 429, headers: { "Retry-After": "1" } });
  };
  phone.store.run({ do: "create", type: "task", data: { title: "Patience" } });
  await new Promise((done) => setTimeout(done, 600));
  expect(asked).toBe(1);
  expect(phone.store.status.value.state).toBe("sending");
  phone.trouble.answers = undefined;
  await until("it is sent", () => titled(laptop.store, "Patience") !== undefined);
});

test("a server that restarts is found again", { timeout: 90_000 }, async () => {
  const { phone, laptop } = await two();
  await server.kill();
  phone.store.run({ do: "create", type: "task", data: { title: "Meanwhile" } });
  await until("it is offline", () => phone.store.status.value.state === "offline");
  await server.start();
  await until("it is sent", () => titled(laptop.store, "Meanwhile") !== undefined, 30_000);
  expect(tasks(laptop.store)).toHaveLength(1);
});

test("undo in the first moments of a tab works too", async () => {
  const { account, phone } = await two();
  phone.store.run({ do: "create", type: "task", data: { title: "Early" } });
  await until("it is sent", () => isSynced(phone.store));
  await phone.reopen();
  const id = titled(phone.store, "Early")!.id;
  const done = phone.store.run(
    { do: "update", type: "task", id, data: { title: "Later" } },
    { do: "update", type: "task", id, data: { priority: 1 } },
  );
  phone.store.run({ do: "update", type: "task", id, data: { description: "kept" } });
  done.undo();
  await until("it is undone", () => titled(phone.store, "Early")?.priority === null);
  await until("it is sent", () => isSynced(phone.store));
  const { data } = await call(server.url, account, "GET", `/tasks/${id}`);
  expect(data).toMatchObject({ title: "Early", priority: null, description: "kept" });
});
