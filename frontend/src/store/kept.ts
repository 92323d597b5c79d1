/** What users who are not signed in have left on this device. The page reads it before a store is opened. */
import { databaseName } from "./database";
import type { Entry } from "./entries";
import type { User } from "./types";

const NAME = new RegExp(`^${databaseName("[\\da-f-]{36}")}$`);

export interface Kept {
  /** Of the database. */
  name: string;
  email: string | null;
  unsent: number;
}

/** The result of a request, or null if it fails. */
function resultOf<T>(request: IDBRequest<T>): Promise<T | null> {
  return new Promise((done) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => done(null);
  });
}

/** What the databases on this device have of accounts whose session has ended. */
export async function readKept(): Promise<Kept[]> {
  const found: Kept[] = [];
  for (const { name = "" } of await indexedDB.databases()) {
    if (!NAME.test(name)) continue;
    const request = indexedDB.open(name);
    // One that is being deleted must not be created again.
    request.onupgradeneeded = () => request.transaction!.abort();
    const db = await resultOf(request);
    if (!db) continue;
    db.onversionchange = () => db.close();
    const transaction = db.transaction(["meta", "outbox"]);
    const [user, entries] = await Promise.all([
      resultOf<User | undefined>(transaction.objectStore("meta").get("user")),
      resultOf<Entry[]>(transaction.objectStore("outbox").getAll()),
    ]);
    db.close();
    const unsent = (entries ?? []).filter(({ state }) => state !== "acked").length;
    if (unsent > 0) found.push({ name, email: user?.email ?? null, unsent });
  }
  return found;
}

/** Deletes a database with all that it holds. */
export async function removeKept(name: string): Promise<void> {
  await resultOf(indexedDB.deleteDatabase(name));
}
