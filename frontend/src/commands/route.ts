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

export function go(path: string, { replace = false } = {}): void {
  if (path === location.pathname + location.search) return;
  history[replace ? "replaceState" : "pushState"](null, "", path);
  address.value = path;
}

/** The present screen, with the detail of a task over it or without. */
export function withTask(id: string | null): string {
  const url = new URL(location.href);
  if (id) url.searchParams.set("task", id);
  else url.searchParams.delete("task");
  return url.pathname + url.search;
}

export function showTask(id: string | null): void {
  // Going from one open task to the next replaces, so that "back" leaves the detail at once.
  go(withTask(id), { replace: openTask.value !== null });
}

addEventListener("popstate", () => {
  address.value = location.pathname + location.search;
});
