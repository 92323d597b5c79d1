import "../styles/color.css";

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import { act, store } from "../commands/app";
import type { Colored } from "../commands/overlay";
import { m } from "../texts/more";
import { COLORS, hexColor } from "./colors";
import { Dialog } from "./dialog";
import { Dot } from "./icons";

/** The colour of a list, a label or a filter: one of ten, or any other. */
export function ColorPicker({ type, id, onClose }: Colored & { onClose: () => void }) {
  const before = store().get(type, id).peek()?.color ?? null;
  const text = useSignal(before ?? "");
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (matchMedia("(pointer: fine)").matches) field.current?.select();
  }, []);
  const typed = hexColor(text.value);
  const isWrong = text.value.trim() !== "" && !typed;
  const choose = (color: string | null) => {
    onClose();
    if (color !== before) act([{ do: "update", type, id, data: { color } }], m().saved, { quiet: true });
  };
  return (
    <Dialog label={m().colorName} class="color-picker" onClose={onClose}>
      <h1>{m().colorName}</h1>
      <div class="swatches" role="group" aria-label={m().colorName}>
        {COLORS.map((color, index) => (
          <button key={color} type="button" class="swatch" aria-label={m().colors[index]} title={m().colors[index]} aria-pressed={before === color} onClick={() => choose(color)}>
            <Dot color={color} />
          </button>
        ))}
      </div>
      <form
        class="color-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (typed) choose(typed);
          else field.current?.focus();
        }}
      >
        <label for="color-hex">{m().hexColor}</label>
        <div class="time-row">
          <Dot color={typed} />
          <input
            ref={field}
            id="color-hex"
            class="input figures"
            placeholder="#2e8b7a"
            maxLength={9}
            autocomplete="off"
            spellcheck={false}
            value={text.value}
            aria-invalid={isWrong}
            aria-describedby="color-note"
            onInput={(event) => (text.value = event.currentTarget.value)}
          />
          <button type="submit" class="button primary" aria-disabled={!typed}>{m().save}</button>
        </div>
        <p id="color-note" class={isWrong ? "mistake" : "note"} aria-live="polite">{isWrong ? m().notAColor : " "}</p>
      </form>
      {before && <button type="button" class="button" onClick={() => choose(null)}>{m().noColor}</button>}
    </Dialog>
  );
}
