/** Changes that one page of a tab could not store, and hands over to the next one. */
import type { Database } from "./database";
import type { Entry } from "./entries";
import { PatientDatabase } from "./patience";

const nameOf = (userId: string) => `duly-outbox ${userId}`;

/** Returns whether they survive a reload. */
export function handOver(database: Database, userId: string): boolean {
  if (!(database instanceof PatientDatabase)) return false;
  const entries = database.owedEntries();
  try {
    if (entries.length) sessionStorage.setItem(nameOf(userId), JSON.stringify(entries));
    return true;
  } catch {
    return false;
  }
}

/** Stores what the last page has handed over. */
export async function takeOver(database: Database, userId: string): Promise<void> {
  try {
    const kept = sessionStorage.getItem(nameOf(userId));
    if (!kept) return;
    await database.write({ put: JSON.parse(kept) as Entry[] });
    sessionStorage.removeItem(nameOf(userId));
  } catch {
    // There is no such storage, or what is in it stays there.
  }
}
