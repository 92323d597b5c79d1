import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import { act, store } from "../../commands/app";
import { route, showTask } from "../../commands/route";
import type { Task } from "../../store/types";
import { t } from "../../texts";
import { Dialog } from "../dialog";
import { Chips } from "./chips";
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

export function QuickAdd({ onClose }: { onClose: () => void }) {
  const text = useSignal("");
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const understood = understand(text.value);

  const add = async (given: Understood | null, held: boolean) => {
    // Whoever is faster than the parser's arrival loses none of it.
    if (!given) await prepareParser().catch(() => {});
    const meant = given ?? understand(text.value);
    const title = meant ? meant.draft.title : text.value.trim();
    if (!title) return;
    const draft = meant?.draft ?? {
      title, list_id: null, section_id: null, labels: [], priority: null, due: null, duration_minutes: null, recurrence: null,
    };
    const commands = commandsFor(draft, fromPlace());
    const { ids } = act(commands, t().added(title));
    text.value = "";
    if (held) {
      onClose();
      showTask(ids.at(-1)!);
    }
  };
  return (
    <Dialog label={t().quickAdd} class="quick-add" onClose={onClose}>
      <Line
        class="line-large"
        value={text.value}
        field={field}
        label={t().quickAdd}
        placeholder={t().quickAddHint}
        onInput={(value) => (text.value = value)}
        onEnter={(meant, held) => void add(meant, held)}
        onEscape={onClose}
      />
      <Chips
        understood={understood}
        onEscape={(at) => {
          text.value = `${text.value.slice(0, at)}\\${text.value.slice(at)}`;
          field.current?.focus();
        }}
      />
      <footer class="quick-foot">
        <span class="keys note">{t().quickAddKeys}</span>
        <button type="button" class="button primary" aria-disabled={!text.value.trim()} onClick={() => void add(understood, false)}>
          {t().add}
        </button>
      </footer>
    </Dialog>
  );
}
