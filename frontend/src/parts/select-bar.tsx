import "../styles/select-bar.css";

import { useEffect } from "preact/hooks";

import { say } from "../commands/app";
import { show } from "../commands/overlay";
import { targets } from "../commands/grid";
import { clearSelection, selected } from "../commands/selection";
import { setCompleted, setPriority, trashTasks } from "../commands/tasks";
import { t } from "../texts";
import { m } from "../texts/more";
import { Icon, type IconName } from "./icons";
import type { MenuItem } from "./menu";
import type { Asked } from "./menus";

/** Takes the place of the list's header while something is selected, so that no row moves. */
export function SelectBar({ onMenu }: { onMenu: (asked: Asked) => void }) {
  const count = selected.value.size;
  useEffect(() => say(m().selectedCount(count)), [count]);
  const actions: [IconName, string, (anchor: Element) => void][] = [
    ["check", m().complete, () => setCompleted(targets(), true)],
    ["calendar", m().date, (anchor) => show({ kind: "date", field: "due", ids: targets(), anchor })],
    ["overdue", m().priorityName, (anchor) => onMenu({ anchor, label: m().priorityName, items: priorities })],
    ["label", t().labels, (anchor) => show({ kind: "labels", ids: targets(), anchor })],
    ["move", m().move, (anchor) => show({ kind: "move", ids: targets(), anchor })],
    ["trash", t().moveToTrash, () => trashTasks(targets())],
  ];
  return (
    <div class="page-head select-bar" role="toolbar" aria-label={m().selectedCount(count)}>
      <h1 class="select-count figures" aria-label={m().selectedCount(count)}>
        <span class="select-long">{m().selectedCount(count)}</span>
        <span class="select-short">{count}</span>
      </h1>
      {actions.map(([icon, name, run]) => (
        <button key={icon} type="button" class="icon-button" aria-label={name} title={name} onClick={(event) => run(event.currentTarget)}>
          <Icon name={icon} />
        </button>
      ))}
      <button type="button" class="icon-button" aria-label={m().clearSelection} title={m().clearSelection} onClick={clearSelection}>
        <Icon name="close" />
      </button>
    </div>
  );
}

function priorities(): MenuItem[] {
  return [1, 2, 3, 4, 0].map((n) => ({
    text: n ? t().priority(n) : t().noPriority,
    run: () => setPriority(targets(), n || null),
  }));
}
