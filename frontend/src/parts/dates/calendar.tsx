import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import { store } from "../../commands/app";
import { addMonths } from "../../rules/dates";
import { m } from "../../texts/more";
import { Icon } from "../icons";
import { dayNumber, dayOf, formatDate, weekday } from "../when";
import { dayName } from "./texts";

interface Props {
  value: string | null;
  onChoose: (date: string) => void;
}

/** A month as a grid, by the date picker pattern: arrows move by days, Page keys by months. */
export function Calendar({ value, onChoose }: Props) {
  const today = store().today.value;
  const cursor = useSignal(value ?? today);
  const table = useRef<HTMLTableElement>(null);
  const moved = useRef(false);
  useEffect(() => {
    if (value) cursor.value = value;
  }, [value]);
  useEffect(() => {
    if (moved.current) table.current?.querySelector<HTMLElement>("[tabindex='0']")?.focus();
    moved.current = false;
  }, [cursor.value]);

  const weekStart = store().user.value.week_start;
  const month = cursor.value.slice(0, 7);
  const first = dayNumber(`${month}-01`);
  const start = first - ((weekday(`${month}-01`) - weekStart + 7) % 7);
  const weeks = [0, 1, 2, 3, 4, 5].map((week) => [0, 1, 2, 3, 4, 5, 6].map((day) => dayOf(start + week * 7 + day)));
  const shown = weeks.filter((week, index) => index === 0 || week.some((day) => day.startsWith(month)));
  const go = (date: string) => {
    moved.current = true;
    cursor.value = date;
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const at = dayNumber(cursor.value);
    const inWeek = (weekday(cursor.value) - weekStart + 7) % 7;
    const years = event.shiftKey ? 12 : 1;
    const to: Record<string, () => string> = {
      ArrowLeft: () => dayOf(at - 1),
      ArrowRight: () => dayOf(at + 1),
      ArrowUp: () => dayOf(at - 7),
      ArrowDown: () => dayOf(at + 7),
      Home: () => dayOf(at - inWeek),
      End: () => dayOf(at + 6 - inWeek),
      PageUp: () => addMonths(cursor.value, -years),
      PageDown: () => addMonths(cursor.value, years),
    };
    const next = to[event.key];
    if (!next || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    go(next());
  };
  return (
    <div class="calendar">
      <div class="calendar-head">
        <button type="button" class="icon-button" aria-label={m().monthBefore} onClick={() => (cursor.value = addMonths(cursor.value, -1))}>
          <Icon name="back" size={18} />
        </button>
        <span aria-live="polite">{formatDate(`${month}-01`, { month: "long", year: "numeric" })}</span>
        <button type="button" class="icon-button calendar-next" aria-label={m().monthAfter} onClick={() => (cursor.value = addMonths(cursor.value, 1))}>
          <Icon name="back" size={18} />
        </button>
      </div>
      <table ref={table} role="grid" aria-label={formatDate(`${month}-01`, { month: "long", year: "numeric" })} onKeyDown={onKeyDown}>
        <thead>
          <tr>
            {[0, 1, 2, 3, 4, 5, 6].map((day) => {
              const index = (weekStart - 1 + day) % 7;
              return <th key={day} scope="col" abbr={dayName(index)}>{dayName(index, "short").slice(0, 2)}</th>;
            })}
          </tr>
        </thead>
        <tbody>
          {shown.map((week) => (
            <tr key={week[0]}>
              {week.map((day) => (
                <td key={day} role="gridcell" aria-selected={day === value}>
                  <button
                    type="button"
                    class={`day figures ${day.startsWith(month) ? "" : "is-other"} ${day === today ? "is-now" : ""}`}
                    tabIndex={day === cursor.value ? 0 : -1}
                    aria-label={formatDate(day, { weekday: "long", day: "numeric", month: "long", year: "numeric" })}
                    aria-current={day === today ? "date" : undefined}
                    onClick={() => onChoose(day)}
                  >
                    {Number(day.slice(8))}
                  </button>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
