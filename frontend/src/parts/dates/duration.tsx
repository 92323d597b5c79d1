import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import { store } from "../../commands/app";
import { updateTasks } from "../../commands/tasks";
import { parseDuration } from "../../rules/duration";
import { m } from "../../texts/more";
import { Dialog } from "../dialog";
import { duration } from "./texts";

const USUAL = [15, 30, 45, 60, 90, 120, 180, 240];

/** Typing comes first; below are the durations that are chosen most. */
export function DurationPicker({ ids, anchor, onClose }: { ids: readonly string[]; anchor: Element; onClose: () => void }) {
  const before = store().get("task", ids[0]!).peek()?.duration_minutes ?? null;
  const text = useSignal("");
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (matchMedia("(pointer: fine)").matches) input.current?.focus();
  }, []);
  const meant = parseDuration(text.value);
  const choose = (minutes: number | null) => {
    onClose();
    updateTasks(ids, { duration_minutes: minutes }, m().saved);
  };
  return (
    <Dialog label={m().durationName} class="date-picker" anchor={anchor} onClose={onClose}>
      <form
        class="time-row"
        onSubmit={(event) => {
          event.preventDefault();
          if (meant) choose(meant);
          else if (!text.value.trim()) onClose();
        }}
      >
        <input
          ref={input}
          class="input"
          aria-label={m().typeDuration}
          placeholder={m().typeDurationHint}
          value={text.value}
          autocomplete="off"
          onInput={(event) => (text.value = event.currentTarget.value)}
        />
        <button type="submit" class="button primary" aria-disabled={!meant}>{m().save}</button>
      </form>
      <p class="note date-meant" aria-live="polite">
        {meant ? duration(meant) : text.value.trim() ? m().notADuration : " "}
      </p>
      <div class="quick-days">
        {USUAL.map((minutes) => (
          <button key={minutes} type="button" class="button" aria-pressed={minutes === before} onClick={() => choose(minutes)}>{duration(minutes)}</button>
        ))}
        <button type="button" class="button" aria-pressed={before === null} onClick={() => choose(null)}>{m().noDuration}</button>
      </div>
    </Dialog>
  );
}
