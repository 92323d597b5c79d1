import "../styles/pages.css";

import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";

import { say, store } from "../commands/app";
import { go } from "../commands/route";
import { Drawing } from "../parts/empty";
import { Icon } from "../parts/icons";
import { t } from "../texts";
import { m } from "../texts/more";
import { Results } from "./results";

const PAUSE = 60;

/** Searches the copy on the device, as one types. */
export function Search({ text, completed }: { text: string; completed: boolean }) {
  const typed = useSignal(text);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    document.title = `${t().search} · ${t().appName}`;
    field.current?.focus();
  }, []);
  useEffect(() => {
    // Another search came with the address: back, forward or a link.
    if (text !== typed.peek().trim() && text !== typed.peek()) typed.value = text;
  }, [text]);
  const pending = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(pending.current), []);
  const to = (words: string, all: boolean) => {
    const query = new URLSearchParams(words ? { q: words } : {});
    if (all) query.set("completed", "");
    const tail = query.toString();
    go(`/search${tail ? `?${tail}` : ""}`, { replace: true });
  };
  const words = text.trim();
  const view = useMemo(() => (words ? store().view({ show: "search", text: words, includeCompleted: completed }) : null), [words, completed]);
  useEffect(() => () => view?.dispose(), [view]);
  const found = view ? view.lines.value.length + view.completed.value.length : 0;
  useEffect(() => {
    if (!words) return;
    // Once typing pauses, and the results have settled.
    const timer = setTimeout(() => say(m().results(found)), 500);
    return () => clearTimeout(timer);
  }, [words, found]);
  return (
    <div class="scroll">
      <div class="page">
        <h1 class="hidden">{t().search}</h1>
        <div class="search-bar">
          <Icon name="search" />
          <input
            ref={field}
            class="search-field"
            type="search"
            dir="auto"
            enterkeyhint="search"
            autocomplete="off"
            aria-label={t().search}
            placeholder={m().searchHint}
            value={typed.value}
            onInput={(event) => {
              // The letter is painted first, then what it finds.
              const value = (typed.value = event.currentTarget.value);
              clearTimeout(pending.current);
              pending.current = setTimeout(() => to(value, completed), PAUSE);
            }}
            onKeyDown={(event) => {
              if (event.isComposing) return;
              if (event.key === "ArrowDown" || event.key === "Enter") {
                event.preventDefault();
                document.querySelector<HTMLElement>("[role=treegrid] [role=row]")?.focus();
              }
              if (event.key === "Escape" && !typed.value) field.current?.blur();
            }}
          />
        </div>
        <label class="switch search-switch">
          <input type="checkbox" class="check" checked={completed} onChange={(event) => to(typed.value, event.currentTarget.checked)} />
          {m().includeCompleted}
        </label>
        {view ? (
          <Results
            view={view}
            name={t().search}
            openCompleted
            empty={
              <>
                <Drawing of="tray" />
                <p>{m().noMatch(words)}</p>
                {!completed && <button type="button" class="button quiet" onClick={() => to(typed.value, true)}>{m().includeCompleted}</button>}
              </>
            }
          />
        ) : (
          <p class="note search-start">{m().searchStart}</p>
        )}
      </div>
    </div>
  );
}
