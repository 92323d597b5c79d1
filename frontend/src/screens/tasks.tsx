import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";

import { store } from "../commands/app";
import { selected, selecting } from "../commands/selection";
import { AddField, type AddTo } from "../parts/add";
import { Empty } from "../parts/empty";
import { Icon } from "../parts/icons";
import { lazily } from "../parts/lazily";
import type { Naming } from "../parts/list-menu";
import type { Asked } from "../parts/menus";
import { AskedMenu, SelectBar } from "../parts/overlays";
import { NameField } from "../parts/sidebar";
import { storedSorting, storeSorting } from "../parts/sorting";
import { TreeGrid } from "../parts/treegrid/treegrid";
import type { Sorting, View, ViewQuery } from "../store/types";
import { t } from "../texts";
import { Nothing } from "./nothing";

const DayStrip = lazily<{ view: View }>(() => import("../parts/day-strip").then((part) => part.DayStrip));

type Query = Extract<ViewQuery, { show: "inbox" | "today" | "upcoming" | "overdue" | "list" | "label" }>;

export function Tasks({ query }: { query: Query }) {
  const id = "id" in query ? query.id : query.show;
  const sortable = ["inbox", "list", "label"].includes(query.show);
  const sorting = useSignal<Sorting>(sortable ? storedSorting(id) : "position");
  const view = useMemo(() => store().view(query, sorting.value), [id, sorting.value]);
  useEffect(() => () => view.dispose(), [view]);
  const menu = useSignal<Asked | null>(null);
  const naming = useSignal<Naming | null>(null);

  // The same functions for every paint, so that no row is painted because of them.
  const menus = useMemo(() => ({
    task: (task: string, anchor: Element) => (menu.value = {
      anchor,
      label: t().moreFor(store().get("task", task).peek()?.title ?? t().task),
      items: ({ taskMenu }) => taskMenu(selected.peek().has(task) ? [...selected.peek()] : [task]),
    }),
    section: (section: string, anchor: Element) => (menu.value = {
      anchor,
      label: t().moreFor(store().get("section", section).peek()?.name ?? t().section),
      items: ({ sectionMenu }) => sectionMenu(section, (next) => (naming.value = next)),
    }),
  }), []);
  const shows = useMemo(() => ({ list: query.show !== "list" && query.show !== "inbox" }), [query.show]);

  const named = query.show === "list" ? store().get("list", query.id).value : query.show === "label" ? store().get("label", query.id).value : null;
  const name = named?.name ?? t()[query.show];
  useEffect(() => {
    document.title = `${name} · ${t().appName}`;
  }, [name]);
  // During the first sync, the list may still be on its way.
  if (("id" in query) && !named) return store().status.value.firstSync ? null : <Nothing />;

  const sortItems = () => (Object.keys(t().sortings) as Sorting[]).map((key) => ({
    text: t().sortings[key],
    checked: key === sorting.value,
    run: () => {
      sorting.value = key;
      storeSorting(id, key);
    },
  }));
  const manual = sorting.value === "position" && (query.show === "inbox" || query.show === "list");
  const firstLine = view.lines.value[0];
  const to: AddTo = { data: dataFor(query), name, first: manual && firstLine?.type === "task" ? firstLine.id : null };
  return (
    <div class="scroll">
      <div class="page">
        {selecting.value ? (
          <SelectBar onMenu={(asked) => (menu.value = asked)} />
        ) : (
          <header class="page-head">
            {naming.value?.kind === "rename" ? <NameField {...naming.value} onDone={naming.value.done} /> : <h1><bdi>{name}</bdi></h1>}
            {sortable && (
              <button
                type="button"
                class={`icon-button ${sorting.value !== "position" ? "is-on" : ""}`}
                aria-haspopup="menu"
                aria-label={sorting.value === "position" ? t().sortBy : t().sortedBy(t().sortings[sorting.value])}
                title={t().sortBy}
                onClick={(event) => (menu.value = { anchor: event.currentTarget, label: t().sortBy, items: sortItems })}
              >
                <Icon name="sort" />
              </button>
            )}
            {"id" in query && (
              <button
                type="button"
                class="icon-button"
                aria-haspopup="menu"
                aria-label={t().moreFor(name)}
                onClick={(event) => (menu.value = { anchor: event.currentTarget, label: t().moreFor(name), items: ({ listMenu }) => listMenu(query.show as "list" | "label", query.id, (next) => (naming.value = next)) })}
              >
                <Icon name="more" />
              </button>
            )}
          </header>
        )}
        {query.show !== "upcoming" && query.show !== "overdue" && <AddField to={to} />}
        {query.show === "upcoming" && view.lines.value.length > 0 && <div class="day-strip"><DayStrip view={view} /></div>}
        <TreeGrid
          view={view}
          name={name}
          shows={shows}
          manual={manual}
          empty={<Empty place={query.show} />}
          onTaskMenu={menus.task}
          onSectionMenu={menus.section}
        />
        {naming.value?.kind === "section" && (
          <div class="name-section">
            <NameField {...naming.value} onDone={naming.value.done} />
          </div>
        )}
      </div>
      {menu.value && <AskedMenu {...menu.value} onClose={() => (menu.value = null)} />}
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
