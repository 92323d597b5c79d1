import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";

import { dayOfHead, grid, headAbove, renaming, type Grid, type HeadRow, type Row as AnyRow } from "../../commands/grid";
import { showTask } from "../../commands/back";
import { prepareMoving } from "../../commands/order";
import { clearSelection, currentRow, extendSelection, selecting, toggleSelected } from "../../commands/selection";
import type { View } from "../../store/types";
import { whenIdle } from "../lazily";
import { Head } from "./head";
import { dropLine } from "./drop-line";
import { onGridKey } from "./keys";
import { Row, type Shows } from "./row";
import { COMPLETED, makeRows } from "./rows";
import { useWindow } from "./virtual";

// Dragging and moving arrive when there is nothing else to do.
let startDrag: typeof import("./drag").startDrag | null = null;
const prepare = () => {
  void import("./drag").then((part) => (startDrag = part.startDrag));
  void prepareMoving();
};

interface Props {
  view: View;
  name: string;
  shows: Shows;
  manual: boolean;
  /** What the place says when there is nothing in it. */
  empty: ComponentChildren;
  /** Completed tasks are shown at once, since they were asked for. */
  openCompleted?: boolean;
  onTaskMenu: (id: string, anchor: Element) => void;
  onSectionMenu: (id: string, anchor: Element) => void;
}

