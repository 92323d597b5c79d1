/** Opens and closes what belongs to a user: the session, the copy on the device, the language. */
import { effect, signal } from "@preact/signals";
import type { ComponentChildren } from "preact";

import { openSession } from "../api/session";
import { isForbidden, keep, recall } from "../api/storage";
import type { User } from "../api/things";
import { likelyLanguage, speak, t } from "../texts";
import { forgetSteps, opened, showToast } from "./app";
import { go } from "./route";

export const session = openSession();
export type Phase = "starting" | "signed_out" | "open";
export const phase = signal<Phase>("starting");
/** The dialog in which the same user signs in again, while work goes on. */
export const signingInAgain = signal(false);
/** What the person is told above the fields of the sign-in. */
export const signInNote = signal<ComponentChildren>("");

const KNOWN = "duly-account";

/** The account whose copy this device keeps, so that the app opens without a connection. */
export function knownUser(): User | null {
  try {
    return JSON.parse(recall(KNOWN) ?? "null") as User | null;
  } catch {
    return null;
  }
}
function remember(user: User | null): void {
  keep(KNOWN, user && JSON.stringify(user));
}

export async function start(): Promise<void> {
  await speak(likelyLanguage());
  const known = knownUser();
  if (known) {
    await open(known);
    // Work begins from the copy; the session follows when the server can be reached.
    session.resume(known.id).catch(() => {});
    return;
  }
  if (isForbidden || session.owesLogout) return resume();
  // A browser that knows no account hardly ever has a session, so a first visit does not ask. The
  // cookie may have outlived the storage, though: Safari deletes only the latter after seven days.
  phase.value = "signed_out";
  onceTouched(resume);
}

/** Goes on with a session of which only the server knows. */
async function resume(): Promise<void> {
  try {
    const user = await session.resume();
    if (user) return await open(user);
  } catch {
    // No connection and no copy: the sign-in page says so when it is used.
  }
  if (phase.peek() === "starting") phase.value = "signed_out";
}

function onceTouched(act: () => void): void {
  const types = ["pointerdown", "keydown"];
  const run = () => {
    for (const type of types) removeEventListener(type, run, true);
    act();
  };
  for (const type of types) addEventListener(type, run, true);
}

let stop: (() => void) | null = null;
/** Lets the store that was opened last begin to sync. */
let shellPainted = () => {};
let opening: Promise<void> = Promise.resolve();

/** Opens the copy of a user who has signed in, or goes on with the one that is open: one at a time. */
export function open(user: User): Promise<void> {
  opening = opening.catch(() => {}).then(() => openNow(user));
  return opening;
}

async function openNow(user: User): Promise<void> {
  const before = opened.peek();
  signingInAgain.value = false;
  if (before && before.user.peek().id === user.id) return before.syncNow();
  if (before) await leave(false);
  const { openStore } = await import("../store");
  const after = new Promise<void>((done) => (shellPainted = done));
  const store = await openStore({ user, connection: session, after });
  opened.value = store;
  stop = effect(() => {
    const now = store.user.value;
    remember(now);
    session.setUser(now);
    void speak(now.language);
  });
  phase.value = "open";
}

/** The shell is on the screen: what can wait for that begins. */
export function painted(): void {
  shellPainted();
}

/** What was typed and not added, which is in the storage of the tab. */
function forgetTyped(): void {
  try {
    sessionStorage.clear();
  } catch {
    // Then nothing was kept there.
  }
}

async function leave(wipe: boolean): Promise<void> {
  const store = opened.peek();
  stop?.();
  stop = null;
  opened.value = null;
  phase.value = "signed_out";
  forgetSteps();
  if (wipe) forgetTyped();
  await store?.close({ wipe });
}

/** Sends what waits for up to five seconds. Returns how many changes would be lost. */
export function waitForUnsent(): Promise<number> {
  return opened.peek()?.flush(5000) ?? Promise.resolve(0);
}

export async function signOut(): Promise<void> {
  remember(null);
  // First, so that this tab does not hear of its own sign-out as that of another.
  const left = leave(true);
  await Promise.all([session.logout(), left]);
  go("/", { replace: true });
}

// Another tab signed out: this one forgets the user as well.
effect(() => {
  if (!session.signedOut.value || !opened.peek()) return;
  remember(null);
  void leave(true).then(() => {
    go("/", { replace: true });
    showToast(t().signedOutElsewhere);
  });
});
