import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";

import { act } from "../commands/app";
import { grid } from "../commands/grid";
import type { Command, Task } from "../store/types";
import { t } from "../texts";
import { Icon } from "./icons";
import { keepLine, keptLine } from "./quickadd/kept";
import { Line } from "./quickadd/line";
import { commandsFor, prepareParser, titled, understand, type Understood } from "./quickadd/understand";

export interface AddTo {
  /** What a task made here has from its place: its list, a date, a label. */
  data: Partial<Task>;
  /** In manual order: the task above which new ones go. */
  first?: string | null;
  name: string;
}

/** Without the marks of a list: "- ", "- [ ] ", and "1. " where every line has a number. */
function withoutMarks(lines: readonly string[]): string[] {
  const bare = lines.map((line) => line.replace(/^\s*(?:[-*+•]\s+)?(?:\[[ xX]?\]\s+)?/, "").trim()).filter(Boolean);
  const NUMBER = /^\d{1,3}[.)]\s+/;
  const isNumbered = bare.length > 1 && bare.every((line) => NUMBER.test(line)); // "3. March" is a date
  return isNumbered ? bare.map((line) => line.replace(NUMBER, "").replace(/^\[[ xX]?\]\s+/, "")) : bare;
}

/** One line, one task; several pasted lines become several tasks, in one undo step. */
export function createTasks(text: string, { data, name }: AddTo, before: string | null): readonly string[] {
  const titles = withoutMarks(text.split(/\r?\n/));
  if (titles.length === 0) return [];
  const commands = titles.map((title): Command => ({
    do: "create",
    type: "task",
    data: { ...data, ...(before ? { before_id: before } : {}), ...titled(title) },
  }));
  const said = titles.length === 1 ? t().added(titles[0]!) : t().addedMany(titles.length, name);
  return act(commands, said, { quiet: titles.length === 1 }).ids;
}

export function AddField({ to }: { to: AddTo }) {
  const field = useRef<HTMLInputElement>(null);
  const place = location.pathname;
  const text = useSignal(keptLine(place));
  const write = (line: string) => {
    text.value = line;
    keepLine(place, line);
  };
  // The row that was first when typing began: what is typed goes above it, in the order of typing.
  const before = useRef<string | null>(null);
  const create = (typed: string, meant: Understood | null) => {
    if (!meant) return createTasks(typed, to, before.current);
    const { title } = meant.draft;
    if (title) act(commandsFor(meant.draft, { ...to.data, before_id: before.current }), t().added(title), { quiet: true });
  };
  const add = (meant: Understood | null) => {
    const typed = text.value;
    if (!typed.trim() || (meant && !meant.draft.title)) return;
    text.value = "";
    const finish = (understood: Understood | null) => {
      create(typed, understood);
      if (!text.peek()) keepLine(place, ""); // only now: until then, a reload would lose it
    };
    // If the parser has not arrived yet, the line waits for it.
    if (meant) finish(meant);
    else void prepareParser().catch(() => {}).then(() => finish(understand(typed)));
  };
  return (
    <div class="add">
      <Icon name="plus" />
      <Line
        field={field}
        value={text.value}
        label={t().addTaskTo(to.name)}
        placeholder={t().addTask}
        onInput={write}
        onFocus={() => (before.current = to.first ?? null)}
        onEnter={add}
        onEscape={() => {
          if (text.value) write("");
          else field.current?.blur();
        }}
        onLeaveDown={() => {
          const row = grid.peek()?.rows()[0];
          if (row) grid.peek()?.focus(row.key);
        }}
        onPasteLines={(pasted) => {
          createTasks(pasted, to, before.current);
          write("");
        }}
      />
    </div>
  );
}
