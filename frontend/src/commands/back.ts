/** What lies over the screen: a detail, a dialog, a menu. "Back" closes it, and leaves the screen as it is. */
import { effect } from "@preact/signals";

import { entryOf, go, isSpare, openTask, place } from "./route";

/** The topmost last. */
const over: (() => void)[] = [];
let wasSpare = false;

/** Lets "back" close what lies over the screen, until the returned function is called. */
export function closeOnBack(close: () => void): () => void {
  over.push(close);
  addSpare();
  return () => void (over.includes(close) && over.splice(over.indexOf(close), 1));
}

function addSpare(): void {
  if (!isSpare()) history.pushState({ spare: true }, "", location.href);
  wasSpare = true;
}

// Going somewhere takes the place of a spare entry, closing a detail makes one.
effect(() => {
  void [place.value, openTask.value];
  wasSpare = isSpare();
});

/** Before the screen follows the address. */
function onBack(event: PopStateEvent): void {
  const left = wasSpare;
  wasSpare = isSpare();
  const close = over.pop();
  if (close) {
    close();
    if (over.length > 0) addSpare();
  } else if (left && !wasSpare) {
    // What it was for has been closed in another way: a person who goes back wants to go somewhere.
    event.stopImmediatePropagation();
    history.back();
  }
}
addEventListener("popstate", onBack, { capture: true });

/** The present screen, with the detail of a task over it or without. */
export function withTask(id: string | null): string {
  const url = new URL(location.href);
  if (id) url.searchParams.set("task", id);
  else url.searchParams.delete("task");
  return url.pathname + url.search;
}

export function showTask(id: string | null): void {
  // Going from one open task to the next replaces, so that "back" leaves the detail at once.
  const replace = openTask.value !== null;
  const own = entryOf();
  go(withTask(id), { replace, entry: id ? (replace ? own : { task: true }) : own && { spare: true } });
}
