import { act, store } from "../commands/app";
import { focusPlace } from "../commands/grid";
import { show } from "../commands/overlay";
import { go } from "../commands/route";
import { t } from "../texts";
import { m } from "../texts/more";
import type { MenuItem } from "./menu";

/** A name that is being typed: of the place itself, or of a section at its end. */
export interface Naming {
  kind: "rename" | "section";
  label: string;
  value?: string;
  done: (name: string | null) => void;
}
type Name = (naming: Naming | null) => void;

function rename(type: "list" | "label" | "section", id: string, name: Name): MenuItem {
  const before = store().get(type, id).peek()?.name ?? "";
  return {
    text: t().rename,
    icon: "edit",
    run: () => name({
      kind: type === "section" ? "section" : "rename",
      label: type === "list" ? t().listName : type === "label" ? t().labelName : m().sectionName,
      value: before,
      done: (value) => {
        name(null);
        if (value && value !== before) act([{ do: "update", type, id, data: { name: value } }], t().renamed, { quiet: true });
      },
    }),
  };
}

/** An archived list is out of sight and out of the other views; its tasks stay as they are. */
function archive(id: string): MenuItem {
  const archived = store().get("list", id).peek()?.is_archived ?? false;
  return {
    text: archived ? m().unarchive : m().archive,
    icon: "archive",
    run: () => act([{ do: "update", type: "list", id, data: { is_archived: !archived } }], archived ? m().unarchived : m().archivedList),
  };
}

/** One place up or down in the sidebar. */
function reorder(type: "list" | "label" | "section", id: string, all: readonly { id: string }[]): MenuItem[] {
  const at = all.findIndex((each) => each.id === id);
  const items: MenuItem[] = [];
  if (at > 0) items.push({ text: t().moveUp, run: () => act([{ do: "move", type, id, to: { before_id: all[at - 1]!.id } }]) });
  if (at < all.length - 1) items.push({ text: t().moveDown, run: () => act([{ do: "move", type, id, to: { after_id: all[at + 1]!.id } }]) });
  return items;
}

export function listMenu(type: "list" | "label", id: string, name: Name): (MenuItem | null)[] {
  const thing = store().get(type, id).peek();
  if (!thing) return [];
  const remove: MenuItem = {
    text: type === "list" ? m().deleteList : m().deleteLabel,
    icon: "trash",
    danger: true,
    run: () => {
      go("/inbox", { replace: true });
      act([{ do: "delete", type, id }], m().deletedName(thing.name));
    },
  };
  const color: MenuItem = { text: m().chooseColor, color: thing.color ?? undefined, run: () => show({ kind: "color", type, id }) };
  if (type === "label") return [rename("label", id, name), ...reorder("label", id, store().labels.peek()), color, null, remove];
  return [
    {
      text: m().newSection,
      icon: "section",
      run: () => name({
        kind: "section",
        label: m().sectionName,
        done: (value) => {
          name(null);
          const section = value && act([{ do: "create", type: "section", data: { list_id: id, name: value } }], t().added(value), { quiet: true }).ids[0];
          focusPlace(section ? `[data-key="${section}"]` : undefined);
        },
      }),
    },
    rename("list", id, name),
    ...reorder("list", id, store().lists.peek().filter((list) => list.is_archived === (thing as { is_archived: boolean }).is_archived)),
    color,
    archive(id),
    null,
    remove,
  ];
}

export function sectionMenu(id: string, name: Name): (MenuItem | null)[] {
  const section = store().get("section", id).peek();
  if (!section) return [];
  return [
    rename("section", id, name),
    ...reorder("section", id, store().sectionsOf(section.list_id)),
    null,
    { text: m().deleteSection, icon: "trash", danger: true, run: () => act([{ do: "delete", type: "section", id }], m().deletedName(section.name)) },
  ];
}
