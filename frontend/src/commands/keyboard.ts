/** Turns key presses into commands. Keys are matched by what they type, so every layout works. */
import { signal } from "@preact/signals";

import { keep, recall } from "../api/storage";
import { warn } from "./app";
import { grid, targets } from "./grid";
import { closeAhead, overlay, typeAhead } from "./overlay";
import { commands, onMac, type CommandDef } from "./registry";

/** The first key of a pair ("g") that waits for its second; a bar lists the choices. */
export const pendingKey = signal<string | null>(null);
/** WCAG 2.1.4: single keys can be turned off. Kept on the device. */
export const singleKeys = signal(recall("duly-single-keys") !== "off");

export function setSingleKeys(on: boolean): void {
  singleKeys.value = on;
  keep("duly-single-keys", on ? "on" : "off");
}

export function typed(event: KeyboardEvent): string {
  const parts: string[] = [];
  if (event.ctrlKey || event.metaKey) parts.push("Control");
  if (event.altKey) parts.push("Alt");
  // Shift is part of a character such as "?" or ">", so it is only named beside other keys.
  const letter = event.key.length === 1;
  const isLetter = letter && event.key.toLowerCase() !== event.key.toUpperCase();
  if (event.shiftKey && (!letter || isLetter)) parts.push("Shift");
  parts.push(isLetter ? event.key.toLowerCase() : event.key);
  return parts.join("+");
}

function isTextField(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !["checkbox", "radio", "button", "color", "file", "range"].includes(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.isContentEditable;
}

function find(key: string, inRow: boolean): CommandDef | undefined {
  return commands().find((command) => command.keys?.includes(key) && (command.where === "anywhere" || inRow));
}

const ONCE = [" ", "Delete", "Backspace"];

function onKeyDown(event: KeyboardEvent): void {
  if (event.isComposing || event.defaultPrevented || event.key === "Dead") return;
  // Only the platform's own key counts: Ctrl on a Mac belongs to the system.
  if (onMac ? event.ctrlKey : event.metaKey) return;
  const target = event.target as HTMLElement;
  const key = typed(event);
  const held = event.ctrlKey || event.metaKey;
  if (overlay.peek() && !document.querySelector("dialog[open]")) {
    if (event.key.length === 1 && !held && !event.altKey) typeAhead(event.key);
    else if (event.key === "Enter") typeAhead("\n");
    else if (event.key === "Backspace") typeAhead("\b");
    else if (event.key === "Escape") closeAhead();
    event.preventDefault();
    return;
  }
  const writing = isTextField(target);
  if (writing && key !== "Control+k" && key !== "F6") return;
  if (target.closest("dialog, [popover]") && key !== "Control+k") return;
  if (event.getModifierState("AltGraph")) return;

  const pending = pendingKey.peek();
  if (pending !== null && key !== "Shift") {
    pendingKey.value = null;
    const found = key === "Escape" ? undefined : find(`${pending} ${key}`, false);
    event.preventDefault();
    found?.run(targets());
    return;
  }
  const row = target.closest("[role=row]");
  const inRow = row !== null && grid.peek() !== null;
  const single = !held && !event.altKey && key.replace("Shift+", "").length === 1 && key !== " ";
  if (single && !singleKeys.peek() && !inRow) return;
  if (single && singleKeys.peek() && !inRow && commands().some((c) => c.keys?.some((k) => k.startsWith(`${key} `)))) {
    event.preventDefault();
    pendingKey.value = key;
    return;
  }
  // Space and Enter on a control inside a row belong to that control.
  if (row && target !== row && [" ", "Enter"].includes(key)) return;
  const found = find(key, inRow);
  if (!found) {
    if (single && singleKeys.peek() && inRow && commands().some((c) => c.keys?.some((k) => k.startsWith(`${key} `)))) {
      event.preventDefault();
      pendingKey.value = key;
    }
    return;
  }
  // A key that is held down would complete one occurrence after the other, or delete one task after the other.
  if (event.repeat && ONCE.includes(key)) return event.preventDefault();
  const ids = targets();
  if (found.available && !found.available(ids)) return;
  event.preventDefault();
  try {
    found.run(ids);
  } catch (error) {
    warn(String(error));
    throw error;
  }
}

export function listen(): () => void {
  addEventListener("keydown", onKeyDown);
  return () => removeEventListener("keydown", onKeyDown);
}
