import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import { store } from "../../commands/app";
import { updateTasks } from "../../commands/tasks";
import { t } from "../../texts";
import { m } from "../../texts/more";
import { Dialog } from "../dialog";
import { prepareParser, understand } from "../quickadd/understand";
import { dayNumber, dayOf, shortMoment, weekday } from "../when";
import { Calendar } from "./calendar";

interface Props {
  ids: readonly string[];
  field: "due" | "start";
  anchor: Element | null;
  onClose: () => void;
}

/** Typing comes first; below are the days that are chosen most, the month, and the time. */
export function DatePicker({ ids, field, anchor, onClose }: Props) {
  const first = store().get("task", ids[0]!).peek();
  const before = first?.[field] ?? null;
  const text = useSignal("");
  const time = useSignal(before?.time?.slice(0, 5) ?? "");
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    void prepareParser();
    if (matchMedia("(pointer: fine)").matches) input.current?.focus();
  }, []);
  const today = store().today.value;
  // A title in front, since the grammar reads dates at the end of one.
  const meant = text.value.trim() ? understand(`x ${text.value}`)?.draft.due ?? null : null;

  const choose = (date: string | null, clock: string | null = time.value || null) => {
    const said = date
      ? m().dateSet(m()[field === "due" ? "dueName" : "startName"], shortMoment({ date, time: clock, timezone: null }, today))
      : m().dateRemoved;
    // Several tasks keep their own times, unless a time was chosen here.
    const keepsTime = ids.length > 1 && clock === (before?.time?.slice(0, 5) ?? null);
    onClose();
    updateTasks(
      ids,
      (task) => {
        // A rule without a due date has nothing to count from.
        if (!date) return { [field]: null, ...(field === "due" && task.recurrence ? { recurrence: null } : {}) };
        const own = task[field];
        const at = keepsTime ? (own?.time ?? null) : clock;
        return { [field]: { date, time: at, timezone: at ? (own?.timezone ?? null) : null } };
      },
      said,
    );
  };
  const monday = dayOf(dayNumber(today) + 8 - weekday(today));
  const quick: [string, string | null][] = [
    [t().today, today],
    [t().tomorrow, dayOf(dayNumber(today) + 1)],
    [m().nextWeek, monday],
    [m().noDate, null],
  ];
  return (
    <Dialog label={m()[field === "due" ? "dueName" : "startName"]} class="date-picker" anchor={anchor} onClose={onClose}>
      <input
        ref={input}
        class="input"
        aria-label={m().typeDate}
        placeholder={m().typeDateHint}
        value={text.value}
        autocomplete="off"
        onInput={(event) => (text.value = event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.isComposing) return;
          event.preventDefault();
          if (meant) choose(meant.date, meant.time ?? (time.value || null));
          else if (!text.value.trim()) choose(before?.date ?? today);
        }}
      />
      <p class="note date-meant" aria-live="polite">
        {meant ? shortMoment({ ...meant, timezone: null }, today) : text.value.trim() ? m().notADate : " "}
      </p>
      <div class="quick-days">
        {quick.map(([name, date]) => (
          <button key={name} type="button" class="button" onClick={() => choose(date)}>{name}</button>
        ))}
      </div>
      <Calendar value={before?.date ?? null} onChoose={(date) => choose(date)} />
      <div class="time-row">
        <label for="picker-time">{m().time}</label>
        <input
          id="picker-time"
          class="input figures"
          type="time"
          value={time.value}
          onInput={(event) => (time.value = event.currentTarget.value)}
        />
        <button type="button" class="button primary" onClick={() => choose(meant?.date ?? before?.date ?? today)}>{m().save}</button>
      </div>
      <p class="note">{before?.timezone && time.value ? m().timeIn(time.value, before.timezone) : time.value ? m().timeAnywhere(time.value) : " "}</p>
    </Dialog>
  );
}
