import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";

import { store } from "../commands/app";
import { selected } from "../commands/selection";
import { AddField, type AddTo } from "../parts/add";
import { Empty } from "../parts/empty";
import { Icon } from "../parts/icons";
import { Menu } from "../parts/menu";
import { taskMenu } from "../parts/task-menu";
import { TreeGrid } from "../parts/treegrid/treegrid";
import type { Sorting, ViewQuery } from "../store/types";
import { t } from "../texts";
import { Nothing } from "./nothing";
import { storedSorting, storeSorting } from "../parts/sorting";

type Query = Extract<ViewQuery, { show: "inbox" | "today" | "upcoming" | "overdue" | "list" | "label" }>;

export function Tasks({ query }: { query: Query }) {
  const id = "id" in query ? query.id : query.show;
  const sortable = ["inbox", "list", "label"].includes(query.show);
  const sorting = useSignal<Sorting>(sortable ? storedSorting(id) : "position");
  const view = useMemo(() => store().view(query, sorting.value), [id, sorting.value]);
  useEffect(() => () => view.dispose(), [view]);
  const menu = useSignal<{ id: string; anchor: Element; kind: "task" | "section" | "sort" } | null>(null);
  const focusAdd = useRef<() => void>(undefined);

  const named = query.show === "list" ? store().get("list", query.id).value : query.show === "label" ? store().get("label", query.id).value : null;
  const name = named?.name ?? t()[query.show];
  useEffect(() => {
    document.title = `${name} · ${t().appName}`;
  }, [name]);
  if (("id" in query) && !named) return <Nothing />;

  const manual = sorting.value === "position" && (query.show === "inbox" || query.show === "list");
  const firstLine = view.lines.value[0];
  const to: AddTo = { data: dataFor(query), name, first: manual && firstLine?.type === "task" ? firstLine.id : null };
  return (
    <div class="scroll">
      <div class="page">
        <header class="page-head">
          <h1><bdi>{name}</bdi></h1>
          {sortable && (
            <button
              type="button"
              class={`icon-button ${sorting.value !== "position" ? "is-on" : ""}`}
              aria-haspopup="menu"
              aria-label={sorting.value === "position" ? t().sortBy : t().sortedBy(t().sortings[sorting.value])}
              title={t().sortBy}
              onClick={(event) => (menu.value = { id, anchor: event.currentTarget, kind: "sort" })}
            >
              <Icon name="sort" />
            </button>
          )}
        </header>
        {query.show !== "upcoming" && query.show !== "overdue" && <AddField to={to} onReady={(focus) => (focusAdd.current = focus)} />}
        <TreeGrid
          view={view}
          name={name}
          shows={{ list: query.show !== "list" && query.show !== "inbox", today: query.show === "today" }}
          manual={manual}
          empty={<Empty place={query.show} />}
          add={() => focusAdd.current?.()}
          onTaskMenu={(task, anchor) => (menu.value = { id: task, anchor, kind: "task" })}
          onSectionMenu={(section, anchor) => (menu.value = { id: section, anchor, kind: "section" })}
        />
      </div>
      {menu.value?.kind === "sort" && (
        <Menu
          label={t().sortBy}
          anchor={menu.value.anchor}
          onClose={() => (menu.value = null)}
          items={(Object.keys(t().sortings) as Sorting[]).map((key) => ({
            text: t().sortings[key],
            checked: key === sorting.value,
            run: () => {
              sorting.value = key;
              storeSorting(id, key);
            },
          }))}
        />
      )}
      {menu.value?.kind === "task" && (
        <Menu
          label={t().moreFor(store().get("task", menu.value.id).value?.title ?? t().task)}
          anchor={menu.value.anchor}
          onClose={() => (menu.value = null)}
          items={taskMenu(selected.value.has(menu.value.id) ? [...selected.value] : [menu.value.id])}
        />
      )}
    </div>
  );
}

/** What a task made here has from its place. */
function dataFor(query: Query): AddTo["data"] {
  switch (query.show) {
    case "list":
      return { list_id: query.id };
    case "label":
      return { label_ids: [query.id] };
    case "today":
      return { due: { date: store().today.value, time: null, timezone: null } };
    default:
      return {};
  }
}
