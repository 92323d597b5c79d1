import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { session } from "../../commands/account";
import { store } from "../../commands/app";
import { language } from "../../texts";
import { m } from "../../texts/more";
import { lazily } from "../../parts/lazily";
import { exportDevice, save } from "../export-device";
import { explain } from "../sign-in";

const Import = lazily(() => import("../import/import").then((part) => part.Import));

function bytes(n: number): string {
  const unit = n < 1e6 ? "kilobyte" : "megabyte";
  return new Intl.NumberFormat(language.value, { style: "unit", unit, maximumFractionDigits: 1 }).format(n / (n < 1e6 ? 1e3 : 1e6));
}

export function Data() {
  const problem = useSignal("");
  const used = useSignal<number | null>(null);
  const kept = useSignal<boolean | null>(null);
  useEffect(() => {
    void navigator.storage?.estimate().then(({ usage }) => (used.value = usage ?? null));
    void navigator.storage?.persisted().then((persisted) => (kept.value = persisted));
  }, []);
  const download = async () => {
    problem.value = "";
    try {
      save("duly.json", await (await session.request("GET", "/users/me/export")).blob());
    } catch (error) {
      problem.value = explain(error);
    }
  };
  return (
    <>
      <section class="form">
        <p class="note">{m().exportNote}</p>
        <p class="button-row">
          <button type="button" class="button" onClick={() => void download()}>{m().exportServer}</button>
          <button type="button" class="button" onClick={exportDevice}>{m().exportDevice}</button>
        </p>
        {problem.value && <p class="mistake">{problem.value}</p>}
      </section>
      <Import />
      <section class="form">
        <h2>{m().storage}</h2>
        {!store().status.value.stored ? <p class="mistake">{m().memoryOnly}</p> : (
          <p class="note">
            {used.value !== null && m().storageUsed(bytes(used.value))} {kept.value !== null && (kept.value ? m().storageKept : m().storageMayGo)}
          </p>
        )}
      </section>
    </>
  );
}
