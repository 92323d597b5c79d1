/** Going somewhere, adding, finding, undoing: commands that need no task. */
import { redo, undo } from "./app";
import { focusPlace, grid } from "./grid";
import { define } from "./registry";
import { hide, overlay, rowAnchor, show } from "./overlay";
import { showTask } from "./back";
import { go, openTask } from "./route";
import { clearSelection, selecting } from "./selection";
import type { Texts } from "../texts";
import type { IconName } from "../parts/icons";

/** Closes the detail; the row that it belongs to has the focus again. */
export function closeTask(): void {
  const id = openTask.peek();
  showTask(null);
  if (id) grid.peek()?.focus(id);
}

function escape(): void {
  if (overlay.peek()) hide();
  else if (openTask.peek()) closeTask();
  else if (selecting.peek()) clearSelection();
}

/** The next of the panes that are there: sidebar, list, detail. After the last, the browser's own. */
function nextPane(): void {
  const panes = [...document.querySelectorAll<HTMLElement>("[data-pane]")].filter((pane) => pane.checkVisibility());
  const at = panes.findIndex((pane) => pane.contains(document.activeElement));
  const next = panes[(at + 1) % panes.length];
  const first = ["[role=row][tabindex='0']", "[aria-current]", "a, button, input, textarea"];
  const target = first.map((selector) => next?.querySelector<HTMLElement>(selector)).find((found) => found?.checkVisibility());
  target?.focus();
}

const places: [string, string, IconName, (t: Texts) => string][] = [
  ["i", "/inbox", "inbox", (t) => t.inbox],
  ["t", "/today", "today", (t) => t.today],
  ["u", "/upcoming", "upcoming", (t) => t.upcoming],
  ["o", "/overdue", "overdue", (t) => t.overdue],
  ["x", "/trash", "trash", (t) => t.trash],
  ["c", "/statistics", "chart", (t) => t.statistics],
  ["s", "/settings/account", "settings", (t) => t.settings],
  ["y", "/sync", "sync", (t) => t.sync],
];

const any = (ids: readonly string[]) => ids.length > 0;
const one = (ids: readonly string[]) => ids.length === 1;

define(
  { id: "quick-add", text: (t) => t.quickAdd, keys: ["q"], where: "anywhere", icon: "plus", run: () => show({ kind: "quick-add" }) },
  { id: "search", text: (t) => t.search, keys: ["/"], where: "anywhere", icon: "search", run: () => go("/search") },
  { id: "palette", text: (t) => t.palette, keys: ["Control+k"], where: "anywhere", keyOnly: true, run: () => (overlay.peek()?.kind === "palette" ? hide() : show({ kind: "palette" })) },
  { id: "help", text: (t) => t.help, keys: ["?"], where: "anywhere", icon: "help", run: () => show({ kind: "help" }) },
  { id: "undo", text: (t) => t.undo, keys: ["Control+z"], where: "anywhere", icon: "undo", run: undo },
  { id: "redo", text: (t) => t.redo, keys: ["Control+Shift+z"], where: "anywhere", run: redo },
  { id: "escape", text: (t) => t.close, keys: ["Escape"], where: "anywhere", keyOnly: true, run: escape },
  { id: "pane", text: (t) => t.nextPane, keys: ["F6"], where: "anywhere", keyOnly: true, run: nextPane },
  ...places.map(([key, path, icon, name]) => ({
    id: `go-${key}`,
    text: (texts: Texts) => texts.goTo(name(texts)),
    keys: [`g ${key}`],
    where: "anywhere" as const,
    icon,
    run: () => {
      go(path);
      focusPlace();
    },
  })),
  ...([["l", "list"], ["b", "label"], ["f", "filter"]] as const).map(([key, to]) => ({
    id: `go-${to}`,
    text: (texts: Texts) => `${texts.goTo(texts[to])}…`,
    keys: [`g ${key}`],
    where: "anywhere" as const,
    icon: to,
    run: () => show({ kind: "go", to }),
  })),
  { id: "add-below", text: (t) => t.addBelow, keys: ["a"], where: "row", icon: "plus", available: one, run: ([id]) => show({ kind: "quick-add", at: { id: id!, asChild: false } }) },
  { id: "add-subtask", text: (t) => t.addSubtask, keys: ["Shift+a"], where: "row", icon: "subtasks", available: one, run: ([id]) => show({ kind: "quick-add", at: { id: id!, asChild: true } }) },
  { id: "due", text: (t) => t.setDue, keys: ["t"], where: "row", icon: "calendar", available: any, run: (ids) => show({ kind: "date", field: "due", ids, anchor: rowAnchor(ids[0]) }) },
  { id: "start", text: (t) => t.setStart, keys: ["Shift+t"], where: "row", available: any, run: (ids) => show({ kind: "date", field: "start", ids, anchor: rowAnchor(ids[0]) }) },
  { id: "repeat", text: (t) => t.setRepeat, keys: ["r"], where: "row", icon: "repeat", available: any, run: (ids) => show({ kind: "repeat", ids, anchor: rowAnchor(ids[0]) }) },
  { id: "labels", text: (t) => t.setLabels, keys: ["l"], where: "row", icon: "label", available: any, run: (ids) => show({ kind: "labels", ids, anchor: rowAnchor(ids[0]) }) },
  { id: "move", text: (t) => t.moveTo, keys: ["v"], where: "row", icon: "move", available: any, run: (ids) => show({ kind: "move", ids, anchor: rowAnchor(ids[0]) }) },
);

