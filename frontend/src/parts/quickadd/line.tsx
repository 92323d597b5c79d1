import { useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";

import { store } from "../../commands/app";
import { t } from "../../texts";
import { Dot, Icon } from "../icons";
import { whenIdle } from "../lazily";
import { allSections, prepareParser, understand, type Understood } from "./understand";

interface Props {
  value: string;
  onInput: (value: string) => void;
  /** `held`: with Ctrl or ⌘. */
  onEnter: (understood: Understood | null, held: boolean) => void;
  onEscape?: () => void;
  onLeaveDown?: () => void;
  onPasteLines?: (text: string) => void;
  onFocus?: () => void;
  label: string;
  placeholder: string;
  field: RefObject<HTMLInputElement | null>;
  class?: string;
}

interface Suggestion {
  key: string;
  name: string;
  kind: "list" | "section" | "label";
  color: string | null;
}

const SIGN = /(^|\s)([#/@])([^\s#/@]*)$/;
const MOST = 6;

/**
 * One line in which dates, lists, labels and priorities are tinted while they are typed. The tint
 * is a layer behind the field with the same metrics, so the field stays a plain `<input>`.
 */
export function Line(props: Props) {
  const { value, field } = props;
  const layer = useRef<HTMLDivElement>(null);
  const suggestions = useSignal<readonly Suggestion[]>([]);
  const at = useSignal(0);
  // The sign before the name that is being typed.
  const sign = useRef("");
  const id = useId();
  // After the first paint, which must not share the processor and the connection with it.
  useEffect(() => whenIdle(() => void prepareParser()), []);
  const understood = understand(value);

  const follow = () => {
    if (layer.current && field.current) layer.current.scrollLeft = field.current.scrollLeft;
  };
  useEffect(follow);

  const suggest = () => {
    const input = field.current!;
    const before = input.value.slice(0, input.selectionStart ?? 0);
    const [, , begun, typed] = SIGN.exec(before) ?? [];
    sign.current = begun ?? "";
    suggestions.value = begun === undefined || input.selectionStart !== input.selectionEnd ? [] : matching(begun, typed!);
    at.value = 0;
  };
  const accept = (chosen: Suggestion) => {
    const input = field.current!;
    const caret = input.selectionStart ?? input.value.length;
    const before = input.value.slice(0, caret).replace(SIGN, (_all, space: string, sign: string) => `${space}${sign}${chosen.name} `);
    props.onInput(before + input.value.slice(caret).trimStart());
    suggestions.value = [];
    requestAnimationFrame(() => input.setSelectionRange(before.length, before.length));
  };
  const open = suggestions.value.length > 0;
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    // As it is now, which may not be painted yet.
    const open = suggestions.peek().length > 0;
    const chosen = suggestions.value[at.value];
    // A name that is complete needs no suggestion, unless one was chosen: Enter then adds.
    const typed = value.toLocaleLowerCase();
    const complete = event.key === "Enter" && at.value === 0 && suggestions.value.some(({ name }) => typed.endsWith(sign.current + name.toLocaleLowerCase()));
    if (open && chosen && !complete && (event.key === "Enter" || event.key === "Tab")) accept(chosen);
    else if (open && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      const n = suggestions.value.length;
      at.value = (at.value + (event.key === "ArrowDown" ? 1 : n - 1)) % n;
    } else if (open && event.key === "Escape") suggestions.value = [];
    else if (event.key === "Enter") {
      suggestions.value = [];
      props.onEnter(understood, event.ctrlKey || event.metaKey);
    } else if (event.key === "Escape" && props.onEscape) props.onEscape();
    else if (event.key === "ArrowDown" && props.onLeaveDown) props.onLeaveDown();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div class={`line ${props.class ?? ""}`}>
      <div class="line-layer" aria-hidden="true" ref={layer} dir="auto">{tinted(value, understood)}</div>
      <input
        ref={field}
        class="line-field"
        dir="auto"
        enterkeyhint="done"
        autocomplete="off"
        autocapitalize="sentences"
        role="combobox"
        aria-expanded={open}
        aria-controls={open ? `${id}-list` : undefined}
        aria-activedescendant={open ? `${id}-${at.value}` : undefined}
        aria-autocomplete="list"
        aria-label={props.label}
        placeholder={props.placeholder}
        maxLength={500}
        value={value}
        onInput={(event) => {
          props.onInput(event.currentTarget.value);
          suggest();
        }}
        onScroll={follow}
        onKeyUp={follow}
        onFocus={() => {
          void prepareParser();
          props.onFocus?.();
        }}
        onBlur={() => (suggestions.value = [])}
        onKeyDown={onKeyDown}
        onPaste={(event) => {
          const pasted = event.clipboardData?.getData("text/plain") ?? "";
          if (!props.onPasteLines || !/\S[^]*\r?\n[^]*\S/.test(pasted)) return;
          event.preventDefault();
          props.onPasteLines(value + pasted);
        }}
      />
      {open && (
        <ul class="suggestions" role="listbox" id={`${id}-list`} aria-label={t().suggestions}>
          {suggestions.value.map((item, index) => (
            <li
              key={item.key}
              id={`${id}-${index}`}
              role="option"
              aria-selected={index === at.value}
              onMouseDown={(event) => {
                event.preventDefault();
                accept(item);
              }}
            >
              {item.kind === "section" ? <Icon name="section" size={16} /> : <Dot color={item.color} />}
              <bdi>{item.name}</bdi>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function tinted(text: string, understood: Understood | null) {
  const parts = [];
  let end = 0;
  for (const span of understood?.spans ?? []) {
    parts.push(text.slice(end, span.start));
    const piece = text.slice(span.start, span.end);
    parts.push(span.kind === "escape" ? <span class="escape" key={span.start}>{piece}</span> : <mark key={span.start}>{piece}</mark>);
    end = span.end;
  }
  parts.push(text.slice(end));
  return parts;
}

function matching(sign: string, typed: string): Suggestion[] {
  const start = typed.toLocaleLowerCase();
  const fits = ({ name }: { name: string }) => name.toLocaleLowerCase().includes(start);
  const all: Suggestion[] =
    sign === "#"
      ? store().lists.peek().filter((list) => !list.is_archived).map(({ id, name, color }) => ({ key: id, name, color, kind: "list" }))
      : sign === "@"
        ? store().labels.peek().map(({ id, name, color }) => ({ key: id, name, color, kind: "label" }))
        : allSections().map(({ id, name }) => ({ key: id, name, color: null, kind: "section" }));
  const first = (name: string) => (name.toLocaleLowerCase().startsWith(start) ? 0 : 1);
  return all.filter(fits).sort((a, b) => first(a.name) - first(b.name)).slice(0, MOST);
}
