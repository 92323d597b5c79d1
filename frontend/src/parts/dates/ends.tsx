import { useSignal } from "@preact/signals";

import type { Rule } from "../../rules/rule";
import { m } from "../../texts/more";
import { endless as withoutEnd, withPart } from "./rule-parts";

/** As many as a rule can have. */
const MOST = 1000;
type End = "never" | "until" | "count";

/** When a rule ends: never, on a day, or after a number of times. */
export function Ends({ rule, value, from, onChange }: {
  rule: string;
  value: Rule | null;
  from: string;
  onChange: (rule: string) => void;
}) {
  const chosen = useSignal<End>("never");
  const endless = withoutEnd(rule);
  // A day is chosen only after "on", so until then the rule does not say it.
  const end: End = value?.count ? "count" : value?.until ? "until" : chosen.value === "until" ? "until" : "never";
  return (
    <div class="rule-row">
      <label for="rule-ends">{m().ends}</label>
      <select
        id="rule-ends"
        class="input"
        value={end}
        onChange={(event) => {
          chosen.value = event.currentTarget.value as End;
          onChange(chosen.value === "count" ? withPart(endless, "COUNT", "5") : endless);
        }}
      >
        <option value="never">{m().endsNever}</option>
        <option value="until">{m().endsOn}</option>
        <option value="count">{m().endsAfter}</option>
      </select>
      {end === "until" && (
        <input
          class="input figures"
          type="date"
          aria-label={m().lastDate}
          min={from}
          value={value?.until ?? ""}
          onInput={(event) => onChange(withPart(endless, "UNTIL", event.currentTarget.value.replaceAll("-", "") || null))}
        />
      )}
      {end === "count" && (
        <input
          class="input figures"
          type="number"
          aria-label={m().howOften}
          min="1"
          max={MOST}
          value={String(value?.count ?? 1)}
          onInput={(event) => {
            const n = Math.trunc(Number(event.currentTarget.value));
            // Nothing for the moment in which the field is empty.
            if (n >= 1) onChange(withPart(endless, "COUNT", String(Math.min(n, MOST))));
          }}
        />
      )}
    </div>
  );
}
