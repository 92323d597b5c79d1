import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";

import { keep } from "../../api/storage";
import { showToast, store, warn } from "../../commands/app";
import { setSingleKeys, singleKeys } from "../../commands/keyboard";
import { dayName } from "../../parts/dates/texts";
import { speak, type Language } from "../../texts";
import { m } from "../../texts/more";
import { explain } from "../sign-in";
import { patchUser } from "./account";

type Theme = "system" | "light" | "dark";

function theme(): Theme {
  return (document.documentElement.dataset["theme"] as Theme | undefined) ?? "system";
}
function setTheme(chosen: Theme): void {
  if (chosen === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = chosen;
  keep("duly-theme", chosen === "system" ? null : chosen);
}

export function Preferences() {
  const user = store().user.value;
  const mistake = useSignal("");
  const chosen = useSignal(theme());
  const save = async (data: Record<string, unknown>) => {
    mistake.value = "";
    try {
      await patchUser(data);
      showToast(m().saved);
    } catch (error) {
      mistake.value = explain(error);
      warn(mistake.value);
    }
  };
  const zones = Intl.supportedValuesOf("timeZone");
  return (
    <div class="form">
      <Select id="set-theme" label={m().theme} value={chosen.value} onChange={(value) => {
        chosen.value = value as Theme;
        setTheme(value as Theme);
      }}>
        {(["system", "light", "dark"] as const).map((key) => <option key={key} value={key}>{m().themes[key]}</option>)}
      </Select>
      <Select id="set-language" label={m().languageName} value={user.language} onChange={(value) => {
        void speak(value as Language);
        void save({ language: value });
      }}>
        {(["en", "de"] as const).map((key) => <option key={key} value={key} lang={key}>{m().languages[key]}</option>)}
      </Select>
      <Select id="set-zone" label={m().zone} value={user.timezone} onChange={(value) => void save({ timezone: value })}>
        {[...new Set([user.timezone, "UTC", ...zones])].map((zone) => <option key={zone} value={zone}>{zone.replaceAll("_", " ")}</option>)}
      </Select>
      <Select id="set-week" label={m().weekStart} value={String(user.week_start)} onChange={(value) => void save({ week_start: Number(value) })}>
        {[1, 2, 3, 4, 5, 6, 7].map((day) => <option key={day} value={String(day)}>{dayName(day - 1)}</option>)}
      </Select>
      <label class="switch">
        <input type="checkbox" class="check" checked={singleKeys.value} onChange={(event) => setSingleKeys(event.currentTarget.checked)} />
        {m().singleKeys}
      </label>
      {mistake.value && <p class="mistake">{mistake.value}</p>}
    </div>
  );
}

function Select({ id, label, value, onChange, children }: {
  id: string;
  label: string;
  value: string;
  onChange: (value: string) => void;
  children: ComponentChildren;
}) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} class="input" value={value} onChange={(event) => onChange(event.currentTarget.value)}>{children}</select>
    </div>
  );
}
