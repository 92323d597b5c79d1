import { useComputed } from "@preact/signals";

import { store } from "../../commands/app";
import { grid, type HeadRow } from "../../commands/grid";
import { show } from "../../commands/overlay";
import { currentRow } from "../../commands/selection";
import { t } from "../../texts";
import { Icon } from "../icons";
import { formatDate, longDate } from "../when";
import { COMPLETED } from "./rows";

function nameOf(row: HeadRow, today: string, folded: boolean): string {
  if (row.type === "section") return store().get("section", row.id).value?.name ?? t().section;
  if (row.key === COMPLETED) return folded ? t().showCompleted(row.count) : t().hideCompleted;
  if (row.key === "overdue") return t().overdue;
  if (row.key === "today" && !row.date) return t().today;
  if (!row.date) return row.key;
  if (row.key.startsWith("week:")) return t().weekOf(formatDate(row.date, { day: "numeric", month: "long" }));
  if (row.key.startsWith("month:")) return formatDate(row.date, { month: "long", year: "numeric" });
  return longDate(row.date, today);
}

function rescheduleAll(key: string, anchor: Element): void {
  const rows = grid.peek()?.rows() ?? [];
  const after = rows.slice(rows.findIndex((row) => row.key === key) + 1);
  const end = after.findIndex((row) => row.type !== "task");
  const ids = after.slice(0, end < 0 ? undefined : end).map((row) => row.id);
  if (ids.length > 0) show({ kind: "date", field: "due", ids, anchor });
}

/** A section, a day, or the door to the completed tasks: a row that opens and closes. */
export function Head({ row, index, folded, onMenu }: {
  row: HeadRow;
  index: number;
  folded: boolean;
  onMenu: (id: string, anchor: Element) => void;
}) {
  const current = useComputed(() => currentRow.value === row.key);
  const name = nameOf(row, store().today.value, folded);
  const quiet = row.key === COMPLETED;
  // A day of Upcoming without tasks has nothing to fold.
  const isEmpty = row.type === "heading" && row.count === 0;
  return (
    <div
      role="row"
      class={`row head ${quiet ? "head-quiet" : ""} ${row.key === "overdue" ? "head-late" : ""} ${isEmpty ? "head-empty" : ""}`}
      data-key={row.key}
      tabIndex={current.value ? 0 : -1}
      aria-level={1}
      aria-rowindex={index + 1}
      aria-expanded={isEmpty ? undefined : !folded}
      aria-label={quiet ? name : `${name}, ${t().tasks(row.count)}`}
    >
      <div role="gridcell" class="head-cell">
        {isEmpty ? <bdi class="head-name">{name}</bdi> : (
          <button
            type="button"
            class="head-name"
            tabIndex={-1}
            onClick={() => grid.peek()?.fold(row.key, !folded)}
          >
            <Icon name={folded ? "right" : "down"} size={16} />
            <bdi>{name}</bdi>
            {!quiet && <span class="count figures">{row.count}</span>}
          </button>
        )}
      </div>
      {row.key === "overdue" && (
        <div role="gridcell">
          <button type="button" class="head-action" tabIndex={-1} onClick={(event) => rescheduleAll(row.key, event.currentTarget)}>
            {t().rescheduleAll}
          </button>
        </div>
      )}
      {row.type === "section" && (
        <div role="gridcell" class="cell-more">
          <button
            type="button"
            class="icon-button"
            tabIndex={-1}
            aria-haspopup="menu"
            aria-label={t().moreFor(name)}
            onClick={(event) => onMenu(row.id, event.currentTarget)}
          >
            <Icon name="more" />
          </button>
        </div>
      )}
    </div>
  );
}
