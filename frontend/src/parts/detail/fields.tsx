import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

import { clean, forgetTyping, noteTyping, saveText, type TextField } from "../../commands/drafts";
import { grid } from "../../commands/grid";
import type { Task } from "../../store/types";
import { t } from "../../texts";
import { m } from "../../texts/more";

const PAUSE = 800;

/**
 * A text that saves itself: when the field is left, or after a pause. Another device's change shows
 * at once, unless something is being typed here: then the text began with what was there before.
 */
function useSaving(task: Task, name: TextField) {
  const value = task[name] ?? "";
  const field = useRef<HTMLTextAreaElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  // What is in the field, known also when the field has left the page.
  const text = useRef(value);
  const base = useRef(task);
  const isDirty = () => clean(text.current) !== (base.current[name] ?? "");
  const store = () => {
    clearTimeout(timer.current);
    if (!isDirty()) return forgetTyping(base.current, name);
    saveText(base.current, name, text.current);
    base.current = { ...base.current, [name]: clean(text.current) || null };
  };
  const set = (next: string) => {
    field.current!.value = text.current = next;
  };
  useLayoutEffect(() => {
    if (!isDirty()) {
      base.current = task;
      if (clean(text.current) !== value) set(value);
    }
    grow(field.current!);
  }, [task]);
  useEffect(() => {
    document.addEventListener("visibilitychange", store);
    return () => {
      document.removeEventListener("visibilitychange", store);
      store();
    };
  }, []);
  return {
    field,
    text,
    set,
    store,
    onInput: () => {
      text.current = field.current!.value;
      noteTyping(base.current, name, text.current);
      grow(field.current!);
      clearTimeout(timer.current);
      timer.current = setTimeout(store, PAUSE);
    },
  };
}

function grow(element: HTMLTextAreaElement): void {
  element.style.height = "auto";
  element.style.height = `${element.scrollHeight}px`;
}

/** Saves by leaving the field; the keys then belong to the pane. */
function leave(element: HTMLElement): void {
  element.closest<HTMLElement>(".detail")?.focus();
}

export function TitleField({ task }: { task: Task }) {
  const { field, text, set, store, onInput } = useSaving(task, "title");
  const before = useRef(task.title);
  return (
    <textarea
      ref={field}
      class="title-field"
      rows={1}
      dir="auto"
      maxLength={255}
      aria-label={t().title}
      defaultValue={task.title}
      onInput={onInput}
      onFocus={() => (before.current = text.current)}
      onBlur={() => {
        if (!text.current.trim() && field.current) set(task.title);
        store();
      }}
      onKeyDown={(event) => {
        if (event.isComposing) return;
        if (event.key === "Enter") {
          event.preventDefault();
          leave(field.current!);
        } else if (event.key === "Escape") {
          event.preventDefault();
          event.stopPropagation();
          set(before.current);
          leave(field.current!);
        }
      }}
    />
  );
}

const ADDRESS = /https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]]/g;

export function Notes({ task }: { task: Task }) {
  const value = task.description ?? "";
  const { field, store, onInput } = useSaving(task, "description");
  const links = [...new Set(value.match(ADDRESS) ?? [])];
  return (
    <div class="notes">
      <textarea
        ref={field}
        class="notes-field"
        rows={2}
        dir="auto"
        aria-label={m().notes}
        placeholder={m().notes}
        defaultValue={value}
        onInput={onInput}
        onBlur={store}
        onKeyDown={(event) => {
          if (event.isComposing) return;
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) leave(field.current!);
          if (event.key === "Escape") {
            event.preventDefault();
            // Beside the list, the row has the focus again; where the detail covers it, the pane.
            const row = grid.peek()?.rows().some(({ key }) => key === task.id) && matchMedia("(min-width: 68em)").matches;
            leave(field.current!);
            if (row) grid.peek()!.focus(task.id);
          }
        }}
      />
      {links.length > 0 && (
        <ul class="note-links">
          {links.map((link) => (
            <li key={link}><a href={link} target="_blank" rel="noopener noreferrer"><bdi>{link.replace(/^https?:\/\//, "")}</bdi></a></li>
          ))}
        </ul>
      )}
    </div>
  );
}
