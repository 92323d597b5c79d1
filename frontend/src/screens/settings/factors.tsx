import { useSignal } from "@preact/signals";

import type { Factor, FactorEnrolment } from "../../api/things";
import { session } from "../../commands/account";
import { show } from "../../commands/overlay";
import { createPasskey, hasPasskeys } from "../../parts/passkey";
import { ago } from "../../parts/when";
import { m } from "../../texts/more";
import { useServer } from "./use-server";

interface Factors {
  items: Factor[];
  recovery_codes_left: number;
}

/** Authenticator apps and passkeys. Recovery codes are shown once, when they are made. */
export function FactorsPage() {
  const { value, problem, load, attempt } = useServer<Factors>("/users/me/factors");
  const name = useSignal("");
  const code = useSignal("");
  const enrolling = useSignal<FactorEnrolment | null>(null);
  const codes = useSignal<readonly string[]>([]);

  const begin = (type: "totp" | "passkey") =>
    attempt(async () => {
      const fallback = type === "totp" ? m().authenticatorApp : m().passkey;
      const response = await session.request("POST", "/users/me/factors", { body: { type, name: name.value.trim() || fallback } });
      const enrolment = (await response.json()) as FactorEnrolment;
      if (type === "passkey") await confirm(enrolment, { credential: await createPasskey(enrolment.options) });
      else enrolling.value = enrolment;
    });
  const confirm = async (enrolment: FactorEnrolment, proof: unknown) => {
    const response = await session.request("POST", `/users/me/factors/${enrolment.id}/confirm`, { body: proof });
    const { recovery_codes } = (await response.json()) as { recovery_codes: string[] | null };
    if (recovery_codes) codes.value = recovery_codes;
    [enrolling.value, code.value, name.value] = [null, "", ""];
    await load();
  };
  const renew = () =>
    attempt(async () => {
      const response = await session.request("POST", "/users/me/factors/recovery-codes");
      codes.value = ((await response.json()) as { recovery_codes: string[] }).recovery_codes;
      await load();
    });
  const all = (value.value?.items ?? []).filter((factor) => factor.confirmed_at);
  const now = enrolling.value;
  return (
    <>
      <section class="form">
        <p class="note">{m().factorsNote}</p>
        {problem.value && <p class="mistake">{problem.value}</p>}
        <ul class="plain-list">
          {all.map((factor) => (
            <li key={factor.id} class="line-item">
              <div class="grow">
                <bdi>{factor.name}</bdi>
                <p class="note">
                  {factor.type === "totp" ? m().authenticatorApp : m().passkey}
                  {factor.last_used_at && ` · ${m().lastUsed(ago(factor.last_used_at))}`}
                </p>
              </div>
              <button
                type="button"
                class="button"
                onClick={() => show({
                  kind: "ask",
                  text: m().removeFactorAsk(factor.name),
                  action: m().remove,
                  run: () => void attempt(() => session.request("DELETE", `/users/me/factors/${factor.id}`)).then(load),
                })}
              >
                {m().remove}
              </button>
            </li>
          ))}
        </ul>
        {all.length > 0 && (
          <p>
            {m().codesLeft(value.value!.recovery_codes_left)}{" "}
            <button type="button" class="button quiet" onClick={() => void renew()}>{m().newCodes}</button>
          </p>
        )}
      </section>
      {codes.value.length > 0 && (
        <div class="banner">
          <p>{m().codesOnce}</p>
          <ul class="recovery-codes">{codes.value.map((each) => <li key={each}><code>{each}</code></li>)}</ul>
        </div>
      )}
      {now ? (
        <form class="form" onSubmit={(event) => {
          event.preventDefault();
          void attempt(() => confirm(now, { code: code.value.replace(/\s/g, "") }));
        }}>
          <h2>{now.name}</h2>
          <p>{m().enterSecret}</p>
          <p><code class="token">{now.secret?.replace(/(.{4})(?=.)/g, "$1 ")}</code></p>
          {now.uri && <p><a href={now.uri}>{m().openInApp}</a></p>}
          <div class="field">
            <label for="factor-code">{m().codeFromApp}</label>
            <input id="factor-code" class="input figures" inputMode="numeric" autocomplete="one-time-code" required value={code.value} onInput={(event) => (code.value = event.currentTarget.value)} />
          </div>
          <p class="button-row">
            <button type="submit" class="button primary">{m().confirm}</button>
            <button type="button" class="button" onClick={() => (enrolling.value = null)}>{m().cancel}</button>
          </p>
        </form>
      ) : (
        <div class="form">
          <div class="field">
            <label for="factor-name">{m().name}</label>
            <input id="factor-name" class="input" maxLength={100} value={name.value} onInput={(event) => (name.value = event.currentTarget.value)} />
          </div>
          <p class="button-row">
            <button type="button" class="button" onClick={() => void begin("totp")}>{m().addAuthenticator}</button>
            {hasPasskeys() && <button type="button" class="button" onClick={() => void begin("passkey")}>{m().addPasskey}</button>}
          </p>
        </div>
      )}
    </>
  );
}
