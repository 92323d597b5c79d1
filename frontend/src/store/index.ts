/** The store of the web app. It knows nothing of the screen, and runs in Node as well. */
import { NoDatabase, openDatabase, type Database } from "./database";
import { DulyStore } from "./store";
import type { OpenOptions, Store } from "./types";

export type * from "./types";

/** What a test replaces. */
export interface Environment {
  /** The name of the database: of this user on this device. */
  database?: string;
  /** The first wait after a failed request, in milliseconds. */
  patience?: number;
}

/** Opens the store of a user. It shows what this device holds at once, and syncs from then on. */
export async function openStore(options: OpenOptions, environment: Environment = {}): Promise<Store> {
  const { user, connection, now = () => new Date() } = options;
  const { database: name = `duly-${user.id}`, patience = 1000 } = environment;
  const database = await openOrDoWithout(name);
  const loaded = await database.load();
  const store = new DulyStore({ user, connection, database, now, patience }, loaded);
  store.engine.start();
  return store;
}

async function openOrDoWithout(name: string): Promise<Database> {
  if (typeof indexedDB === "undefined") return new NoDatabase();
  try {
    return await openDatabase(name, () => {});
  } catch {
    return new NoDatabase(); // a private window may have one that cannot be opened
  }
}
