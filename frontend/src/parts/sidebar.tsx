import { useComputed, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";

import { keep, recall } from "../api/storage";
import { act, store } from "../commands/app";
import { focusPlace } from "../commands/grid";
import { go, route } from "../commands/route";
import type { Counts } from "../store/types";
import { t } from "../texts";
import { Dot, Icon, type IconName } from "./icons";
import { Link } from "./link";
import { StatusDot } from "./status";

/** On phones and rails the sidebar lies over the list, and closes once a place is chosen. */
export function Sidebar({ onChoose }: { onChoose?: () => void }) {
  // Counters change often: each is read by its own place, so that only that is painted again.
  const isLate = useComputed(() => store().counts.value.overdue > 0).value;
  const all = store().lists.value;
  const archived = all.filter((list) => list.is_archived);
  return (
    <nav class="sidebar" aria-label={t().navigation} onClick={(event) => (event.target as Element).closest("a") && onChoose?.()}>
      <Link class="place search-place" href="/search" aria-current={here("/search")}>
        <Icon name="search" />
        <span class="place-name">{t().search}</span>
        <kbd aria-hidden="true">/</kbd>
      </Link>
      <ul class="places">
        <Place href="/inbox" icon="inbox" name={t().inbox} count={(counts) => counts.inbox} />
        <Place href="/today" icon="today" name={t().today} count={(counts) => counts.today + counts.overdue} />
        <Place href="/upcoming" icon="upcoming" name={t().upcoming} />
        {isLate && <Place href="/overdue" icon="overdue" name={t().overdue} count={(counts) => counts.overdue} late />}
      </ul>
      <Group name={t().lists} id="lists" addLabel={t().newList} fieldLabel={t().listName} onAdd={addList}>
        {all.filter((list) => !list.is_archived).map((list) => (
          <Place key={list.id} href={`/list/${list.id}`} color={list.color} name={list.name} count={(counts) => counts.lists.get(list.id)} />
        ))}
      </Group>
      <Group name={t().labels} id="labels" addLabel={t().newLabel} fieldLabel={t().labelName} onAdd={addLabel}>
        {store().labels.value.map((label) => (
          <Place key={label.id} href={`/label/${label.id}`} icon="label" color={label.color} name={label.name} />
        ))}
      </Group>
      <Group name={t().filters} id="filters" addLabel={t().newFilter} onPress={() => go("/filter/new")}>
        {store().filters.value.map((filter) => (
          <Place key={filter.id} href={`/filter/${filter.id}`} icon="filter" color={filter.color} name={filter.name} />
        ))}
      </Group>
      {archived.length > 0 && (
        <Group name={t().archivedLists} id="archived" closed>
          {archived.map((list) => <Place key={list.id} href={`/list/${list.id}`} icon="archive" name={list.name} />)}
        </Group>
      )}
      <ul class="places places-last">
        <Place href="/trash" icon="trash" name={t().trash} />
        <Place href="/statistics" icon="chart" name={t().statistics} />
        <Place href="/settings/account" icon="settings" name={t().settings} />
      </ul>
      <div class="sidebar-foot">
        <StatusDot />
      </div>
    </nav>
  );
}

export function here(path: string): "page" | undefined {
  const { at } = route.value;
  const [, first, second] = path.split("/");
  if (at !== first) return undefined;
  if (first === "settings") return "page";
  return second === undefined || second === (route.value as { id?: string }).id ? "page" : undefined;
}

function Place({ href, icon, color, name, count, late }: {
  href: string;
  icon?: IconName;
  /** A dot in place of the icon. */
  color?: string | null;
  name: string;
  count?: (counts: Counts) => number | undefined;
  late?: boolean;
}) {
  const shown = useComputed(() => count?.(store().counts.value)).value;
  return (
    <li>
      <Link class={`place ${late ? "is-late" : ""}`} href={href} aria-current={here(href)}>
        {icon && !color ? <Icon name={icon} /> : <span class="place-dot"><Dot color={color} /></span>}
        <bdi class="place-name">{name}</bdi>
        {shown ? <span class="count figures" aria-label={t().tasks(shown)}>{shown}</span> : null}
      </Link>
    </li>
  );
}

function Group({ name, id, addLabel, fieldLabel, onAdd, onPress, closed = false, children }: {
  name: string;
  id: string;
  addLabel?: string;
  fieldLabel?: string;
  /** With a field for a name below, or by going elsewhere. */
  onAdd?: (name: string) => void;
  onPress?: () => void;
  /** Folded until it is opened for the first time. */
  closed?: boolean;
  children: ComponentChildren;
}) {
  const folded = useSignal(stored(id, closed));
  const adding = useSignal(false);
  const button = useRef<HTMLButtonElement>(null);
  const turn = (to: boolean) => {
    folded.value = to;
    keep(`duly-folded-${id}`, to ? "yes" : "no");
  };
  return (
    <section class="group" aria-label={name}>
      <header class="group-head">
        <button type="button" class="group-name" aria-expanded={!folded.value} onClick={() => turn(!folded.value)}>
          <Icon name={folded.value ? "right" : "down"} size={16} />
          {name}
        </button>
        {(onAdd || onPress) && (
          <button ref={button} type="button" class="icon-button group-add" aria-label={addLabel} title={addLabel} onClick={() => {
            if (onPress) return onPress();
            turn(false);
            adding.value = true;
          }}>
            <Icon name="plus" size={18} />
          </button>
        )}
      </header>
      {!folded.value && <ul class="places">{children}</ul>}
      {adding.value && (
        <NameField
          label={fieldLabel!}
          onDone={(value) => {
            adding.value = false;
            if (value) onAdd!(value);
            else button.current?.focus();
          }}
        />
      )}
    </section>
  );
}

export function NameField({ label, value = "", onDone }: { label: string; value?: string; onDone: (name: string | null) => void }) {
  const over = useRef(false);
  const done = (name: string | null) => {
    if (over.current) return;
    over.current = true;
    onDone(name?.trim() || null);
  };
  return (
    <input
      class="input name-field"
      dir="auto"
      maxLength={120}
      aria-label={label}
      placeholder={label}
      defaultValue={value}
      ref={(field) => {
        if (field && document.activeElement !== field && !over.current) field.focus();
      }}
      onBlur={(event) => done(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.isComposing) return;
        event.stopPropagation();
        if (event.key === "Enter") done(event.currentTarget.value);
        if (event.key === "Escape") {
          event.preventDefault();
          done(null);
        }
      }}
    />
  );
}

function addList(name: string): void {
  const { ids } = act([{ do: "create", type: "list", data: { name } }], t().added(name), { quiet: true });
  go(`/list/${ids[0]}`);
  focusPlace(".add input");
}
function addLabel(name: string): void {
  const known = store().labels.value.find((label) => label.name.toLowerCase() === name.toLowerCase());
  const id = known?.id ?? act([{ do: "create", type: "label", data: { name } }], t().added(name), { quiet: true }).ids[0];
  go(`/label/${id}`);
}

function stored(id: string, closed: boolean): boolean {
  const folded = recall(`duly-folded-${id}`);
  return folded === null ? closed : folded === "yes";
}
