import { signal, useSignal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";

import { ApiError, send } from "../api/client";
import { phase, session, signInNote, signingInAgain } from "../commands/account";
import { opened, say, warn } from "../commands/app";
import { go, route } from "../commands/route";
import { Link } from "../parts/link";
import { t } from "../texts";
import { m } from "../texts/more";
import { CardHead, explain, Password, SignIn } from "./sign-in";

type Step = "asked" | "useless" | "again" | "confirmed";

// The secret of the link. It leaves the address bar and the history before anything is shown.
const token = signal("");
function take(): void {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given === null) return;
  token.value = given;
  history.replaceState(null, "", location.pathname);
}
take();
// Another link was opened in this tab.
addEventListener("hashchange", take);

/** Every session of the account has ended, possibly also the one of this browser. */
async function toSignIn(): Promise<void> {
  signInNote.value = m().passwordSet;
  say(m().passwordSet);
  go("/", { replace: true });
  // The copy on this device may still be opening.
  await new Promise<void>((done) => {
    const stop = phase.subscribe((now) => {
      if (now === "starting") return;
      queueMicrotask(() => stop());
      done();
    });
  });
  if (!opened.peek()) return;
  await session.request("GET", "/users/me").catch(() => {});
  signingInAgain.value = session.ended.peek();
}

/** Where the links in mails lead. */
export function Mailed() {
  const now = route.value;
  const reset = now.at === "mailed" && now.link === "reset-password";
  return (
    <main class="sign-in-page">
      <Card key={token.value} reset={reset} token={token.value} />
    </main>
  );
}

/**
 * To set a new password (`reset`), or to confirm an address. The token is sent when the person says
 * so, since some mail servers open all links.
 */
function Card({ reset, token }: { reset: boolean; token: string }) {
  const step = useSignal<Step>(token ? "asked" : "useless");
  const busy = useSignal(false);
  const mistake = useSignal("");
  const password = useSignal("");
  const card = useRef<HTMLElement>(null);
  const id = useId();
  const title = reset ? m().setPassword : t().confirmAddress;
  useEffect(() => {
    document.title = `${title} · ${t().appName}`;
  }, [title]);
  // What had the focus is gone with each step.
  useEffect(() => {
    if (step.value !== "asked") card.current?.focus();
  }, [step.value]);

  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy.value) return;
    busy.value = true;
    mistake.value = "";
    try {
      if (reset) {
        await send("POST", "/auth/password/reset", { body: { token, new_password: password.value } });
        return void toSignIn();
      }
      await send("POST", "/auth/email/verify", { body: { token } });
      opened.peek()?.syncNow();
      step.value = "confirmed";
    } catch (error) {
      const fields = error instanceof ApiError ? (error.details.fields ?? []) : [];
      if (fields.some(({ path }) => path === "body.token")) step.value = "useless";
      else warn((mistake.value = explain(error)));
    } finally {
      busy.value = false;
    }
  };

  if (step.value === "again") {
    return (
      <div class="sign-in">
        <SignIn forgot />
      </div>
    );
  }
  return (
    <section class="sign-in" ref={card} tabIndex={-1} aria-labelledby={`${id}-title`}>
      <CardHead id={`${id}-title`} title={title} />
      {step.value === "asked" && (
        <form class="form" onSubmit={(event) => void submit(event)}>
          {reset ? (
            <Password id={`${id}-password`} label={m().newPassword} value={password.value} isNew onInput={(value) => (password.value = value)} />
          ) : (
            <p>{m().confirmAddressText(location.host)}</p>
          )}
          {mistake.value && <p class="mistake">{mistake.value}</p>}
          <button class="button primary" type="submit" aria-disabled={busy.value}>
            {busy.value ? t().working : reset ? m().setPassword : m().confirm}
          </button>
        </form>
      )}
      {step.value === "confirmed" && <p>{m().addressConfirmed}</p>}
      {step.value === "useless" && (
        <>
          <p>{token ? m().linkUseless : m().linkIncomplete}</p>
          {reset ? (
            <button class="button primary" type="button" onClick={() => (step.value = "again")}>{m().newLink}</button>
          ) : (
            <p>{m().newLinkInSettings}</p>
          )}
        </>
      )}
      <div class="sign-in-foot">
        <Link class="button quiet" href="/">{m().openApp}</Link>
      </div>
    </section>
  );
}
