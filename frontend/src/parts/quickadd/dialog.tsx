import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";

import { act, store } from "../../commands/app";
import { takeTypedAhead, type AddAt } from "../../commands/overlay";
import { route, showTask } from "../../commands/route";
import type { Task } from "../../store/types";
import { t } from "../../texts";
import { m } from "../../texts/more";
import { Dialog } from "../dialog";
import { Chips } from "./chips";
import { keepLine, keptLine } from "./kept";
import { Line } from "./line";
import { commandsFor, prepareParser, understand, type Understood } from "./understand";

/** A task made here belongs to the place that is on the screen. */
function fromPlace(): Partial<Task> {
  const now = route.peek();
  if (now.at === "list" && store().get("list", now.id).peek()) return { list_id: now.id };
  if (now.at === "label" && store().get("label", now.id).peek()) return { label_ids: [now.id] };
  if (now.at === "today") return { due: { date: store().today.peek(), time: null, timezone: null } };
  return {};
}

/** Below a task or as its subtask, in the place of that task. */
function beside({ id, asChild }: AddAt): { data: Partial<Task> & { after_id?: string }; note: string } | null {
  const task = store().get("task", id).peek();
  if (!task) return null;
  if (asChild) return { data: { parent_id: id }, note: m().asSubtaskOf(task.title) };
  const { list_id, section_id, parent_id } = task;
  return { data: { list_id, section_id, parent_id, after_id: id }, note: m().below(task.title) };
}

export function QuickAdd({ at, onClose }: { at?: AddAt; onClose: () => void }) {
  const place = useMemo(() => at && beside(at), []);
  // What is added next goes below what was added last.
  const last = useRef<string | null>(null);
  // Lines that were entered before the dialog was there are added; the rest is in the field.
  const ahead = useMemo(() => takeTypedAhead().split("\n"), []);
  const before = useMemo(() => keptLine("quick-add"), []);
  const text = useSignal(ahead.at(-1)! || before);
  const write = (line: string) => {
    text.value = line;
    keepLine("quick-add", line);
  };
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    field.current?.focus();
    // What was left here may go on, or be typed over.
    if (before && text.value === before) field.current?.select();
    void (async () => {
      for (const line of ahead.slice(0, -1)) await create(line, null);
    })();
  }, []);
  const understood = understand(text.value);

  const create = async (line: string, given: Understood | null): Promise<string | null> => {
    const typed = line.trim();
    if (!typed) return null;
    // Whoever is faster than the parser's arrival loses none of it.
    if (!given) await prepareParser().catch(() => {});
    const meant = given ?? understand(typed);
    const draft = meant?.draft.title ? meant.draft : {
      title: typed, list_id: null, section_id: null, labels: [], priority: null, due: null, duration_minutes: null, recurrence: null,
    };
    const data = place ? { ...place.data, ...(place.data.after_id && last.current ? { after_id: last.current } : {}) } : fromPlace();
    const { ids } = act(commandsFor(draft, data), t().added(draft.title));
    return (last.current = ids.at(-1)!);
  };
  const add = async (given: Understood | null, held: boolean) => {
    const typed = text.value;
    if (!typed.trim() || (given && !given.draft.title)) return;
    write("");
    const id = await create(typed, given);
    if (!held || !id) return;
    onClose();
    showTask(id);
  };
  return (
    <Dialog label={t().quickAdd} class="quick-add" onClose={onClose}>
      {place && <p class="note"><bdi>{place.note}</bdi></p>}
      <Line
        class="line-large"
        value={text.value}
        field={field}
        label={t().quickAdd}
        placeholder={m().quickAddHint}
        onInput={write}
        onEnter={(meant, held) => void add(meant, held)}
        onEscape={onClose}
      />
      <Chips
        understood={understood}
        onEscape={(at) => {
          write(`${text.value.slice(0, at)}\\${text.value.slice(at)}`);
          field.current?.focus();
        }}
      />
      <footer class="quick-foot">
        <span class="keys note">{m().quickAddKeys}</span>
        <button type="button" class="button primary" aria-disabled={!text.value.trim()} onClick={() => void add(understood, false)}>
          {m().add}
        </button>
      </footer>
    </Dialog>
  );
}
