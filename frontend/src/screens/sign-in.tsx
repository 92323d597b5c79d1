import { useSignal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";

import { ApiError } from "../api/client";
import type { User } from "../api/things";
import { open, session } from "../commands/account";
import { warn } from "../commands/app";
import { Icon } from "../parts/icons";
import { t } from "../texts";
import { m } from "../texts/more";

type Step = "sign_in" | "register" | "code" | "forgot" | "sent";

/** The server's own words where it refuses, with those of the fields it refuses. */
export function explain(error: unknown): string {
  if (!(error instanceof ApiError)) return m().cannotReach;
  if (error.status >= 500 && !error.code) return m().serverProblem;
  const fields = (error.details as { fields?: { field?: string; message: string }[] }).fields ?? [];
  const words = fields.map(({ field, message }) => `${field?.replace(/^body\./, "") ?? ""}: ${message}`);
  return words.length > 0 ? words.join(" ") : error.message;
}

/** The card for both ways in. `email` is given when a session ended and the same user must return. */
export function SignIn({ email: fixed }: { email?: string | null }) {
  const step = useSignal<Step>("sign_in");
  const busy = useSignal(false);
  const mistake = useSignal("");
  const challenge = useSignal("");
  const email = useSignal(fixed ?? "");
  const password = useSignal("");
  const code = useSignal("");
  const first = useRef<HTMLInputElement>(null);
  const id = useId();

  useEffect(() => {
    document.title = t().appName;
    if (matchMedia("(pointer: fine)").matches) first.current?.focus();
  }, [step.value]);

  const attempt = async (act: () => Promise<User | void>) => {
    if (busy.value) return;
    busy.value = true;
    mistake.value = "";
    try {
      const user = await act();
      if (user) await open(user);
    } catch (error) {
      if (error instanceof ApiError && error.code === "SECOND_FACTOR_REQUIRED") {
        challenge.value = String((error.details as { challenge?: string }).challenge ?? "");
        step.value = "code";
      } else {
        mistake.value = explain(error);
        warn(mistake.value);
      }
    } finally {
      busy.value = false;
    }
  };
  const submit = (event: Event) => {
    event.preventDefault();
    const [address, secret] = [email.value.trim(), password.value];
    void attempt(async () => {
      if (step.value === "register") return session.register(address, secret);
      if (step.value === "code") return session.secondFactor(challenge.value, { code: code.value.trim() });
      if (step.value === "forgot") {
        const { send } = await import("../api/client");
        await send("POST", "/auth/password/forgot", { body: { email: address } });
        step.value = "sent";
        return;
      }
      return session.login(address, secret);
    });
  };
  const turn = (to: Step) => {
    mistake.value = "";
    step.value = to;
  };
  const registering = step.value === "register";
  const label = registering ? m().createAccount : step.value === "forgot" ? m().sendReset : m().signIn;

  return (
    <form class="sign-in" onSubmit={submit} aria-labelledby={`${id}-title`}>
      <header class="sign-in-head">
        <img src="/icon.svg" alt="" width="40" height="40" />
        <h1 id={`${id}-title`}>{t().appName}</h1>
        <p class="note">{location.host}</p>
      </header>
      {step.value === "code" ? (
        <div class="field">
          <label for={`${id}-code`}>{m().secondFactor}</label>
          <input
            id={`${id}-code`}
            ref={first}
            class="input figures"
            autocomplete="one-time-code"
            autocapitalize="off"
            spellcheck={false}
            required
            value={code.value}
            onInput={(event) => (code.value = event.currentTarget.value)}
          />
        </div>
      ) : step.value === "sent" ? (
        <p>{m().resetSent}</p>
      ) : (
        <>
          <div class="field">
            <label for={`${id}-email`}>{m().email}</label>
            <input
              id={`${id}-email`}
              ref={first}
              class="input"
              type="email"
              name="email"
              autocomplete="username"
              required
              readOnly={!!fixed}
              value={email.value}
              onInput={(event) => (email.value = event.currentTarget.value)}
            />
          </div>
          {step.value !== "forgot" && (
            <Password id={`${id}-password`} value={password.value} isNew={registering} onInput={(value) => (password.value = value)} />
          )}
        </>
      )}
      {mistake.value && <p class="mistake">{mistake.value}</p>}
      {step.value !== "sent" && (
        <button class="button primary" type="submit" aria-disabled={busy.value}>
          {busy.value ? m().working : label}
        </button>
      )}
      <div class="sign-in-foot">
        {step.value === "sign_in" && !fixed && (
          <button class="button quiet" type="button" onClick={() => turn("register")}>{m().newAccount}</button>
        )}
        {step.value === "sign_in" && (
          <button class="button quiet" type="button" onClick={() => turn("forgot")}>{m().forgotPassword}</button>
        )}
        {registering && <button class="button quiet" type="button" onClick={() => turn("sign_in")}>{m().haveAccount}</button>}
        {["forgot", "sent", "code"].includes(step.value) && (
          <button class="button quiet" type="button" onClick={() => turn("sign_in")}>{m().backToSignIn}</button>
        )}
      </div>
    </form>
  );
}

export function Password({ id, value, isNew, label, onInput }: {
  id: string;
  value: string;
  isNew: boolean;
  label?: string;
  onInput: (value: string) => void;
}) {
  const shown = useSignal(false);
  return (
    <div class="field">
      <label for={id}>{label ?? m().password}</label>
      <div class="with-button">
        <input
          id={id}
          class="input"
          type={(shown.value ? "text" : "password") as "password"}
          name="password"
          autocomplete={isNew ? "new-password" : "current-password"}
          autocapitalize="off"
          spellcheck={false}
          minLength={isNew ? 8 : undefined}
          maxLength={128}
          required
          value={value}
          aria-describedby={isNew ? `${id}-rule` : undefined}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
        <button
          type="button"
          class="icon-button"
          aria-pressed={shown.value}
          aria-label={shown.value ? m().hidePassword : m().showPassword}
          onClick={() => (shown.value = !shown.value)}
        >
          <Icon name="eye" />
        </button>
      </div>
      {isNew && <p class="note" id={`${id}-rule`}>{m().passwordRule}</p>}
    </div>
  );
}
