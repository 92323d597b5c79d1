import { useEffect } from "preact/hooks";

import { say } from "../commands/app";
import { show } from "../commands/overlay";
import { targets } from "../commands/grid";
import { clearSelection, selected } from "../commands/selection";
import { setCompleted, setPriority, trashTasks } from "../commands/tasks";
import { t } from "../texts";
import { Icon, type IconName } from "./icons";
import type { MenuItem } from "./menu";

/** Takes the place of the list's header while something is selected, so that no row moves. */
export function SelectBar({ onMenu }: { onMenu: (anchor: Element, label: string, items: MenuItem[]) => void }) {
  const count = selected.value.size;
  useEffect(() => say(t().selectedCount(count)), [count]);
  const actions: [IconName, string, (anchor: Element) => void][] = [
    ["check", t().complete, () => setCompleted(targets(), true)],
    ["calendar", t().date, (anchor) => show({ kind: "date", field: "due", ids: targets(), anchor })],
    ["overdue", t().priorityName, (anchor) => onMenu(anchor, t().priorityName, [1, 2, 3, 4, 0].map((n) => ({
      text: n ? t().priority(n) : t().noPriority,
      run: () => setPriority(targets(), n || null),
    })))],
    ["label", t().labels, (anchor) => show({ kind: "labels", ids: targets(), anchor })],
    ["move", t().move, (anchor) => show({ kind: "move", ids: targets(), anchor })],
    ["trash", t().moveToTrash, () => trashTasks(targets())],
  ];
  return (
    <div class="page-head select-bar" role="toolbar" aria-label={t().selectedCount(count)}>
      <h1 class="select-count figures">{t().selectedCount(count)}</h1>
      {actions.map(([icon, name, run]) => (
        <button key={icon} type="button" class="icon-button" aria-label={name} title={name} onClick={(event) => run(event.currentTarget)}>
          <Icon name={icon} />
        </button>
      ))}
      <button type="button" class="icon-button" aria-label={t().clearSelection} title={t().clearSelection} onClick={clearSelection}>
        <Icon name="close" />
      </button>
    </div>
  );
}
