/** Moving through the rows of a treegrid, after the pattern of the ARIA Authoring Practices. */
import type { Grid, Row } from "../../commands/grid";
import { pendingKey } from "../../commands/keyboard";
import { clearSelection, currentRow, extendSelection, selectAll, selecting, toggleSelected } from "../../commands/selection";

const PAGE = 10;

export function onGridKey(event: KeyboardEvent, grid: Grid, focus: (key: string) => void): void {
  const target = event.target as HTMLElement;
  // The second key of a pair is not one of the list's.
  if (event.isComposing || event.defaultPrevented || pendingKey.peek() !== null || target.matches("input:not([type=checkbox]), textarea")) return;
  const element = target.closest<HTMLElement>("[role=row]");
  if (!element) return;
  const rows = grid.rows();
  const at = rows.findIndex((row) => row.key === element.dataset["key"]);
  const row = rows[at];
  if (!row) return;
  const ids = () => rows.filter((r) => r.type === "task").map((r) => r.id);
  const go = (index: number) => {
    const next = rows[Math.max(0, Math.min(rows.length - 1, index))];
    if (next) focus(next.key);
    return next;
  };
  const held = event.ctrlKey || event.metaKey;
  if (event.altKey) return;
  if (held) {
    if (event.key.toLowerCase() !== "a" || event.shiftKey) return;
    selectAll(ids());
  } else if (event.shiftKey && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    const next = go(at + (event.key === "ArrowDown" ? 1 : -1));
    if (next?.type === "task" && row.type === "task") extendSelection(row.id, next.id, ids());
  } else if (event.shiftKey) return;
  else if (event.key === "ArrowDown" || event.key === "j") go(at + 1);
  else if (event.key === "ArrowUp" || event.key === "k") go(at - 1);
  else if (event.key === "Home") go(0);
  else if (event.key === "End") go(rows.length - 1);
  else if (event.key === "PageDown") go(at + PAGE);
  else if (event.key === "PageUp") go(at - PAGE);
  else if (event.key === "x" && row.type === "task") toggleSelected(row.id);
  else if (event.key === "Escape" && selecting.peek()) clearSelection();
  else if (event.key === "ArrowRight") into(target, element, row, grid);
  else if (event.key === "ArrowLeft") out(target, element, row, grid, rows, at, focus);
  else if (row.type !== "task" && target === element && (event.key === "Enter" || event.key === " ")) {
    grid.fold(row.key, !grid.isFolded(row.key));
  } else return;
  event.preventDefault();
}

const CONTROLS = "input, button";

function opens(row: Row): boolean {
  return row.type !== "task" || row.children > row.completedChildren;
}

/** Right: unfold, then step through the controls of the row. */
function into(target: HTMLElement, element: HTMLElement, row: Row, grid: Grid): void {
  if (target === element && opens(row) && grid.isFolded(row.key)) return grid.fold(row.key, false);
  const controls = [...element.querySelectorAll<HTMLElement>(CONTROLS)];
  const next = controls[controls.indexOf(target) + 1];
  next?.focus();
}

/** Left: back through the controls to the row, then fold, then to the parent. */
function out(target: HTMLElement, element: HTMLElement, row: Row, grid: Grid, rows: readonly Row[], at: number, focus: (key: string) => void): void {
  if (target !== element) {
    const controls = [...element.querySelectorAll<HTMLElement>(CONTROLS)];
    const before = controls[controls.indexOf(target) - 1];
    (before ?? element).focus();
    return;
  }
  if (opens(row) && !grid.isFolded(row.key)) return grid.fold(row.key, true);
  if (row.type !== "task") return;
  const parent = rows.slice(0, at).findLast((r) => r.type !== "task" || r.level < row.level);
  if (parent) {
    currentRow.value = parent.key;
    focus(parent.key);
  }
}
