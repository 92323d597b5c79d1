/** The store of the web app. It knows nothing of the screen, and runs in Node as well. */
import { databaseName, NoDatabase, openDatabase, type Database, type Loaded } from "./database";
import { startPredicting } from "./recurring";
import { DulyStore } from "./store";
import type { Settings } from "./syncing";
import type { OpenOptions, Store } from "./types";

export type * from "./types";

/** What a test replaces. */
export type Environment = Partial<Omit<Settings, "locks">>;

/** Opens the store of a user. It shows what this device holds at once, and syncs from then on. */
export async function openStore(options: OpenOptions, environment: Environment = {}): Promise<Store> {
  const { user, connection, after, now = () => new Date() } = options;
  const { name = databaseName(user.id), patience = 1000, silence } = environment;
  // Without locks, two tabs could not agree on who sends the outbox: then each is on its own.
  const locks = globalThis.navigator?.locks as LockManager | undefined;
  const opened: { store?: DulyStore } = {};
  const onTaken = (isNewer: boolean) => opened.store?.outdate(isNewer);
  const database = locks ? await openOrDoWithout(name, onTaken) : new NoDatabase();
  const loaded = await database.load();
  const sync = async () => {
    await after;
    return import("./syncing");
  };
  const store = new DulyStore({ user, connection, database, now, sync }, loaded);
  opened.store = store;
  void startSyncing(store, loaded, { name, patience, silence, locks }, sync);
  return store;
}

/** Loads what talks to the server. Without a connection, that may not succeed at first. */
async function startSyncing(
  store: DulyStore,
  loaded: Loaded,
  settings: Settings,
  sync: () => Promise<typeof import("./syncing")>,
): Promise<void> {
  for (let wait = settings.patience; !store.isClosed; wait *= 2) {
    try {
      const { Syncing, takeOver } = await sync();
      if (store.isClosed) return;
      await takeOver(store.core.database, store.user.peek().id);
      const close = () => void store.close();
      store.syncing = new Syncing(store.core, store.keeping, loaded, settings, close);
      watchBrowser(store);
      askToPersist(store);
      await startPredicting();
      return;
    } catch (error) {
      if (store.syncing) return; // only the predictions are missing
      store.core.obstacle.value = "offline";
      console.warn(error);
    }
    await new Promise((done) => setTimeout(done, Math.min(wait, 60_000)));
  }
}

/** Tries again as soon as the browser has a connection, or the person comes back. */
function watchBrowser(store: DulyStore): void {
  if (typeof document === "undefined") return;
  addEventListener("online", () => store.syncing?.engine.syncNow());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") store.syncing?.engine.wake(true);
  });
  const again = () => store.retryNow();
  addEventListener("focus", again);
  addEventListener("pointerdown", again, { passive: true, capture: true });
  addEventListener("keydown", again, { capture: true });
}

/** Asks the browser not to throw the copy away, once there is something to lose. */
function askToPersist(store: DulyStore): void {
  if (typeof document === "undefined" || !navigator.storage?.persist) return;
  const { model } = store.core;
  const ask = () => {
    if (model.shown.task.size < 10) return;
    queueMicrotask(() => stop());
    navigator.storage.persist().catch(() => {});
  };
  const stop = model.listen(ask);
  ask();
}

async function openOrDoWithout(name: string, onTaken: (isNewer: boolean) => void): Promise<Database> {
  if (typeof indexedDB === "undefined") return new NoDatabase();
  try {
    return await openDatabase(name, onTaken);
  } catch {
    return new NoDatabase(); // a private window may have one that cannot be opened
  }
}
