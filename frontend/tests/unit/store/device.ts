/** A device: a connection with a bearer token, that can fail, and a store with its own database. */
import "fake-indexeddb/auto";

import { signal, type Signal } from "../../../node_modules/@preact/signals-core/dist/signals-core.mjs";

import type { DulyStore } from "../../../src/store/store";
import { openStore, type Environment, type Connection, type Store, type Task, type User } from "../../../src/store";

interface Account {
  token: string;
  user: User;
}

let people = 0;

export async function register(url: string): Promise<Account> {
  const email = `person${++people}-${Date.now()}@example.com`;
  const response = await fetch(`${url}/api/v1/auth/register`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ email, password: "correct battery horse" }),
  });
  if (!response.ok) throw new Error(await response.text());
  const session = (await response.json()) as { access_token: string; user: User };
  return { token: session.access_token, user: session.user };
}

/** Faults of the connection, checked before each request and after its response. */
export interface Trouble {
  offline?: boolean;
  /** Whether the response to a request is lost. */
  loses?: (method: string, path: string) => boolean;
  /** Responds instead of the server. */
  answers?: (method: string, path: string) => Response;
  /** Requests that were sent. */
  log?: { method: string; path: string; body: unknown; key?: string }[];
}

export function connect(
  url: string,
  account: Account,
  trouble: Trouble,
): Connection & { ended: Signal<boolean> } {
  const authorization = { Authorization: `Bearer ${account.token}` };
  return {
    ended: signal(false),
    async request(method, path, { body, headers, signal } = {}) {
      if (trouble.offline) throw new TypeError("fetch failed");
      if (trouble.answers) return trouble.answers(method, path);
      trouble.log?.push({ method, path, body, key: headers?.["Idempotency-Key"] });
      const response = await fetch(`${url}/api/v1${path}`, {
        method,
        headers: { ...authorization, "Content-Type": "application/json", ...headers },
        body: body === undefined ? undefined : JSON.stringify(body),
        signal,
      });
      if (trouble.offline || trouble.loses?.(method, path)) {
        await response.text();
        throw new TypeError("the response was lost");
      }
      return response;
    },
    async stream(token, on, signal) {
      if (trouble.offline) throw new TypeError("fetch failed");
      const headers = { ...authorization, "Last-Event-ID": token };
      const response = await fetch(`${url}/api/v1/events`, { headers, signal });
      if (!response.ok) {
        throw Object.assign(new Error("refused"), { status: response.status, code: "", details: {} });
      }
      let text = "";
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
        if (trouble.offline) throw new TypeError("offline");
        const events = (text + chunk).split("\n\n");
        text = events.pop()!;
        for (const event of events) {
          const field = Object.fromEntries(event.split("\n").map((line) => line.split(/: (.*)/)));
          if (field.event) on({ id: field.id, type: field.event, data: JSON.parse(field.data) });
        }
      }
    },
  };
}

export interface Device {
  store: Store;
  connection: Connection & { ended: Signal<boolean> };
  trouble: Trouble;
  account: Account;
  /** Ends the store without closing it, and opens a new one on the same database. */
  reopen(): Promise<void>;
}

const opened: Device[] = [];

export async function openDevice(
  url: string,
  account: Account,
  name: string,
  environment: Environment = {},
): Promise<Device> {
  const trouble: Trouble = { log: [] };
  const open = async () => {
    const connection = connect(url, account, device.trouble);
    device.connection = connection;
    const database = `${name}-${account.user.id}`;
    return openStore({ user: account.user, connection }, { name: database, patience: 20, ...environment });
  };
  const device: Device = {
    store: null as never,
    connection: null as never,
    trouble,
    account,
    async reopen() {
      // The old store goes on in the dark: it reaches neither the server nor the database again.
      const old = device.trouble;
      device.trouble = { ...old, log: [] };
      old.offline = true;
      const { syncing, keeping } = device.store as DulyStore;
      Object.assign(device.store, { closing: Promise.resolve() }); // nothing more is loaded
      void syncing?.engine.stop();
      keeping.teller.close(false); // the browser releases the lock of a tab that is gone
      device.store = await open();
    },
  };
  device.store = await open();
  opened.push(device);
  return device;
}

export async function closeDevices(): Promise<void> {
  for (const device of opened.splice(0)) await device.store.close();
}

/** Waits until a condition holds. */
export async function until(what: string, holds: () => boolean, milliseconds = 4000): Promise<void> {
  const end = Date.now() + milliseconds;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`It did not happen: ${what}`);
    await new Promise((done) => setTimeout(done, 5));
  }
}

export function tasks(store: Store): Task[] {
  return [...store.allTasks()];
}

export function titled(store: Store, title: string): Task | undefined {
  return tasks(store).find((task) => task.title === title);
}

export const isSynced = (store: Store) =>
  store.status.value.unsent === 0 && store.status.value.lastSync !== null;

/** A request of another device without a store. */
export async function call(
  url: string,
  account: Account,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; data: any }> {
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: { Authorization: `Bearer ${account.token}`, "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, data: text ? JSON.parse(text) : null };
}
