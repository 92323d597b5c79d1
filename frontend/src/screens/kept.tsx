import { useSignal } from "@preact/signals";

import { signInNote } from "../commands/account";
import { say } from "../commands/app";
import type { Entry } from "../store/entries";
import type { User } from "../store/types";
import { m } from "../texts/more";

interface Kept {
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
async function readKept(): Promise<Kept[]> {
  const found: Kept[] = [];
  for (const { name = "" } of await indexedDB.databases()) {
    if (!/^duly-[\da-f-]{36}$/.test(name)) continue;
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

/** Says on the sign-in screen whose unsent changes are kept here. */
export async function tellKept(): Promise<void> {
  // Without a database, or where the browser does not list them, there is nothing to say.
  const all = await readKept().catch(() => []);
  if (all.length === 0 || signInNote.peek()) return;
  signInNote.value = all.map((kept) => <KeptChanges key={kept.name} {...kept} />);
}

function KeptChanges({ name, email, unsent }: Kept) {
  const step = useSignal<"said" | "asked" | "removed">("said");
  const remove = async () => {
    await resultOf(indexedDB.deleteDatabase(name));
    step.value = "removed";
    say(m().keptRemoved);
  };
  if (step.value === "removed") return <span class="kept-changes">{m().keptRemoved}</span>;
  const isAsked = step.value === "asked";
  return (
    <span class="kept-changes">
      {isAsked ? m().keptRemoveAsk(unsent) : m().keptChanges(unsent, email)}{" "}
      {isAsked && <button type="button" class="button danger" onClick={() => void remove()}>{m().remove}</button>}{" "}
      <button type="button" class="button quiet" onClick={() => (step.value = isAsked ? "said" : "asked")}>{isAsked ? m().cancel : m().remove}</button>
    </span>
  );
}
