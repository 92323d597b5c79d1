/** Which row has the focus and which are selected, in the list that is shown. */
import { computed, signal } from "@preact/signals";

/** The key of the row that takes part in the tab order. */
export const currentRow = signal<string | null>(null);
export const selected = signal<ReadonlySet<string>>(new Set());
export const selecting = computed(() => selected.value.size > 0);
/** Where an extension with Shift began. */
let anchor: string | null = null;

export function clearSelection(): void {
  if (selected.peek().size > 0) selected.value = new Set();
  anchor = null;
}

export function toggleSelected(id: string): void {
  const next = new Set(selected.peek());
  if (!next.delete(id)) next.add(id);
  selected.value = next;
  anchor = id;
}

/** Selects from where the extension began to `id`, in the order of `ids`. */
export function extendSelection(from: string, id: string, ids: readonly string[]): void {
  anchor ??= from;
  const [a, b] = [ids.indexOf(anchor), ids.indexOf(id)].sort((x, y) => x - y) as [number, number];
  if (a < 0) return;
  selected.value = new Set(ids.slice(a, b + 1));
}

export function selectAll(ids: readonly string[]): void {
  selected.value = new Set(ids);
}
