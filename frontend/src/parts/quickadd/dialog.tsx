import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";

import { grid } from "../../commands/grid";
import { takeTypedAhead, type AddAt } from "../../commands/overlay";
import { showTask } from "../../commands/back";
import { t } from "../../texts";
import { m } from "../../texts/more";
import { Dialog } from "../dialog";
import { Chips } from "./chips";
import { beside, create } from "./create";
import { keepLine, keptLine } from "./kept";
import { Line } from "./line";
import { understand, type Understood } from "./understand";

export { Entered } from "./entered";

export function QuickAdd({ at, onClose: close }: { at?: AddAt; onClose: () => void }) {
  const place = useMemo(() => at && beside(at), []);
  // What is added next goes below what was added last.
  const last = useRef<string | null>(null);
  // Beside a task, the focus goes on from what was added there.
  const onClose = () => {
    close();
    const added = at && last.current;
    if (added) requestAnimationFrame(() => grid.peek()?.focus(added));
  };
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
      for (const line of ahead.slice(0, -1)) await enter(line, null);
    })();
  }, []);
  const understood = understand(text.value);

  const enter = async (line: string, given: Understood | null): Promise<string | null> => {
    const id = await create(line, given, place ?? null, last.current);
    last.current = id ?? last.current;
    return id;
  };
  const add = async (given: Understood | null, held: boolean) => {
    const typed = text.value;
    if (!typed.trim() || (given && !given.draft.title)) return;
    text.value = "";
    const id = await enter(typed, given);
    if (!text.peek()) keepLine("quick-add", ""); // only now: until then, a reload would lose it
    if (!held || !id) return;
    close();
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
