/** What all screens share: the store that is open, the undo steps, and what was just said. */
import { signal } from "@preact/signals";

import type { Command, Done, Store } from "../store/types";
import { t } from "../texts";

export const opened = signal<Store | null>(null);

/** The open store. Screens below the shell are only mounted while there is one. */
export function store(): Store {
  const value = opened.value;
  if (!value) throw new Error("No store is open");
  return value;
}

// --- What is read out -----------------------------------------------------------------------

export const said = signal("");
export const alarm = signal("");
let joined: string[] = [];
let timer: ReturnType<typeof setTimeout> | undefined;

/** Announces to screen readers; what is said within 300 ms becomes one announcement. */
export function say(text: string): void {
  if (joined.at(-1) !== text) joined.push(text);
  timer ??= setTimeout(() => {
    // A trailing space makes the same words a change, so that they are read again.
    const next = joined.join(" ");
    said.value = next === said.value ? `${next} ` : next;
    joined = [];
    timer = undefined;
  }, 300);
}

export function warn(text: string): void {
  alarm.value = text === alarm.value ? `${text} ` : text;
}

// --- Toast ----------------------------------------------------------------------------------

export interface Toast {
  text: string;
  action?: { text: string; run: () => void };
  /** Changes with each toast, so that its ten seconds start again. */
  key: number;
}
export const toast = signal<Toast | null>(null);
let toasts = 0;

export function showToast(text: string, action?: Toast["action"]): void {
  const shown = { text, action, key: ++toasts };
  afterPaint(() => (toast.value = shown));
  say(text);
}

/** Does something once the screen shows what has been done until now. */
export function afterPaint(act: () => void): void {
  requestAnimationFrame(() => setTimeout(act));
}

// --- Acts and undo --------------------------------------------------------------------------

interface Step {
  commands: Command[];
  done: Done;
  text: string;
}
const STEPS = 100;
let steps: Step[] = [];
let undone: Step[] = [];

export function forgetSteps(): void {
  steps = [];
  undone = [];
}

/**
 * Runs commands as one act: one paint, one undo step. `text` says what happened, for the toast
 * and for screen readers; quiet acts (a typed title, a chosen date) show no toast.
 */
export function act(commands: Command[], text = "", { quiet = false } = {}): Done {
  const done = store().run(...commands);
  done.stored.catch(() => {
    if (store().status.peek().outdated) return; // a notice says so already
    warn(t().notStored);
    showToast(t().notStored);
  });
  steps = [...steps.slice(-STEPS + 1), { commands, done, text }];
  undone = [];
  if (text && quiet) say(text);
  else if (text) showToast(text, { text: t().undo, run: undo });
  return done;
}

export function undo(): void {
  const step = steps.pop();
  if (!step) return say(t().nothingToUndo);
  const { left, nothing } = step.done.undo();
  if (nothing) return showToast(t().notUndone(left.join(", ")));
  undone.push(step);
  const text = step.text ? t().undone(step.text) : t().undoneLast;
  showToast(left.length > 0 ? `${text} ${t().changedSince(left.join(", "))}` : text);
}

export function redo(): void {
  const step = undone.pop();
  if (!step) return say(t().nothingToRedo);
  const done = store().run(...step.commands);
  steps.push({ ...step, done });
  showToast(step.text || t().redone, { text: t().undo, run: undo });
}
