/** The menus of lists, sections and tasks. They arrive when there is nothing else to do. */
import { useMemo } from "preact/hooks";

import { listMenu, sectionMenu } from "./list-menu";
import { Menu, type MenuItem } from "./menu";
import { taskMenu } from "./task-menu";

const menus = { listMenu, sectionMenu, taskMenu };

/** A menu that was asked for. Its items are made when it opens. */
export interface Asked {
  label: string;
  anchor: Element;
  items: (made: typeof menus) => readonly (MenuItem | null)[];
}

export function AskedMenu({ items, ...where }: Asked & { onClose: () => void }) {
  const made = useMemo(() => items(menus), [items]);
  return <Menu {...where} items={made} />;
}
