import { useComputed } from "@preact/signals";
import { useRef } from "preact/hooks";

import { store } from "../../commands/app";
import { grid, renaming, type TaskRow } from "../../commands/grid";
import { openTask } from "../../commands/route";
import { currentRow, selected } from "../../commands/selection";
import { setCompleted } from "../../commands/tasks";
import { t } from "../../texts";
import { Icon } from "../icons";
import { doneBelow, dueOf, meta, spoken } from "./meta";
import { Rename } from "./rename";

interface Props {
  row: TaskRow;
  index: number;
  /** Rows below a section are one level deeper than their own depth. */
  deeper: number;
  folded: boolean;
  leaving: boolean;
  shows: Shows;
  /** The day that the heading above says, so that the row need not. */
  day: string | null;
  onMenu: (id: string, anchor: Element) => void;
}

/** What the surrounding screen says already, so that rows do not repeat it. */
export interface Shows {
  list: boolean;
}

const [CURRENT, CHOSEN, OPEN, RENAMED] = [1, 2, 4, 8];

// Signals paint a row again only if its own task or its props have changed.
export function Row({ row, index, deeper, folded, leaving, shows, day, onMenu }: Props) {
  const shown = store().get("task", row.id).value;
  // One signal for all, since each costs a row that is scrolled into view.
  const states = useComputed(
    () =>
      (currentRow.value === row.key ? CURRENT : 0) |
      (selected.value.has(row.id) ? CHOSEN : 0) |
      (openTask.value === row.id ? OPEN : 0) |
      (renaming.value === row.id ? RENAMED : 0),
  );
  const is = (state: number) => (states.value & state) > 0;
  // A task that another device removes keeps its row while its title is a field here.
  const last = useRef(shown);
  const task = shown ?? (is(RENAMED) ? last.current : undefined);
  last.current = task;
  if (!task) return null;
  const done = task.is_completed;
  const moment = dueOf(task);
  const expandable = row.children > doneBelow(task, row);
  return (
    <div
      role="row"
      class={`row ${done ? "is-done" : ""} ${leaving ? "is-leaving" : ""} ${is(OPEN) ? "is-open" : ""}`}
      data-key={row.key}
      data-task={row.id}
      tabIndex={is(CURRENT) ? 0 : -1}
      aria-level={row.level + deeper}
      aria-rowindex={index + 1}
      aria-selected={is(CHOSEN)}
      aria-expanded={expandable ? !folded : undefined}
      aria-label={spoken(task, row, moment)}
      style={row.level > 1 ? { "--depth": String(row.level - 1) } : undefined}
    >
      <div role="gridcell" class="cell-check">
        {expandable && (
          <button
            type="button"
            class="fold"
            tabIndex={-1}
            aria-label={folded ? t().expand : t().collapse}
            onClick={() => grid.peek()?.fold(row.key, !folded)}
          >
            <Icon name={folded ? "right" : "down"} size={16} />
          </button>
        )}
        <label class="tick">
          <input
            type="checkbox"
            class="check"
            tabIndex={-1}
            checked={done}
            aria-label={t().completeName(task.title)}
            onChange={(event) => {
              const wanted = event.currentTarget.checked;
              setCompleted([row.id], wanted);
              // A recurring task stays open with its next date, so the box must follow the task.
              event.currentTarget.checked = store().get("task", row.id).peek()?.is_completed ?? wanted;
            }}
          />
        </label>
      </div>
      <div role="gridcell" class="cell-title">
        {is(RENAMED) ? <Rename task={task} /> : <bdi class="title">{task.title}</bdi>}
        {meta(task, row, moment, shows, day)}
      </div>
      <div role="gridcell" class="cell-more">
        <button
          type="button"
          class="icon-button more"
          tabIndex={-1}
          aria-haspopup="menu"
          aria-label={t().moreFor(task.title)}
          onClick={(event) => onMenu(row.id, event.currentTarget)}
        />
      </div>
    </div>
  );
}

