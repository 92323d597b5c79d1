/** The commands that move tasks among siblings and levels. `moving.ts` runs them; it is loaded when the browser is idle. */
import { grid } from "./grid";
import { define } from "./registry";

type Moving = typeof import("./moving");
let moving: Moving | null = null;

/** Loads what runs the commands. */
export const prepareMoving = async (): Promise<Moving> => (moving ??= await import("./moving"));

function later(act: "shift" | "toSection" | "indent" | "outdent", by: -1 | 1 = 1) {
  return (ids: readonly string[]) => {
    // At once if it is there, so that the next paint shows it.
    if (moving) moving[act](ids, by);
    else void prepareMoving().then((loaded) => loaded[act](ids, by));
  };
}

export function canReorder(ids: readonly string[]): boolean {
  return ids.length > 0 && grid.peek()?.manual === true;
}
const one = (ids: readonly string[]) => ids.length === 1 && grid.peek()?.manual === true;

define(
  { id: "up", text: (t) => t.moveUp, keys: ["Alt+ArrowUp"], where: "row", available: canReorder, run: later("shift", -1) },
  { id: "down", text: (t) => t.moveDown, keys: ["Alt+ArrowDown"], where: "row", available: canReorder, run: later("shift", 1) },
  { id: "indent", text: (t) => t.indent, keys: [">"], where: "row", icon: "indent", available: one, run: later("indent") },
  { id: "outdent", text: (t) => t.outdent, keys: ["<"], where: "row", available: one, run: later("outdent") },
  { id: "section-before", text: (t) => t.sectionBefore, keys: ["Alt+Shift+ArrowUp"], where: "row", available: one, run: later("toSection", -1) },
  { id: "section-after", text: (t) => t.sectionAfter, keys: ["Alt+Shift+ArrowDown"], where: "row", available: one, run: later("toSection", 1) },
);