export function TreeGrid({ view, name, shows, manual, empty, openCompleted = false, onTaskMenu, onSectionMenu }: Props) {
  const element = useRef<HTMLDivElement>(null);
  const inside = useSignal(false);
  const made = useMemo(
    () => makeRows(view, (key) => inside.peek() || element.current?.querySelector(`[data-key="${CSS.escape(key)}"]`)?.contains(document.activeElement) === true, openCompleted),
    [view],
  );
  useEffect(() => () => made.dispose(), [made]);
  useEffect(() => whenIdle(prepare), []);
  const rows = made.rows.value;
  const { first, last, above, below, reveal } = useWindow(element, made.rows);

  // The row that takes part in the tab order must always exist; the first one does at the start.
  const hadFocus = element.current?.contains(document.activeElement) === true;
  const before = useRef<readonly AnyRow[]>([]);
  const current = currentRow.value;
  const known = useMemo(() => rows.some((row) => row.key === current), [rows, current]);
  useLayoutEffect(() => {
    if (!known && rows.length > 0) {
      const next = neighbour(before.current, rows, currentRow.peek());
      currentRow.value = next;
      if (hadFocus && !element.current?.contains(document.activeElement)) requestAnimationFrame(() => focus(next));
    }
    before.current = rows;
  });

  const wanted = useRef<string | null>(null);
  const reach = () => {
    const key = wanted.current;
    const found = key !== null && element.current?.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`);
    if (!found) return false;
    wanted.current = null;
    found.focus();
    return true;
  };
  // A row that moved, or was outside the window, gets the focus as soon as it is in the document:
  // before the next key is read.
  useLayoutEffect(() => void reach());
  const focus = (key: string) => {
    reveal(key);
    currentRow.value = key;
    wanted.current = key;
    const again = (tries: number) => {
      if (wanted.current !== key || reach()) return;
      if (tries > 0) requestAnimationFrame(() => again(tries - 1));
      else wanted.current = null;
    };
    again(3);
  };
  const api = useMemo<Grid>(
    () => ({
      rows: () => made.rows.peek(),
      shown: made.rows,
      reveal: (key, block = "nearest") => {
        reveal(key);
        requestAnimationFrame(() => element.current?.querySelector(`[data-key="${CSS.escape(key)}"]`)?.scrollIntoView({ block }));
      },
      focus: (key) => {
        wanted.current = key;
        requestAnimationFrame(() => {
          if (wanted.current !== key) return;
          wanted.current = null;
          focus(key);
        });
      },
      keep: made.keep,
      isLingering: made.isLingering,
      rename: (id) => (renaming.value = id),
      fold: made.fold,
      isFolded: made.isFolded,
      manual,
    }),
    [made, manual],
  );
  useEffect(() => {
    grid.value = api;
    return () => {
      if (grid.peek() === api) grid.value = null;
    };
  }, [api]);

  const onClick = (event: MouseEvent) => {
    const target = event.target as Element;
    if (target.closest("button, input, label, a, [role=menu]")) return;
    const row = target.closest<HTMLElement>("[role=row]");
    const id = row?.dataset["task"];
    if (!row || !id) return;
    currentRow.value = id;
    if (event.shiftKey) {
      extendSelection(current ?? id, id, taskIds(rows));
      getSelection()?.removeAllRanges();
    } else if (event.ctrlKey || event.metaKey || selecting.value) toggleSelected(id);
    else {
      clearSelection();
      showTask(id);
    }
    row.focus({ preventScroll: true });
  };

  if (rows.length === 0) return <div class="empty">{empty}</div>;
  // Only the window is gone through; the focused row stays mounted wherever the window is.
  const at = rows.findIndex((row) => row.key === current);
  const shown: number[] = [];
  if (at >= 0 && at < first) shown.push(at);
  for (let index = first; index < last; index++) shown.push(index);
  if (at >= last) shown.push(at);
  let head: HeadRow | null = null;
  let previous = -2;
  return (
    <div
      ref={element}
      class="grid"
      role="treegrid"
      aria-label={name}
      aria-multiselectable="true"
      aria-rowcount={rows.length}
      onClick={onClick}
      onPointerDown={(event) => startDrag?.(event, element.current!, (id, row) => onTaskMenu(id, row.querySelector(".cell-more button") ?? row))}
      onKeyDown={(event) => onGridKey(event, api, focus)}
      onFocusIn={(event) => {
        const key = (event.target as Element).closest<HTMLElement>("[role=row]")?.dataset["key"];
        if (key) currentRow.value = key;
      }}
      onPointerEnter={(event) => (inside.value = event.pointerType === "mouse")}
      onPointerLeave={() => (inside.value = false)}
      onContextMenu={(event) => {
        const row = (event.target as Element).closest<HTMLElement>("[role=row]");
        const id = row?.dataset["task"];
        if (!row || !id || getSelection()?.toString()) return;
        event.preventDefault();
        currentRow.value = id;
        onTaskMenu(id, row.querySelector(".cell-more button") ?? row);
      }}
    >
      {above > 0 && <div class="spacer" style={{ height: `${above}px` }} aria-hidden="true" />}
      {shown.map((index) => {
        const row = rows[index]!;
        if (row.type !== "task") head = row;
        else if (index !== previous + 1) head = headAbove(rows, index);
        previous = index;
        if (row.type !== "task") return <Head key={row.key} row={row} index={index} folded={made.isFolded(row.key)} onMenu={onSectionMenu} />;
        return (
          <Row
            key={row.key}
            row={row}
            index={index}
            deeper={head && head.key !== COMPLETED ? 1 : 0}
            folded={made.isFolded(row.key)}
            leaving={made.leaving.value.has(row.key)}
            shows={shows}
            day={dayOfHead(head)}
            onMenu={onTaskMenu}
          />
        );
      })}
      <DropLine />
      {below > 0 && <div class="spacer" style={{ height: `${below}px` }} aria-hidden="true" />}
    </div>
  );
}

function DropLine() {
  const line = dropLine.value;
  if (!line) return null;
  return <div class="drop-line" role="presentation" style={{ top: `${line.top - 1}px`, insetInlineStart: `${line.left}px` }} />;
}

export function taskIds(rows: readonly AnyRow[]): string[] {
  return rows.filter((row) => row.type === "task").map((row) => row.id);
}

/** Where the focus goes when its row has left: the next row of those before, else the previous. */
function neighbour(before: readonly AnyRow[], now: readonly AnyRow[], gone: string | null): string {
  const keys = new Set(now.map((row) => row.key));
  const at = before.findIndex((row) => row.key === gone);
  if (at >= 0) {
    const next = before.slice(at + 1).find((row) => keys.has(row.key)) ?? before.slice(0, at).findLast((row) => keys.has(row.key));
    if (next) return next.key;
  }
  return now[0]!.key;
}

