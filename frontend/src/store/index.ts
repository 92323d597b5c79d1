/** The store of the web app. It knows nothing of the screen, and runs in Node as well. */
import { NoDatabase, openDatabase, type Database } from "./database";
import { startPredicting } from "./recurring";
import { DulyStore } from "./store";
import { Tabs } from "./tabs";
import type { OpenOptions, Store } from "./types";

export type * from "./types";

/** What a test replaces. */
export interface Environment {
  /** The name of the database, the lock and the channel: of this user on this device. */
  name?: string;
  /** The first wait after a failed request, in milliseconds. */
  patience?: number;
  /** How long a leader may be silent, in milliseconds. */
  silence?: number;
}

/** Opens the store of a user. It shows what this device holds at once, and syncs from then on. */
export async function openStore(options: OpenOptions, environment: Environment = {}): Promise<Store> {
  const { user, connection, now = () => new Date() } = options;
  const { name = `duly-${user.id}`, patience = 1000, silence } = environment;
  // Without locks, two tabs could not agree on who sends the outbox: then each is on its own.
  const locks = globalThis.navigator?.locks as LockManager | undefined;
  const opened: { store?: DulyStore } = {};
  const outdate = () => opened.store?.outdate();
  const database = locks ? await openOrDoWithout(name, outdate) : new NoDatabase();
  const loaded = await database.load();
  const store = new DulyStore({ user, connection, database, now, patience }, loaded);
  opened.store = store;
  if (database.kept && locks) joinTabs(store, name, locks, silence);
  else store.engine.start();
  watchBrowser(store);
  startPredicting().catch(() => {}); // offline, before the chunk was ever fetched
  return store;
}

function joinTabs(store: DulyStore, name: string, locks: LockManager, silence?: number): void {
  let isFirst = true;
  const tabs = new Tabs(
    name,
    locks,
    {
      lead() {
        // The last leader may have written more than this tab has heard.
        const ready = isFirst ? Promise.resolve() : store.reload();
        isFirst = false;
        void ready.then(() => tabs.isLeader && store.engine.start());
      },
      stepDown: () => void store.engine.stop(),
      wrote: (keys) => void store.reread(keys).then(() => store.engine.wake()),
      replaced: () => void store.reload(),
      wiped: () => void store.close(),
      sync: () => store.engine.syncNow(),
    },
    silence,
  );
  store.teller = {
    tabs,
    wrote: (keys) => tabs.post({ say: "wrote", keys: [...keys] }),
    replaced: () => tabs.post({ say: "replaced" }),
    sync: () => tabs.post({ say: "sync" }),
    close(isWiped) {
      if (isWiped) tabs.post({ say: "wiped" });
      tabs.close();
    },
  };
}

/** Tries again as soon as the browser has a connection, or the person comes back. */
function watchBrowser(store: DulyStore): void {
  if (typeof document === "undefined") return;
  addEventListener("online", () => store.engine.syncNow());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") store.engine.wake(true);
  });
}

async function openOrDoWithout(name: string, onBlocking: () => void): Promise<Database> {
  if (typeof indexedDB === "undefined") return new NoDatabase();
  try {
    return await openDatabase(name, onBlocking);
  } catch {
    return new NoDatabase(); // a private window may have one that cannot be opened
  }
}
