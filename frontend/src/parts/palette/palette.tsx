import { useMemo } from "preact/hooks";

import { keep, recall } from "../../api/storage";
import { store } from "../../commands/app";
import { targets } from "../../commands/grid";
import { showTask } from "../../commands/back";
import { keyText } from "../../commands/key-names";
import { command, commands } from "../../commands/registry";
import { go } from "../../commands/route";
import { searcher } from "../../rules/search";
import { fold } from "../../rules/search";
import { t } from "../../texts";
import { m } from "../../texts/more";
import { Choose, type Option } from "../choose";

const USED = "duly-used-commands";
const TASKS = 8;

function used(): Record<string, number> {
  try {
    return JSON.parse(recall(USED) ?? "{}") as Record<string, number>;
  } catch {
    return {};
  }
}
function count(id: string): void {
  const counts = used();
  counts[id] = (counts[id] ?? 0) + 1;
  keep(USED, JSON.stringify(counts));
}

/** Commands, places and tasks in one list; what is used most comes first. */
export function Palette({ onClose }: { onClose: () => void }) {
  // What the commands are about is decided before the palette takes the focus.
  const ids = useMemo(() => targets(), []);
  const all = useMemo((): Option[] => {
    const counts = used();
    const own = commands()
      .filter((each) => !each.keyOnly && each.available?.(ids) !== false)
      .sort((a, b) => (counts[b.id] ?? 0) - (counts[a.id] ?? 0))
      .map((each): Option => ({ key: `do ${each.id}`, name: each.text(t()), icon: each.icon ?? "right", keys: each.keys?.[0] && keyText(each.keys[0]) }));
    const places = [
      ...store().lists.peek().map((list): Option => ({ key: `/list/${list.id}`, name: list.name, color: list.color, more: t().list })),
      ...store().labels.peek().map((label): Option => ({ key: `/label/${label.id}`, name: label.name, icon: "label", more: t().label })),
      ...store().filters.peek().map((filter): Option => ({ key: `/filter/${filter.id}`, name: filter.name, icon: "filter", more: t().filter })),
    ];
    return [...own, ...places];
  }, []);
  const options = (typed: string): Option[] => {
    const wanted = fold(typed).trim();
    if (!wanted) return all.slice(0, 40);
    const words = wanted.split(" ");
    const found = all.filter(({ name }) => words.every((word) => fold(name).includes(word)));
    const first = (option: Option) => (fold(option.name).trim().startsWith(wanted) ? 0 : 1);
    found.sort((a, b) => first(a) - first(b));
    const matches = searcher(typed);
    const tasks: Option[] = [];
    for (const task of store().allTasks()) {
      if (task.is_completed || !matches(task)) continue;
      const list = task.list_id ? store().get("list", task.list_id).peek()?.name : t().inbox;
      tasks.push({ key: `task ${task.id}`, name: task.title, icon: "check", more: list });
      if (tasks.length >= TASKS) break;
    }
    return [...found, ...tasks];
  };
  const choose = ({ key }: Option) => {
    if (key.startsWith("/")) go(key);
    else if (key.startsWith("task ")) showTask(key.slice(5));
    else {
      const id = key.slice(3);
      count(id);
      // After the palette has closed, so that a dialog of the command is not closed with it.
      queueMicrotask(() => command(id)?.run(ids));
    }
  };
  return (
    <Choose class="palette" label={t().palette} placeholder={m().paletteHint} options={options} onChoose={choose} onClose={onClose} nothing={m().nothingFound} />
  );
}
