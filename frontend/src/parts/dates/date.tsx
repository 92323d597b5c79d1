import { useSignal, type Signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import { store } from "../../commands/app";
import { updateTasks } from "../../commands/tasks";
import { t } from "../../texts";
import { m } from "../../texts/more";
import { Dialog } from "../dialog";
import { prepareParser, understand } from "../quickadd/understand";
import { dayNumber, dayOf, elsewhere, inZone, shortMoment, time, weekday, zoneName, type MomentLike } from "../when";
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
  const clock = useSignal(before?.time?.slice(0, 5) ?? "");
  const zone = useSignal(before?.timezone ?? null);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    void prepareParser();
    if (matchMedia("(pointer: fine)").matches) input.current?.focus();
  }, []);
  const today = store().today.value;
  // A title in front, since the grammar reads dates at the end of one.
  const meant = text.value.trim() ? understand(`x ${text.value}`)?.draft.due ?? null : null;
  const at = meant?.time ?? (clock.value || null);

  const choose = (date: string | null) => {
    const said = date
      ? m().dateSet(m()[field === "due" ? "dueName" : "startName"], shortMoment({ date, time: at, timezone: null }, today))
      : m().dateRemoved;
    // Several tasks keep their own times, unless a time or its zone was chosen here.
    const keepsTime = ids.length > 1 && at === (before?.time?.slice(0, 5) ?? null) && zone.value === (before?.timezone ?? null);
    onClose();
    updateTasks(
      ids,
      (task) => {
        // A rule without a due date has nothing to count from.
        if (!date) return { [field]: null, ...(field === "due" && task.recurrence ? { recurrence: null } : {}) };
        const own = task[field];
        if (keepsTime) return { [field]: { date, time: own?.time ?? null, timezone: own?.timezone ?? null } };
        return { [field]: { date, time: at, timezone: at ? zone.value : null } };
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
          if (meant) choose(meant.date);
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
      <Calendar value={before?.date ?? null} onChoose={choose} />
      <div class="time-row">
        <label for="picker-time">{m().time}</label>
        <input
          id="picker-time"
          class="input figures"
          type="time"
          value={clock.value}
          onInput={(event) => (clock.value = event.currentTarget.value)}
        />
        <button type="button" class="button primary" onClick={() => choose(meant?.date ?? before?.date ?? today)}>{m().save}</button>
      </div>
      <ZoneField zone={zone} disabled={!at} />
      <p class="note" aria-live="polite">{at ? inWords({ date: meant?.date ?? before?.date ?? today, time: at, timezone: zone.value }) : " "}</p>
    </Dialog>
  );
}

/** The zone of the time: none, so that it goes with the user, or that of a place. A day has none. */
function ZoneField({ zone, disabled }: { zone: Signal<string | null>; disabled: boolean }) {
  const own = store().user.value.timezone;
  const zones = new Set([...(zone.value ? [zone.value] : []), own, "UTC", ...Intl.supportedValuesOf("timeZone")]);
  return (
    <div class="time-row">
      <label for="picker-zone">{m().zone}</label>
      <select id="picker-zone" class="input" disabled={disabled} value={zone.value ?? ""} onChange={(event) => (zone.value = event.currentTarget.value || null)}>
        <option value="">{m().zoneFloating}</option>
        {[...zones].map((name) => <option key={name} value={name}>{name.replaceAll("_", " ")}</option>)}
      </select>
    </div>
  );
}

/** "17:00 wherever you are", or "17:00 in New York, 23:00 here". */
function inWords(moment: MomentLike): string {
  if (!moment.timezone) return m().timeAnywhere(time(moment));
  const { timezone } = store().user.value;
  const there = m().timeIn(time(moment), zoneName(moment.timezone));
  if (!elsewhere(moment, timezone)) return there;
  const here = inZone(moment, timezone);
  return m().timeHere(there, here.date === moment.date ? time(here) : shortMoment(here, store().today.value));
}
