import { act, store } from "../commands/app";
import { focusPlace } from "../commands/grid";
import { moveTasks } from "../commands/move";
import { go } from "../commands/route";
import { newId } from "../rules/ids";
import { fold } from "../rules/search";
import type { Command, TaskPlace } from "../store/types";
import { t } from "../texts";
import { m } from "../texts/more";
import { Choose, type Option } from "./choose";

interface Props {
  ids: readonly string[];
  anchor: Element | null;
  onClose: () => void;
}

function fits(typed: string): (option: Option) => boolean {
  const wanted = fold(typed).trim();
  return ({ name, more }) => fold(`${name} ${more ?? ""}`).includes(wanted);
}

/** Labels of one task or of several: each can be on, off, or on for some. */
export function LabelPicker({ ids, anchor, onClose }: Props) {
  const tasks = ids.map((id) => store().get("task", id).value).filter((task) => task !== undefined);
  const options = (typed: string): Option[] => {
    const known = store().labels.value.map(({ id, name, color }): Option => {
      const n = tasks.filter((task) => task.label_ids.includes(id)).length;
      return { key: id, name, color, on: n === 0 ? false : n === tasks.length ? true : "mixed" };
    });
    const found = known.filter(fits(typed));
    const name = typed.trim().replace(/^@/, "");
    const exists = known.some((option) => option.name.toLowerCase() === name.toLowerCase());
    return name && !exists ? [...found, { key: `new ${name}`, name: m().createLabel(name), icon: "plus" }] : found;
  };
  const choose = (option: Option) => {
    const commands: Command[] = [];
    let id = option.key;
    if (option.key.startsWith("new ")) {
      id = newId();
      commands.push({ do: "create", type: "label", data: { id, name: option.key.slice(4) } });
    }
    for (const task of tasks) {
      const has = task.label_ids.includes(id);
      if (option.on === true && has) commands.push({ do: "update", type: "task", id: task.id, data: { label_ids: task.label_ids.filter((label) => label !== id) } });
      else if (option.on !== true && !has) commands.push({ do: "update", type: "task", id: task.id, data: { label_ids: [...task.label_ids, id] } });
    }
    act(commands, m().labelsChanged, { quiet: true });
    return true;
  };
  return <Choose label={t().labels} placeholder={m().findLabel} anchor={anchor} options={options} onChoose={choose} onClose={onClose} nothing={m().nothingFound} />;
}

/** Lists with their sections below them; the inbox first. */
export function MovePicker({ ids, anchor, onClose }: Props) {
  const options = (typed: string): Option[] => {
    const all: Option[] = [{ key: "inbox", name: t().inbox, icon: "inbox" }];
    for (const list of store().lists.value.filter((each) => !each.is_archived)) {
      all.push({ key: `list ${list.id}`, name: list.name, color: list.color });
      for (const section of store().sectionsOf(list.id)) {
        all.push({ key: `section ${section.id} ${list.id}`, name: section.name, more: list.name, icon: "section", indent: true });
      }
    }
    return all.filter(fits(typed));
  };
  const choose = ({ key, name }: Option) => {
    const [kind, id, list] = key.split(" ");
    const to: TaskPlace = kind === "section"
      ? { list_id: list, section_id: id, parent_id: null }
      : { list_id: kind === "list" ? id : null, section_id: null, parent_id: null };
    moveTasks(ids, to, name);
  };
  return <Choose label={t().moveTo} placeholder={m().findPlace} anchor={anchor} options={options} onChoose={choose} onClose={onClose} nothing={m().nothingFound} />;
}

/** `G` then `L`, `B` or `F`: a list, a label or a filter by its name. */
export function GoPicker({ to, onClose }: { to: "list" | "label" | "filter"; onClose: () => void }) {
  const { lists, labels, filters } = store();
  const all = { list: lists, label: labels, filter: filters }[to].value;
  const options = (typed: string) => all.map(({ id, name, color }): Option => ({ key: id, name, color })).filter(fits(typed));
  const label = t().goTo(t()[to]);
  return <Choose label={label} placeholder={label} options={options} onChoose={({ key }) => {
    go(`/${to}/${key}`);
    focusPlace();
  }} onClose={onClose} nothing={m().nothingFound} />;
}
