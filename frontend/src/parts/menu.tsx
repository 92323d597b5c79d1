import "../styles/menu.css";

import { useLayoutEffect, useRef } from "preact/hooks";

import { closeOnBack } from "../commands/back";
import { placeBeside } from "./beside";
import { Dot, Icon, type IconName } from "./icons";

export interface MenuItem {
  text: string;
  icon?: IconName;
  keys?: string;
  danger?: boolean;
  checked?: boolean;
  color?: string;
  run: () => void;
}

interface Props {
  label: string;
  items: readonly (MenuItem | null)[];
  anchor: Element;
  onClose: () => void;
}

/** A menu beside its button. `null` among the items is a line between groups. */
export function Menu({ label, items, anchor, onClose }: Props) {
  const menu = useRef<HTMLDivElement>(null);
  // A key on the row opens the menu beside the row's button, but the focus was on the row.
  const opener = useRef(anchor);
  const close = useRef(onClose);
  close.current = onClose;
  useLayoutEffect(() => {
    const element = menu.current!;
    const active = document.activeElement;
    if (active && anchor.closest("[role=row]")?.contains(active)) opener.current = active;
    element.showPopover();
    placeBeside(element, anchor);
    element.querySelector<HTMLElement>("[role^=menuitem]")?.focus();
    return closeOnBack(() => {
      close.current();
      focusAgain(opener.current);
    });
  }, []);
  const move = (event: KeyboardEvent) => {
    const all = [...menu.current!.querySelectorAll<HTMLElement>("[role^=menuitem]")];
    const at = all.indexOf(document.activeElement as HTMLElement);
    const to: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 };
    const next = to[event.key];
    if (next !== undefined) all.at(next % all.length)?.focus();
    else if (event.key === "Tab") onClose();
    else if (event.key === "Escape") {
      onClose();
      focusAgain(opener.current);
    } else {
      const letter = event.key.toLowerCase();
      if (letter.length !== 1 || letter === " " || event.ctrlKey || event.metaKey) return;
      const found = [...all.slice(at + 1), ...all].find((item) => item.textContent?.trim().toLowerCase().startsWith(letter));
      found?.focus();
    }
    if (event.key !== "Tab") event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div
      ref={menu}
      popover="auto"
      role="menu"
      aria-label={label}
      class="menu"
      tabIndex={-1}
      onKeyDown={move}
      onToggle={(event) => {
        if (event.newState === "closed") onClose();
      }}
    >
      {items.map((item, index) =>
        item === null ? (
          <div key={index} role="separator" class="menu-line" />
        ) : (
          <button
            key={index}
            type="button"
            role={item.checked === undefined ? "menuitem" : "menuitemradio"}
            aria-checked={item.checked}
            tabIndex={-1}
            class={`menu-item ${item.danger ? "is-danger" : ""}`}
            onClick={() => {
              onClose();
              focusAgain(opener.current);
              item.run();
            }}
          >
            {item.icon ? <Icon name={item.icon} size={18} /> : <span class="menu-gap">{item.checked ? <Icon name="check" size={18} /> : item.color && <Dot color={item.color} />}</span>}
            <span class="menu-text">{item.text}</span>
            {item.keys && <kbd aria-hidden="true">{item.keys}</kbd>}
          </button>
        ),
      )}
    </div>
  );
}

function focusAgain(anchor: Element): void {
  if (anchor instanceof HTMLElement && anchor.isConnected) anchor.focus();
}
