import { signal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";

import { act } from "../../commands/app";
import { grid } from "../../commands/grid";
import type { Task } from "../../store/types";
import { t } from "../../texts";

/** The task whose title is a field just now. */
export const renaming = signal<string | null>(null);

export function Title({ task }: { task: Task }) {
  if (renaming.value === task.id) return <Rename task={task} />;
  return <bdi class="title">{task.title}</bdi>;
}

function Rename({ task }: { task: Task }) {
  const field = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => {
    field.current!.focus();
    field.current!.select();
  }, []);
  const end = (save: boolean, refocus: boolean) => {
    if (renaming.peek() !== task.id) return;
    renaming.value = null;
    const title = field.current!.value.trim();
    if (save && title && title !== task.title) {
      act([{ do: "update", type: "task", id: task.id, data: { title } }], t().renamed, { quiet: true });
    }
    if (refocus) grid.peek()?.focus(task.id);
  };
  return (
    <input
      ref={field}
      class="rename"
      dir="auto"
      maxLength={255}
      defaultValue={task.title}
      aria-label={t().title}
      onClick={(event) => event.stopPropagation()}
      onBlur={() => end(true, false)}
      onKeyDown={(event) => {
        event.stopPropagation();
        if (event.isComposing) return;
        if (event.key === "Enter") end(true, true);
        if (event.key === "Escape") end(false, true);
      }}
    />
  );
}
