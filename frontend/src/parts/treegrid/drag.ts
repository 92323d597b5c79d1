/**
 * Dragging rows: a mouse after 4 px, a finger after 350 ms. In manual order a line shows the place
 * and the level; places of the sidebar and days take tasks of every list.
 */
import "../../styles/dragging.css";

import { store } from "../../commands/app";
import { drop, placeOfDrop } from "../../commands/drop";
import { grid, type Row } from "../../commands/grid";
import { canReorder } from "../../commands/order";
import { selected } from "../../commands/selection";
import type { TaskPlace } from "../../store/types";
import { t } from "../../texts";
import { dropLine } from "./drop-line";
import { placeAt, type DropPlace } from "./drop-places";

const MOUSE = 4;
const HOLD = 350;
const LEVEL = 24;
const EDGE = 48;
const DEEPEST = 5;

export function startDrag(down: PointerEvent, list: HTMLElement, onLongPress: (id: string, row: HTMLElement) => void): void {
  const row = (down.target as Element).closest<HTMLElement>("[role=row]");
  const id = row?.dataset["task"];
  if (!row || !id || down.button !== 0 || (down.target as Element).closest("button, input, label, a")) return;
  const chosen = selected.peek();
  const ids = chosen.has(id) ? (grid.peek()?.rows() ?? []).filter((each) => chosen.has(each.id)).map((each) => each.id) : [id];
  const touch = down.pointerType !== "mouse";
  const scroller = list.closest<HTMLElement>(".scroll")!;
  let dragging = false;
  let hasMoved = false;
  let gap: TaskPlace | null = null;
  let place: DropPlace | null = null;
  let ghost: HTMLElement | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let scrolling = 0;
  let last = down;

  const begin = () => {
    dragging = true;
    ghost = showGhost(ids);
    follow();
    list.classList.add("is-dragging");
    for (const each of ids) list.querySelector(`[data-task="${CSS.escape(each)}"]`)?.classList.add("is-dragged");
    getSelection()?.removeAllRanges();
    scrolling = requestAnimationFrame(scroll);
  };
  const scroll = () => {
    const pane = below()?.closest(".sidebar") ?? scroller;
    const box = pane.getBoundingClientRect();
    const above = box.top + EDGE - last.clientY;
    const under = last.clientY - (box.bottom - EDGE);
    if (above > 0) pane.scrollTop -= above / 4;
    else if (under > 0) pane.scrollTop += under / 4;
    if (above > 0 || under > 0) point();
    scrolling = requestAnimationFrame(scroll);
  };
  const below = () => document.elementFromPoint(last.clientX, last.clientY);
  const point = () => {
    const at = below();
    const between = canReorder(ids) && scroller.contains(at);
    gap = between ? gapAt(last, down, list, new Set(ids)) : null;
    if (!gap) dropLine.value = null;
    mark(between ? null : placeAt(at, ids));
    follow();
  };
  const follow = () => ghost?.style.setProperty("translate", `${last.clientX + 14}px ${last.clientY + 10}px`);
  const mark = (next: DropPlace | null) => {
    place?.element.removeAttribute("data-over");
    place = next;
    place?.element.setAttribute("data-over", "");
  };
  const move = (event: PointerEvent) => {
    last = event;
    const far = Math.hypot(event.clientX - down.clientX, event.clientY - down.clientY);
    hasMoved ||= far > 10;
    if (!dragging) {
      if (touch && far > 10) end(false);
      else if (!touch && far > MOUSE) begin();
    }
    if (!dragging) return;
    event.preventDefault();
    point();
  };
  const end = (kept: boolean) => {
    clearTimeout(timer);
    cancelAnimationFrame(scrolling);
    removeEventListener("pointermove", move);
    removeEventListener("pointerup", up);
    removeEventListener("pointercancel", cancel);
    removeEventListener("keydown", key, true);
    list.removeEventListener("touchmove", hold);
    list.removeEventListener("contextmenu", noMenu, true);
    const taking = place;
    mark(null);
    ghost?.remove();
    list.classList.remove("is-dragging");
    for (const each of list.querySelectorAll(".is-dragged")) each.classList.remove("is-dragged");
    dropLine.value = null;
    if (!dragging) return;
    // The click that follows the release must not open the task.
    const swallow = (event: Event) => event.stopPropagation();
    addEventListener("click", swallow, { capture: true, once: true });
    setTimeout(() => removeEventListener("click", swallow, { capture: true }), 0);
    if (kept && taking) taking.take();
    else if (kept && gap) drop(ids, gap);
  };
  const up = () => {
    const isPress = touch && dragging && !hasMoved;
    end(!isPress);
    // After the release, which would close the menu again.
    if (isPress) setTimeout(() => onLongPress(id, row), 0);
  };
  const cancel = () => end(false);
  const hold = (event: TouchEvent) => {
    if (dragging) event.preventDefault();
  };
  // Android's own long press comes while the finger is still down, and may yet become a drag.
  const noMenu = (event: Event) => {
    if (!dragging) return;
    event.preventDefault();
    event.stopPropagation();
  };
  const key = (event: KeyboardEvent) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    end(false);
  };
  addEventListener("pointermove", move);
  addEventListener("pointerup", up);
  addEventListener("pointercancel", cancel);
  addEventListener("keydown", key, true);
  list.addEventListener("touchmove", hold, { passive: false });
  if (touch) {
    list.addEventListener("contextmenu", noMenu, true);
    timer = setTimeout(() => {
      begin();
      navigator.vibrate?.(10);
    }, HOLD);
  }
}

