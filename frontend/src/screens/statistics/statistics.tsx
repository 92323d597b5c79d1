import "../../styles/pages.css";
import "../../styles/statistics.css";

import { useEffect, useMemo } from "preact/hooks";

import { store } from "../../commands/app";
import { dayName } from "../../parts/dates/texts";
import { Dot, Icon } from "../../parts/icons";
import { formatDate } from "../../parts/when";
import { t } from "../../texts";
import { m } from "../../texts/more";
import { Bars, Curve, Figure, Heat } from "./charts";
import { countCompleted } from "./counts";

const LISTS = 8;

/** Four charts of what was completed, from the copy on the device. */
export function Statistics() {
  const user = store().user.value;
  const today = store().today.value;
  const state = store().status.value.lastSync;
  const counts = useMemo(
    () => countCompleted(store().allTasks(), today, user.timezone, user.week_start),
    [today, user.timezone, user.week_start, state],
  );
  useEffect(() => {
    document.title = `${t().statistics} · ${t().appName}`;
  });
  const { days, weeks, hours, lists, total } = counts;
  const short = (date: string) => formatDate(date, { day: "numeric", month: "short" });
  const month = days.reduce((sum, { n }) => sum + n, 0);
  const week = weeks.at(-1)!.n;
  const byDay = hours.map((row) => row.reduce((sum, n) => sum + n, 0));
  const best = byDay.indexOf(Math.max(...byDay));
  const listName = (id: string | null) => (id ? (store().get("list", id).value?.name ?? m().deletedList) : t().inbox);
  const shown = lists.slice(0, LISTS);
  return (
    <div class="scroll">
      <div class="page sheet statistics">
        <h1>{t().statistics}</h1>
        {total === 0 ? (
          <div class="empty">
            <Icon name="chart" size={40} />
            <p>{m().emptyStatistics}</p>
          </div>
        ) : (
          <div class="charts">
            <Figure
              title={m().byDay}
              sentence={m().doneInMonth(month)}
              table={{ head: [m().date, m().completedWord], rows: days.map(({ date, n }) => [short(date), String(n)]) }}
            >
              <Bars values={days.map(({ n }) => n)} label={m().doneInMonth(month)} />
            </Figure>
            <Figure
              title={m().byWeek}
              sentence={m().doneThisWeek(week)}
              table={{ head: [m().weekName, m().completedWord], rows: weeks.map(({ date, n }) => [short(date), String(n)]) }}
            >
              <Curve values={weeks.map(({ n }) => n)} label={m().doneThisWeek(week)} />
            </Figure>
            <Figure
              title={m().byHour}
              sentence={m().mostOn(dayName(best))}
              table={{ head: [m().hourName, ...hours.map((_row, day) => dayName(day, "short"))], rows: Array.from({ length: 24 }, (_none, hour) => [`${hour}:00`, ...hours.map((row) => String(row[hour]))]) }}
            >
              <Heat rows={hours} names={hours.map((_row, day) => dayName(day, "short").slice(0, 2))} label={m().mostOn(dayName(best))} />
            </Figure>
            <Figure
              title={m().byList}
              sentence={m().mostIn(listName(lists[0]!.id), lists[0]!.n)}
              table={{ head: [t().list, m().completedWord], rows: lists.map(({ id, n }) => [listName(id), String(n)]) }}
            >
              <ul class="list-bars">
                {shown.map(({ id, n }) => (
                  <li key={id}>
                    <span class="list-bar-name">{id && <Dot color={store().get("list", id).value?.color} />}<bdi>{listName(id)}</bdi></span>
                    <span class="list-bar"><span style={{ width: `${(n / shown[0]!.n) * 100}%` }} /></span>
                    <span class="count figures">{n}</span>
                  </li>
                ))}
              </ul>
            </Figure>
          </div>
        )}
      </div>
    </div>
  );
}
