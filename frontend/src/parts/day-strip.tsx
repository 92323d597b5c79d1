import "../styles/day-strip.css";

import { store } from "../commands/app";
import { grid } from "../commands/grid";
import type { View } from "../store/types";
import { t } from "../texts";
import { m } from "../texts/more";
import { dayNumber, dayOf, formatDate, longDate } from "./when";

const DAYS = 7;

/** The next seven days above Upcoming: each leads to its heading, and takes tasks that are dropped on it. */
export function DayStrip({ view }: { view: View }) {
  const today = store().today.value;
  const counts = new Map<string, number>();
  for (const line of view.lines.value) if (line.type === "heading") counts.set(line.key, line.count);
  const jump = (key: string) => {
    grid.peek()?.reveal(key, "start");
    grid.peek()?.focus(key);
  };
  return (
    <nav class="days" aria-label={m().nextDays}>
      {Array.from({ length: DAYS }, (_none, n) => dayOf(dayNumber(today) + n)).map((day) => {
        const count = counts.get(`day:${day}`) ?? 0;
        const [name, number] = [formatDate(day, { weekday: "short" }), String(Number(day.slice(8)))];
        return (
          <button
            key={day}
            type="button"
            class={`day-jump ${count > 0 ? "has-tasks" : ""}`}
            data-day={day}
            aria-current={day === today ? "date" : undefined}
            // It begins with what is seen, so that speech input finds it.
            aria-label={`${name} ${number}, ${t().tasks(count)}`}
            title={longDate(day, today)}
            onClick={() => jump(`day:${day}`)}
          >
            <span class="day-name">{name}</span>{" "}
            <span class="figures">{number}</span>
          </button>
        );
      })}
    </nav>
  );
}
