import "../styles/over.css";

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

import { closeOnBack } from "../commands/back";
import { placeBeside } from "./beside";

interface Props {
  label: string;
  class?: string;
  /** Beside this element where there is room; otherwise in the middle, on phones at the bottom. */
  anchor?: Element | null;
  onClose: () => void;
  children: ComponentChildren;
}

/** A modal `<dialog>`: the browser keeps the focus inside; Esc and a click outside close it. */
export function Dialog({ label, class: name = "", anchor, onClose, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const close = useRef(onClose);
  close.current = onClose;
  useLayoutEffect(() => {
    const element = dialog.current!;
    const before = document.activeElement;
    element.showModal();
    if (anchor && matchMedia("(min-width: 40em)").matches) placeBeside(element, anchor);
    return () => {
      element.close();
      if (before instanceof HTMLElement && before.isConnected && document.activeElement === document.body) before.focus();
    };
  }, []);
  useLayoutEffect(() => closeOnBack(() => close.current()), []);
  return (
    <dialog
      ref={dialog}
      class={`dialog ${anchor ? "anchored" : ""} ${name}`}
      aria-label={label}
      onCancel={(event) => {
        event.preventDefault();
        close.current();
      }}
      onMouseDown={(event) => {
        if (event.target === dialog.current) close.current();
      }}
    >
      <div class="dialog-body">{children}</div>
    </dialog>
  );
}
