import "../styles/pages.css";

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { ApiError } from "../api/client";
import type { List, Page, Task } from "../api/things";
import { session } from "../commands/account";
import { act, store } from "../commands/app";
import { show } from "../commands/overlay";
import { Drawing } from "../parts/empty";
import { ago } from "../parts/when";
import { t } from "../texts";
import { m } from "../texts/more";
import { explain } from "./sign-in";

type Item = { type: "task"; data: Task } | { type: "list"; data: List };

function nameOf(item: Item): string {
  return item.type === "task" ? item.data.title : item.data.name;
}

async function read(): Promise<Item[]> {
  const pages = async <T,>(path: string) => {
    const all: T[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const response: Response = await session.request("GET", `${path}?is_trashed=true&limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
      const page = (await response.json()) as Page<T>;
      all.push(...page.items);
      cursor = page.next_cursor;
    }
    return all;
  };
  const [tasks, lists] = await Promise.all([pages<Task>("/tasks"), pages<List>("/lists")]);
  const all: Item[] = [...tasks.map((data) => ({ type: "task" as const, data })), ...lists.map((data) => ({ type: "list" as const, data }))];
  return all.sort((a, b) => (b.data.trashed_at ?? "").localeCompare(a.data.trashed_at ?? ""));
}

/** Whether an item is in one of `ids`, such as a subtask, and so deleted with it. */
function isWithin({ type, data }: Item, ids: ReadonlySet<string>, all: readonly Item[]): boolean {
  if (type === "list") return false;
  return [data.parent_id, data.list_id].some((id) => {
    const outer = all.find((item) => item.data.id === id);
    return id !== null && (ids.has(id) || (outer !== undefined && isWithin(outer, ids, all)));
  });
}

/** What is to be deleted for good, until the server has said that it is. */
function useDoomed(reread: () => Promise<void>): ReadonlySet<string> {
  const waiting = store().waiting.value.flatMap(({ command }) => (command.do === "purge" ? [command.id] : []));
  const known = useSignal<ReadonlySet<string>>(new Set());
  useEffect(() => {
    const settle = () => (known.value = new Set(waiting));
    // Once it no longer waits, it was sent or undone: the server knows which.
    if ([...known.peek()].some((id) => !waiting.includes(id))) void reread().finally(settle);
    else settle();
  }, [waiting.join()]);
  return new Set([...known.value, ...waiting]);
}

/** The copy does not hold the trash, so this page asks the server, once what waits has been sent. */
export function Trash() {
  const items = useSignal<Item[] | null>(null);
  const problem = useSignal("");
  const load = async () => {
    const isDown = store().status.peek().state === "offline";
    problem.value = isDown ? m().needsConnection : "";
    try {
      if (!isDown) await store().flush(3000, { isUrgent: false });
      items.value = await read();
      problem.value = "";
    } catch (error) {
      problem.value = error instanceof ApiError ? explain(error) : m().needsConnection;
    }
  };
  useEffect(() => {
    document.title = `${t().trash} · ${t().appName}`;
    void load();
  }, []);
  const reread = () => read().then((all) => void (items.value = all), () => {});
  const doomed = useDoomed(reread);
  const all = items.value ?? [];
  const shown = all.filter((item) => !doomed.has(item.data.id) && !isWithin(item, doomed, all));
  // What this device has trashed and the server does not know yet.
  const here = store().waiting.value.filter(({ command }) => command.do === "delete" && ["task", "list"].includes(command.type));
  const restore = (item: Item) => {
    items.value = items.value!.filter((other) => other !== item);
    act([{ do: "restore", type: item.type, id: item.data.id }], m().restored(nameOf(item)));
  };
  const remove = (gone: readonly Item[], text: string) => {
    const ids = new Set(gone.map(({ data }) => data.id));
    const outer = gone.filter((item) => !isWithin(item, ids, gone));
    act(outer.map(({ type, data }) => ({ do: "purge", type, id: data.id, was: data })), text);
  };
  return (
    <div class="scroll">
      <div class="page">
        <header class="page-head">
          <h1>{t().trash}</h1>
          {shown.length > 0 && (
            <button
              type="button"
              class="button quiet is-danger"
              onClick={() => show({ kind: "ask", text: m().emptyTheTrashAsk(shown.length), action: m().emptyTheTrash, run: () => remove(shown, m().emptiedTrash(shown.length)) })}
            >
              {m().emptyTheTrash}
            </button>
          )}
        </header>
        {problem.value ? (
          <div class="empty">
            <p>{problem.value}</p>
            <button type="button" class="button" onClick={() => void load()}>{m().tryAgain}</button>
            {here.length > 0 && (
              <ul class="plain-list">
                {here.map(({ key, name }) => <li key={key}><bdi>{name}</bdi> <span class="note">– {t().unsent}</span></li>)}
              </ul>
            )}
          </div>
        ) : !items.value ? (
          <p class="note later sheet-note">{m().loading}</p>
        ) : shown.length === 0 ? (
          <div class="empty"><Drawing of="tray" /><p>{m().emptyTrash}</p></div>
        ) : (
          <ul class="trash-list">
            {shown.map((item) => (
              <li key={item.data.id} class="trash-item">
                <div class="trash-name">
                  <bdi>{nameOf(item)}</bdi>
                  <p class="note">
                    {item.type === "list" ? `${t().list} · ` : item.data.list_id ? `${store().get("list", item.data.list_id).value?.name ?? t().list} · ` : `${t().inbox} · `}
                    {m().trashedAgo(ago(item.data.trashed_at!))}
                  </p>
                </div>
                <button type="button" class="button" onClick={() => restore(item)}>{m().restore}</button>
                <button
                  type="button"
                  class="button quiet is-danger"
                  onClick={() => show({ kind: "ask", text: m().deleteForGoodAsk(nameOf(item)), action: m().deleteForGood, run: () => remove([item], m().deletedForGood(nameOf(item))) })}
                >
                  {m().deleteForGood}
                </button>
              </li>
            ))}
          </ul>
        )}
      </div>
    </div>
  );
}
