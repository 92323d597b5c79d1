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

export interface Window {
  first: number;
  last: number;
  above: number;
  below: number;
  /** Renders a row at once, so that it can be focused in the same task. */
  reveal: (key: string) => void;
}

export function useWindow(element: RefObject<HTMLElement | null>, rows: ReadonlySignal<readonly Row[]>): Window {
  const heights = useRef(new Map<string, number>());
  const range = useSignal({ first: 0, last: 60 });
  const all = rows.value;
  const small = all.length <= WHOLE;
  const heightOf = (row: Row) => heights.current.get(row.key) ?? ESTIMATE;

  const scroller = () => element.current?.closest<HTMLElement>(".scroll") ?? null;
  const update = () => {
    const box = scroller();
    const list = element.current;
    if (!box || !list || rows.peek().length <= WHOLE) return;
    const height = box.clientHeight;
    const top = box.getBoundingClientRect().top - list.getBoundingClientRect().top;
    const [from, to] = [top - height, top + 2 * height];
    let [y, first, last] = [0, -1, 0];
    for (const [index, row] of rows.peek().entries()) {
      const next = y + heightOf(row);
      if (first < 0 && next > from) first = index;
      if (y < to) last = index + 1;
      y = next;
    }
    first = Math.max(0, first);
    if (first !== range.peek().first || last !== range.peek().last) range.value = { first, last };
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
      box?.removeEventListener("scroll", update);
      removeEventListener("resize", update);
      removeEventListener("beforeprint", print);
      removeEventListener("afterprint", update);
    };
  }, [small, rows]);

  // What was rendered is measured, so that the spacers are right where it matters.
  useLayoutEffect(() => {
    if (small) return;
    for (const row of element.current?.querySelectorAll<HTMLElement>("[data-key]") ?? []) {
      heights.current.set(row.dataset["key"]!, row.offsetHeight);
    }
    update();
  });

  const reveal = (key: string) => {
    if (rows.peek().length <= WHOLE) return;
    const list = element.current;
    const box = scroller();
    const at = rows.peek().findIndex((row) => row.key === key);
    if (!list || !box || at < 0 || list.querySelector(`[data-key="${CSS.escape(key)}"]`)) return;
    let y = 0;
    for (const row of rows.peek().slice(0, at)) y += heightOf(row);
    const top = list.getBoundingClientRect().top - box.getBoundingClientRect().top + box.scrollTop;
    box.scrollTop = top + y - box.clientHeight / 2;
    update();
  };

  if (small) return { first: 0, last: all.length, above: 0, below: 0, reveal };
  const { first, last } = range.value;
  const sum = (part: readonly Row[]) => part.reduce((total, row) => total + heightOf(row), 0);
  return { first, last, above: sum(all.slice(0, first)), below: sum(all.slice(last)), reveal };
}
