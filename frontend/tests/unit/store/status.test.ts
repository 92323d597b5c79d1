/** The status in words that are true. */
import { effect } from "../../../node_modules/@preact/signals-core/dist/signals-core.mjs";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { openStore } from "../../../src/store";
import { closeDevices, connect, isSynced, openDevice, register, tasks, until, type Trouble } from "./device";
import { startServer, type Server } from "./server";

let server: Server;

beforeAll(async () => {
  server = await startServer();
}, 120_000);
afterEach(closeDevices);
afterAll(() => server.stop());

test("nothing is called synced before the first sync has ended", async () => {
  const account = await register(server.url);
  const desk = await openDevice(server.url, account, "desk");
  for (const title of ["one", "two"]) desk.store.run({ do: "create", type: "task", data: { title } });
  await until("all is sent", () => desk.store.status.value.unsent === 0 && desk.store.status.value.lastSync !== null);
  const phone = await openDevice(server.url, account, "phone");
  const seen: string[] = [];
  const stop = effect(() => {
    const { state, firstSync, lastSync } = phone.store.status.value;
    if (firstSync || !lastSync) seen.push(state);
  });
  await until("all has arrived", () => tasks(phone.store).length === 2);
  await until("it is over", () => phone.store.status.value.firstSync === null);
  stop();
  expect(new Set(seen)).toEqual(new Set(["fetching"]));
  expect(phone.store.status.value.state).toBe("synced");
});

test("an address that must be confirmed is said, and changes are kept until it is", async () => {
  const account = await register(server.url);
  const desk = await openDevice(server.url, account, "desk");
  await until("it is synced", () => isSynced(desk.store));
  const error = { code: "EMAIL_NOT_VERIFIED", message: "no", details: {} };
  desk.trouble.answers = () => Response.json({ error }, { status: 403 });
  desk.store.run({ do: "create", type: "task", data: { title: "Kept" } });
  await until("it is said", () => desk.store.status.value.state === "unverified");
  expect(desk.store.status.value).toMatchObject({ unsent: 1, needsYou: 0 });
  delete desk.trouble.answers;
  desk.store.syncNow();
  await until("it is sent", () => desk.store.status.value.state === "synced");
  expect(tasks(desk.store)).toMatchObject([{ title: "Kept", unsent: false }]);
});

test("a store that waits after failures is closed at once", async () => {
  const account = await register(server.url);
  const desk = await openDevice(server.url, account, "desk", { patience: 60_000 });
  desk.trouble.offline = true;
  desk.store.syncNow();
  await until("it waits", () => desk.store.status.value.state === "offline");
  const patience = new Promise((done) => setTimeout(done, 5_000, "waiting"));
  expect(await Promise.race([desk.store.close().then(() => "closed"), patience])).toBe("closed");
});

test("a store begins to sync after what it is told to wait for", async () => {
  const account = await register(server.url);
  const trouble: Trouble = { log: [] };
  let painted = () => {};
  const after = new Promise<void>((done) => (painted = done));
  const store = await openStore({ user: account.user, connection: connect(server.url, account, trouble), after });
  await store.run({ do: "create", type: "task", data: { title: "Typed at once" } }).stored;
  expect(trouble.log).toEqual([]);
  expect(store.status.value).toMatchObject({ state: "fetching", unsent: 1 });
  painted();
  await until("it is sent", () => store.status.value.state === "synced");
  await store.close();
});
