/** The address bar is the only place that knows which screen is shown, so a reload restores it. */
import { computed, signal } from "@preact/signals";

export type Route =
  | { at: "start" | "inbox" | "today" | "upcoming" | "overdue" | "trash" | "statistics" | "sync" | "nothing" }
  /** Where links in mails lead. */
  | { at: "mailed"; link: "reset-password" | "verify-email" }
  | { at: "list" | "label" | "filter"; id: string }
  | { at: "search"; text: string; completed: boolean }
  | { at: "settings"; page: string };

const plain = new Set(["inbox", "today", "upcoming", "overdue", "trash", "statistics", "sync"]);

export function parse(path: string, query: URLSearchParams): Route {
  const [first = "", second, ...rest] = path.split("/").filter(Boolean);
  if (rest.length > 0) return { at: "nothing" };
  if (!first) return { at: "start" };
  if (plain.has(first) && !second) return { at: first } as Route;
  if ((first === "reset-password" || first === "verify-email") && !second) return { at: "mailed", link: first };
  if ((first === "list" || first === "label" || first === "filter") && second) return { at: first, id: second };
  if (first === "search" && !second) {
    return { at: "search", text: query.get("q") ?? "", completed: query.has("completed") };
  }
  if (first === "settings") return { at: "settings", page: second ?? "account" };
  return { at: "nothing" };
}

const address = signal(location.pathname + location.search);

export const route = computed(() => {
  const url = new URL(address.value, location.origin);
  return parse(url.pathname, url.searchParams);
});
/** The task whose detail lies over the screen. */
export const openTask = computed(() => new URL(address.value, location.origin).searchParams.get("task"));
/** Names the screen without its open task: scroll, folds and focus belong to it. */
export const place = computed(() => {
  const url = new URL(address.value, location.origin);
  url.searchParams.delete("task");
  return url.pathname + url.search;
});

/**
 * Of an entry of the history: a spare one has nothing of its own, and is there for "back" to use up
 * (`back.ts`); with `task`, it lies over the same screen without its detail.
 */
export type Entry = { spare: true } | { task: true } | null;

export const entryOf = () => history.state as Entry;
export const isSpare = () => "spare" in (entryOf() ?? {});

export function go(path: string, { replace = false, entry = null as Entry } = {}): void {
  if (path === location.pathname + location.search) return;
  history[replace || isSpare() ? "replaceState" : "pushState"](entry, "", path);
  address.value = path;
}

addEventListener("popstate", () => {
  address.value = location.pathname + location.search;
});
