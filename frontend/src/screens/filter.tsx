import "../styles/pages.css";

import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";

import { act, store } from "../commands/app";
import { show } from "../commands/overlay";
import { go } from "../commands/route";
import { Empty } from "../parts/empty";
import { Dot, Icon } from "../parts/icons";
import { NameField } from "../parts/sidebar";
import { parseFilter, unknownNames } from "../rules/filter";
import { t } from "../texts";
import { m } from "../texts/more";
import { Nothing } from "./nothing";
import { Results } from "./results";

const EXAMPLES = ["p1 & open", "due <= today + 2 days", "no due & open & !recurring"];

/** `/filter/new` begins one; any other is a saved filter with its query above what it finds. */
export function FilterPage({ id }: { id: string }) {
  const filter = store().get("filter", id).value;
  const isNew = id === "new";
  const draft = useSignal(filter?.query ?? "");
  const name = useSignal("");
  const renaming = useSignal(false);
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    if (filter) draft.value = filter.query;
  }, [filter?.query]);
  useEffect(() => {
    document.title = `${filter?.name ?? t().newFilter} · ${t().appName}`;
  }, [filter?.name]);
  useEffect(() => {
    if (isNew) field.current?.focus();
  }, []);
  const query = draft.value.trim();
  const view = useMemo(() => (query ? store().view({ show: "filter", query }) : null), [query]);
  useEffect(() => () => view?.dispose(), [view]);
  if (!filter && !isNew) return <Nothing />;
  const mistake = view?.mistake.value ?? null;
  const changed = isNew ? query !== "" : query !== filter!.query;
  const found = view && !mistake ? view.lines.value.length + view.completed.value.length : 0;

  const save = () => {
    if (!query || mistake) return field.current?.focus();
    if (isNew) {
      const { ids } = act([{ do: "create", type: "filter", data: { name: name.value.trim() || query.slice(0, 60), query } }], t().added(name.value.trim() || query));
      go(`/filter/${ids[0]}`, { replace: true });
    } else act([{ do: "update", type: "filter", id, data: { query } }], m().saved, { quiet: true });
  };
  return (
    <div class="scroll">
      <div class="page">
        <header class="page-head">
          {isNew ? (
            <h1>{t().newFilter}</h1>
          ) : renaming.value ? (
            <NameField label={m().filterName} value={filter!.name} onDone={(value) => {
              renaming.value = false;
              if (value && value !== filter!.name) act([{ do: "update", type: "filter", id, data: { name: value } }], t().renamed, { quiet: true });
            }} />
          ) : (
            <h1><bdi>{filter!.name}</bdi></h1>
          )}
          {!isNew && (
            <>
              <button type="button" class="icon-button" aria-label={m().chooseColor} title={m().chooseColor} onClick={() => show({ kind: "color", type: "filter", id })}>
                <Dot color={filter!.color} />
              </button>
              <button type="button" class="icon-button" aria-label={t().rename} title={t().rename} onClick={() => (renaming.value = true)}><Icon name="edit" /></button>
              <button
                type="button"
                class="icon-button"
                aria-label={m().deleteFilter}
                title={m().deleteFilter}
                onClick={() => {
                  const gone = filter!.name;
                  go("/inbox", { replace: true });
                  act([{ do: "delete", type: "filter", id }], m().deletedName(gone));
                }}
              >
                <Icon name="trash" />
              </button>
            </>
          )}
        </header>
        <form class="filter-editor" onSubmit={(event) => {
          event.preventDefault();
          save();
        }}>
          {isNew && (
            <div class="field">
              <label for="filter-name">{m().filterName}</label>
              <input id="filter-name" class="input" dir="auto" maxLength={120} value={name.value} onInput={(event) => (name.value = event.currentTarget.value)} />
            </div>
          )}
          <div class="field">
            <label for="filter-query">{m().query}</label>
            <Query field={field} value={draft.value} at={mistake?.position ?? null} onInput={(value) => (draft.value = value)} onEnter={save} />
          </div>
          <p class={mistake ? "mistake" : "note"} id="filter-note" aria-live="polite">
            {mistake ? m().mistakeAt(mistake.position + 1, mistakeText(mistake.message)) : query ? [m().matches(found), ...unknown(query)].join(". ") : m().filterHelp}
          </p>
          {!query && (
            <div class="quick-days">
              {EXAMPLES.map((example) => (
                <button key={example} type="button" class="button" onClick={() => (draft.value = example)}><code>{example}</code></button>
              ))}
            </div>
          )}
          {changed && <button type="submit" class="button primary" aria-disabled={!!mistake}>{m().save}</button>}
        </form>
        {view && !mistake && <Results view={view} name={filter?.name ?? t().newFilter} empty={<Empty place="filter" />} />}
      </div>
    </div>
  );
}

/** The text with a wavy line from the mistake on, drawn behind the field. */
function Query({ field, value, at, onInput, onEnter }: {
  field: { current: HTMLTextAreaElement | null };
  value: string;
  at: number | null;
  onInput: (value: string) => void;
  onEnter: () => void;
}) {
  const end = at === null ? value.length : Math.max(at + 1, value.slice(at).search(/[\s&|()]|$/) + at);
  return (
    <div class="query">
      <div class="query-layer" aria-hidden="true">
        {at === null ? value : <>{value.slice(0, at)}<u>{value.slice(at, end) || " "}</u>{value.slice(end)}</>}
        {" "}
      </div>
      <textarea
        id="filter-query"
        ref={field}
        class="query-field"
        rows={1}
        spellcheck={false}
        autocapitalize="off"
        autocomplete="off"
        maxLength={500}
        placeholder={m().queryHint}
        aria-invalid={at !== null}
        aria-describedby="filter-note"
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.isComposing) return;
          event.preventDefault();
          onEnter();
        }}
      />
    </div>
  );
}

/** Names that nothing has, in words: most often, they are misspelled. */
function unknown(query: string): string[] {
  const lists = store().lists.value;
  const sections = lists.flatMap((list) => [...store().sectionsOf(list.id)]);
  let filter;
  try {
    filter = parseFilter(query);
  } catch {
    return []; // the view says so in a moment
  }
  const names = unknownNames(filter, { lists, sections, labels: store().labels.value });
  return names.map(({ kind, name }) => m().noSuch[kind](name));
}

/** The parser names what it expected; the words for it are ours. */
function mistakeText(message: string): string {
  const known = m().filterExpected as Record<string, string>;
  return known[message] ?? message;
}

