import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

import { forgetTyping, noteTyping, saveText } from "../../commands/drafts";
import { grid, renaming } from "../../commands/grid";
import type { Task } from "../../store/types";
import { t } from "../../texts";

/** The title as a field. */
export function Rename({ task }: { task: Task }) {
  const field = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => {
    field.current!.focus();
    field.current!.select();
  }, []);
  // What is typed replaces what was there when typing began, and is known when the field has gone.
  const base = useRef(task);
  const text = useRef(task.title);
  const over = useRef(false);
  const end = (save: boolean, refocus: boolean) => {
    if (over.current) return;
    over.current = true;
    if (renaming.peek() === task.id) renaming.value = null;
    if (save && text.current !== base.current.title) saveText(base.current, "title", text.current);
    else forgetTyping(base.current, "title");
    if (refocus) grid.peek()?.focus(task.id);
  };
  useEffect(() => () => end(true, false), []);
  return (
    <input
      ref={field}
      class="rename"
      dir="auto"
      maxLength={255}
      defaultValue={task.title}
      aria-label={t().title}
      onInput={(event) => noteTyping(base.current, "title", (text.current = event.currentTarget.value))}
      onClick={(event) => event.stopPropagation()}
      onBlur={() => end(true, false)}
      onKeyDown={(event) => {
        if (event.key !== "F6") event.stopPropagation();
        if (event.isComposing) return;
        if (event.key === "Enter") end(true, true);
        if (event.key === "Escape") end(false, true);
      }}
    />
  );
}
