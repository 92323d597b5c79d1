import { signal } from "@preact/signals";

/** The line between rows: its place in the list, and how far it is indented. */
export const dropLine = signal<{ top: number; left: number } | null>(null);
