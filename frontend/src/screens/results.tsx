import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";

import { store } from "../commands/app";
import { selected, selecting } from "../commands/selection";
import type { Asked } from "../parts/menus";
import { AskedMenu, SelectBar } from "../parts/overlays";
import { TreeGrid } from "../parts/treegrid/treegrid";
import type { View } from "../store/types";
import { t } from "../texts";

const SHOWS = { list: true };
const noMenu = () => {};

/** A flat list of tasks that were found, with the same rows, keys and menus as any list. */
export function Results({ view, name, empty, openCompleted = false }: {
  view: View;
  name: string;
  empty: ComponentChildren;
  openCompleted?: boolean;
}) {
  const menu = useSignal<Asked | null>(null);
  const onTaskMenu = useMemo(() => (id: string, anchor: Element) => (menu.value = {
    anchor,
    label: t().moreFor(store().get("task", id).peek()?.title ?? t().task),
    items: ({ taskMenu }) => taskMenu(selected.peek().has(id) ? [...selected.peek()] : [id]),
  }), []);
  return (
    <>
      {selecting.value && <SelectBar onMenu={(asked) => (menu.value = asked)} />}
      <TreeGrid
        view={view}
        name={name}
        shows={SHOWS}
        manual={false}
        empty={empty}
        openCompleted={openCompleted}
        onTaskMenu={onTaskMenu}
        onSectionMenu={noMenu}
      />
      {menu.value && <AskedMenu {...menu.value} onClose={() => (menu.value = null)} />}
    </>
  );
}
