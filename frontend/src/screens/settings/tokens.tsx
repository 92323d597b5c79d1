import { useSignal } from "@preact/signals";

import type { ApiToken, CreatedApiToken, Page } from "../../api/things";
import { session } from "../../commands/account";
import { ago } from "../../parts/when";
import { m } from "../../texts/more";
import { useServer } from "./use-server";

const SCOPES = ["tasks:read", "tasks:write", "tasks:delete", "account:read"] as const;

export function Tokens() {
  const { value, problem, load, attempt } = useServer<Page<ApiToken>>("/users/me/tokens");
  const name = useSignal("");
  const scopes = useSignal<readonly string[]>(["tasks:read"]);
  const made = useSignal<string | null>(null);
  const create = async (event: Event) => {
    event.preventDefault();
    await attempt(async () => {
      const response = await session.request("POST", "/users/me/tokens", { body: { name: name.value.trim(), scopes: scopes.value } });
      made.value = ((await response.json()) as CreatedApiToken).token;
      name.value = "";
      await load();
    });
  };
  const all = value.value?.items ?? [];
  return (
    <>
      <section class="form">
        {problem.value && <p class="mistake">{problem.value}</p>}
        {value.value && all.length === 0 && <p class="note">{m().noTokens}</p>}
        <ul class="plain-list">
          {all.map((token) => (
            <li key={token.id} class="line-item">
              <div class="grow">
                <bdi>{token.name}</bdi>
                <p class="note">{token.scopes.join(", ")}{token.last_used_at && ` · ${m().lastUsed(ago(token.last_used_at))}`}</p>
              </div>
              <button type="button" class="button" onClick={() => void attempt(() => session.request("DELETE", `/users/me/tokens/${token.id}`)).then(load)}>{m().revoke}</button>
            </li>
          ))}
        </ul>
      </section>
      {made.value && (
        <div class="banner">
          <p>{m().tokenOnce}</p>
          <code class="token">{made.value}</code>
        </div>
      )}
      <form class="form" onSubmit={(event) => void create(event)}>
        <h2>{m().newToken}</h2>
        <div class="field">
          <label for="token-name">{m().tokenName}</label>
          <input id="token-name" class="input" required maxLength={100} value={name.value} onInput={(event) => (name.value = event.currentTarget.value)} />
        </div>
        <fieldset class="scopes">
          {SCOPES.map((scope) => (
            <label key={scope} class="switch">
              <input
                type="checkbox"
                class="check"
                checked={scopes.value.includes(scope)}
                onChange={(event) => {
                  const on = event.currentTarget.checked;
                  scopes.value = SCOPES.filter((each) => (each === scope ? on : scopes.value.includes(each)));
                }}
              />
              <code>{scope}</code>
            </label>
          ))}
        </fieldset>
        <button type="submit" class="button">{m().newToken}</button>
      </form>
    </>
  );
}
