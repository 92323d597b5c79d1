import { useSignal } from "@preact/signals";
import { useEffect, useId, useMemo, useRef } from "preact/hooks";

import { takeTypedAhead } from "../commands/overlay";
import { Dialog } from "./dialog";
import { Dot, Icon, type IconName } from "./icons";

export interface Option {
  key: string;
  name: string;
  /** Read and searched with the name: a section's list, a task's list. */
  more?: string;
  icon?: IconName;
  color?: string | null;
  keys?: string;
  indent?: boolean;
  /** For lists in which several may be on. "mixed": on for some of the tasks. */
  on?: boolean | "mixed";
}

interface Props {
  label: string;
  placeholder: string;
  anchor?: Element | null;
  class?: string;
  /** The options for what is typed, best first. */
  options: (typed: string) => readonly Option[];
  /** Return true to keep the dialog open. */
  onChoose: (option: Option) => boolean | void;
  onClose: () => void;
  nothing: string;
}

/** A field with a list below: the palette, and the pickers of labels and places. */
export function Choose({ label, placeholder, anchor, options, onChoose, onClose, nothing, class: name = "" }: Props) {
  const typed = useSignal(useMemo(() => takeTypedAhead().replaceAll("\n", ""), []));
  const at = useSignal(0);
  const field = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLUListElement>(null);
  const id = useId();
  useEffect(() => field.current?.focus(), []);
  const shown = options(typed.value);
  const index = Math.min(at.value, shown.length - 1);
  useEffect(() => list.current?.children[index]?.scrollIntoView({ block: "nearest" }), [index, typed.value]);
  const choose = (option: Option | undefined) => {
    if (!option) return;
    if (onChoose(option)) {
      typed.value = "";
      field.current?.focus();
    } else onClose();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    const n = shown.length;
    const to: Record<string, number> = { ArrowDown: (index + 1) % n, ArrowUp: (index + n - 1) % n, PageDown: Math.min(n - 1, index + 8), PageUp: Math.max(0, index - 8) };
    if (event.key === "Enter") choose(shown[index]);
    else if (n > 0 && to[event.key] !== undefined) at.value = to[event.key]!;
    else return;
    event.preventDefault();
  };
  return (
    <Dialog label={label} class={`choose ${name}`} anchor={anchor} onClose={onClose}>
      <div class="choose-head">
        <Icon name="search" size={18} />
        <input
          ref={field}
          class="choose-field"
          role="combobox"
          aria-expanded="true"
          aria-controls={`${id}-list`}
          aria-activedescendant={shown.length > 0 ? `${id}-${index}` : undefined}
          aria-autocomplete="list"
          aria-label={label}
          placeholder={placeholder}
          autocomplete="off"
          spellcheck={false}
          value={typed.value}
          onInput={(event) => {
            typed.value = event.currentTarget.value;
            at.value = 0;
          }}
          onKeyDown={onKeyDown}
        />
      </div>
      {shown.length === 0 && <p class="choose-none note">{nothing}</p>}
      <ul ref={list} class="choose-list" role="listbox" id={`${id}-list`} aria-label={label} aria-multiselectable={shown.some((option) => option.on !== undefined) || undefined}>
        {shown.map((option, i) => (
          <li
            key={option.key}
            id={`${id}-${i}`}
            role="option"
            aria-selected={option.on === undefined ? i === index : option.on === true}
            class={`${i === index ? "is-at" : ""} ${option.indent ? "is-indented" : ""}`}
            onMouseMove={() => (at.value = i)}
            onMouseDown={(event) => event.preventDefault()}
            onClick={() => choose(option)}
          >
            {option.on !== undefined && <span class="choose-on">{option.on === "mixed" ? "–" : option.on && <Icon name="check" size={16} />}</span>}
            {option.icon ? <Icon name={option.icon} size={18} /> : option.color !== undefined && <span class="choose-dot"><Dot color={option.color} /></span>}
            <bdi class="choose-name">{option.name}</bdi>
            {option.more && <bdi class="choose-more">{option.more}</bdi>}
            {option.keys && <kbd>{option.keys}</kbd>}
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
