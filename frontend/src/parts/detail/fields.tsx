import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

import { updateTasks } from "../../commands/tasks";
import type { Task } from "../../store/types";
import { t } from "../../texts";
import { m } from "../../texts/more";

const PAUSE = 800;

/**
 * A text that saves itself: when the field is left, or after a pause. Another device's change shows
 * at once, unless something is being typed here.
 */
function useSaving(value: string, save: (text: string) => void) {
  const field = useRef<HTMLTextAreaElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const saved = useRef(value);
  const keep = useRef(save);
  keep.current = save;
  const store = () => {
    clearTimeout(timer.current);
    const now = field.current?.value;
    if (now === undefined || now === saved.current) return;
    saved.current = now;
    keep.current(now);
  };
  useLayoutEffect(() => {
    const element = field.current!;
    const dirty = element.value !== saved.current;
    if (!dirty && element.value !== value) element.value = value;
    if (!dirty) saved.current = value;
    grow(element);
  }, [value]);
  useEffect(() => () => store(), []);
  return {
    field,
    store,
    onInput: () => {
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
  const { field, store, onInput } = useSaving(task.title, (text) => {
    const title = text.replace(/\s*\n\s*/g, " ").trim();
    if (title && title !== task.title) updateTasks([task.id], { title });
  });
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
      onBlur={(event) => {
        if (!event.currentTarget.value.trim()) event.currentTarget.value = task.title;
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
          field.current!.value = task.title;
          leave(field.current!);
        }
      }}
    />
  );
}

const ADDRESS = /https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]]/g;

export function Notes({ task }: { task: Task }) {
  const value = task.description ?? "";
  const { field, store, onInput } = useSaving(value, (text) => updateTasks([task.id], { description: text || null }));
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
            field.current!.blur();
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