/** What is being dragged, beside the pointer. */
function showGhost(ids: readonly string[]): HTMLElement {
  const ghost = document.createElement("div");
  ghost.className = "drag-ghost";
  ghost.dir = "auto";
  ghost.textContent = ids.length === 1 ? (store().get("task", ids[0]!).peek()?.title ?? t().task) : t().tasks(ids.length);
  document.body.append(ghost);
  return ghost;
}

/** The gap between rows that is nearest, and the level that the pointer has gone to sideways. */
function gapAt(now: PointerEvent, down: PointerEvent, list: HTMLElement, dragged: ReadonlySet<string>): TaskPlace | null {
  const rows = grid.peek()?.rows() ?? [];
  const elements = [...list.querySelectorAll<HTMLElement>("[role=row]")];
  const index = new Map(rows.map((row, at) => [row.key, at]));
  let at = 0;
  let top = 0;
  const origin = list.getBoundingClientRect().top;
  for (const element of elements) {
    const box = element.getBoundingClientRect();
    const place = index.get(element.dataset["key"]!);
    if (place === undefined || rows[place]!.key === "completed") continue;
    if (now.clientY > box.top + box.height / 2) {
      at = place + 1;
      top = box.bottom - origin;
    } else if (at === place) top = box.top - origin;
  }
  const above = visibleAbove(rows, at, dragged);
  const from = rows.find((row) => row.type === "task" && dragged.has(row.id));
  const wanted = (from?.level ?? 1) + Math.round((now.clientX - down.clientX) / LEVEL);
  const deepest = above ? Math.min(DEEPEST, above.level + 1) : 1;
  const below = rows.slice(at).find((row) => row.type !== "task" || !dragged.has(row.id));
  const shallowest = below?.type === "task" && above ? Math.min(below.level, deepest) : 1;
  const level = Math.max(shallowest, Math.min(deepest, wanted));
  const to = placeOfDrop(rows, at, level, dragged);
  dropLine.value = to && { top, left: 24 + (level - 1) * LEVEL };
  return to;
}

function visibleAbove(rows: readonly Row[], at: number, dragged: ReadonlySet<string>): Row | null {
  for (let i = at - 1; i >= 0; i--) {
    const row = rows[i]!;
    if (row.type !== "task") return null;
    if (!dragged.has(row.id)) return row;
  }
  return null;
}
