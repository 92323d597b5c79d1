/**
 * Long lists are rendered through a window of one screen above and below. Up to 200 rows are
 * rendered whole, so that find-in-page, printing and browse mode work.
 */
import { useSignal, type ReadonlySignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

import type { Row } from "../../commands/grid";

const WHOLE = 200;
const PRINTED = 1000;
const ESTIMATE = 40;
/** About what a laptop shows. What a larger screen shows follows before the first paint. */
const FIRST = 24;
/** So many rows beyond those that are seen are rendered at once; more follow in the next frames. */
const STEP = 8;
/** Until then, what was rendered is painted. */
const FRAME = 20;

export interface Window {
  first: number;
  last: number;
  above: number;
  below: number;
  /** Renders a row at once, so that it can be focused in the same task. */
  reveal: (key: string) => void;
}

/** Where each row begins, and where the last one ends. */
function offsetsOf(rows: readonly Row[], heights: ReadonlyMap<string, number>): Float64Array {
  const offsets = new Float64Array(rows.length + 1);
  const isEven = heights.size === 0;
  for (let i = 0; i < rows.length; i++) offsets[i + 1] = offsets[i]! + (isEven ? ESTIMATE : (heights.get(rows[i]!.key) ?? ESTIMATE));
  return offsets;
}

/** The last index whose offset is not beyond `y`. */
function indexAt(offsets: Float64Array, y: number): number {
  let [low, high] = [0, offsets.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (offsets[middle]! <= y) low = middle;
    else high = middle - 1;
  }
  return low;
}

interface Range {
  first: number;
  last: number;
}

/** As much of a wanted range as is rendered at once: all that is seen, and a part of the reserve. */
function within(wanted: Range, seen: Range, before: Range): Range {
  const isFar = before.last <= seen.first || before.first >= seen.last;
  const kept = isFar ? seen : before;
  return {
    first: Math.max(wanted.first, Math.min(kept.first, seen.first) - STEP),
    last: Math.min(wanted.last, Math.max(kept.last, seen.last) + STEP),
  };
}

export function useWindow(element: RefObject<HTMLElement | null>, rows: ReadonlySignal<readonly Row[]>): Window {
  // Only those that are not as estimated: few, in most lists.
  const heights = useRef(new Map<string, number>());
  const known = useRef<{ rows: readonly Row[]; offsets: Float64Array } | null>(null);
  const measured = useRef(true);
  const range = useSignal({ first: 0, last: FIRST });
  const later = useRef<ReturnType<typeof setTimeout>>(undefined);
  const all = rows.value;
  const small = all.length <= WHOLE;

  const offsets = () => {
    const now = rows.peek();
    if (known.current?.rows !== now) known.current = { rows: now, offsets: offsetsOf(now, heights.current) };
    return known.current.offsets;
  };
  const scroller = () => element.current?.closest<HTMLElement>(".scroll") ?? null;
  const update = () => {
    const box = scroller();
    const list = element.current;
    if (!box || !list || rows.peek().length <= WHOLE) return;
    measure(list);
    const height = box.clientHeight;
    const top = box.getBoundingClientRect().top - list.getBoundingClientRect().top;
    const between = (above: number, below: number) => ({
      first: indexAt(offsets(), Math.max(0, above)),
      last: Math.min(rows.peek().length, indexAt(offsets(), below) + 1),
    });
    const wanted = between(top - height, top + 2 * height);
    const before = range.peek();
    // A few rows more or less are not worth a paint, since a screen is rendered in reserve.
    const near = Math.abs(wanted.first - before.first) < 6 && Math.abs(wanted.last - before.last) < 6;
    const { length } = rows.peek();
    const lacksEdge = (wanted.first === 0 && before.first > 0) || (wanted.last === length && before.last < length);
    if (near && !lacksEdge) return;
    const { first, last } = within(wanted, between(top, top + height), before);
    if (first !== before.first || last !== before.last) range.value = { first, last };
    clearTimeout(later.current);
    if (first !== wanted.first || last !== wanted.last) later.current = setTimeout(update, FRAME);
  };

  useLayoutEffect(() => {
    if (small) return;
    const box = scroller();
    const print = () => (range.value = { first: 0, last: PRINTED });
    box?.addEventListener("scroll", update, { passive: true });
    addEventListener("resize", update);
    addEventListener("beforeprint", print);
    addEventListener("afterprint", update);
    update();
    return () => {
      clearTimeout(later.current);
      box?.removeEventListener("scroll", update);
      removeEventListener("resize", update);
      removeEventListener("beforeprint", print);
      removeEventListener("afterprint", update);
    };
  }, [small, rows]);

  // What was rendered is measured, so that the spacers are right where it matters: before the next
  // scroll, when the browser knows the heights anyway. To ask at once would make it lay out twice.
  useLayoutEffect(() => {
    measured.current = false;
  }, [range.value, all]);
  const measure = (list: HTMLElement) => {
    if (measured.current) return;
    measured.current = true;
    let changed = false;
    for (const row of list.querySelectorAll<HTMLElement>("[data-key]")) {
      const key = row.dataset["key"]!;
      const height = row.offsetHeight;
      if ((heights.current.get(key) ?? ESTIMATE) === height) continue;
      changed = true;
      if (height === ESTIMATE) heights.current.delete(key);
      else heights.current.set(key, height);
    }
    if (changed) known.current = null;
  };

  const reveal = (key: string) => {
    if (rows.peek().length <= WHOLE) return;
    const list = element.current;
    const box = scroller();
    const at = rows.peek().findIndex((row) => row.key === key);
    if (list) measure(list);
    if (!list || !box || at < 0 || list.querySelector(`[data-key="${CSS.escape(key)}"]`)) return;
    const top = list.getBoundingClientRect().top - box.getBoundingClientRect().top + box.scrollTop;
    box.scrollTop = top + offsets()[at]! - box.clientHeight / 2;
    update();
  };

  if (small) return { first: 0, last: all.length, above: 0, below: 0, reveal };
  const last = Math.min(range.value.last, all.length);
  const first = Math.min(range.value.first, last);
  const places = offsets();
  return { first, last, above: places[first]!, below: places[all.length]! - places[last]!, reveal };
}
