import "../styles/pages.css";

import { useEffect } from "preact/hooks";

import { signingInAgain } from "../commands/account";
import { store } from "../commands/app";
import { choiceText, conflictText } from "../parts/conflict";
import { statusText } from "../parts/status";
import { ago } from "../parts/when";
import type { Waiting } from "../store/types";
import { t } from "../texts";
import { m } from "../texts/more";

function described({ command, name }: Waiting): string {
  const acts = m().acts;
  if (command.do === "update") {
    const to = command.data["title"] ?? command.data["name"];
    return typeof to === "string" && to !== name ? acts.rename(name, to) : acts.update(name);
  }
  if (command.do === "create") {
    const data = command.data as { title?: string; name?: string };
    return acts.create(data.title ?? data.name ?? name);
  }
  return acts[command.do](name);
}

/** Where everything stands, in words; and what a person has to decide. */
export function Sync() {
  const status = store().status.value;
  const conflicts = store().conflicts.value.filter((conflict) => conflict.kind !== "replaced");
  const waiting = store().waiting.value;
  useEffect(() => {
    document.title = `${t().sync} · ${t().appName}`;
  });
  return (
    <div class="scroll">
      <div class="page sheet">
        <h1>{statusText(status)}</h1>
        <p>{m().syncTexts[status.state]}</p>
        <p class="note">{status.lastSync ? m().lastSync(ago(status.lastSync)) : m().neverSynced}</p>
        {!status.stored && <p class="mistake">{m().memoryOnly}</p>}
        <p>
          {status.state === "sign_in" ? (
            <button type="button" class="button primary" onClick={() => (signingInAgain.value = true)}>{t().signIn}</button>
          ) : (
            <button type="button" class="button" onClick={() => store().syncNow()}>{m().tryNow}</button>
          )}
        </p>
        {conflicts.length > 0 && (
          <section>
            <h2>{m().needsYouTitle}</h2>
            <ul class="conflicts">
              {conflicts.map((conflict) => (
                <li key={conflict.key} class="conflict">
                  <p><bdi>{conflictText(conflict)}</bdi></p>
                  <div class="conflict-choices">
                    {conflict.choices.map((choice) => (
                      <button key={choice} type="button" class="button" onClick={() => store().resolve(conflict, choice)}>{choiceText(choice)}</button>
                    ))}
                  </div>
                </li>
              ))}
            </ul>
          </section>
        )}
        <section>
          <h2>{m().waitingTitle}</h2>
          {waiting.length === 0 ? (
            <p class="note">{m().nothingWaits}</p>
          ) : (
            <ul class="plain-list">
              {waiting.map((entry) => (
                <li key={entry.key}>
                  <bdi>{described(entry)}</bdi> <span class="note">– {m().waitingStates[status.state === "offline" || status.state === "sign_in" ? "waiting" : entry.state]}</span>
                </li>
              ))}
            </ul>
          )}
        </section>
      </div>
    </div>
  );
}
