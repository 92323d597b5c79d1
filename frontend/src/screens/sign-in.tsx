import { useSignal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";

import { ApiError, send } from "../api/client";
import type { User } from "../api/things";
import { open, session, signInNote } from "../commands/account";
import { warn } from "../commands/app";
import { Icon } from "../parts/icons";
import { hasPasskeys, usePasskey } from "../parts/passkey";
import { language, t } from "../texts";

type Step = "sign_in" | "register" | "code" | "forgot" | "sent";

/** What the server asks for after the password. */
interface Second {
  challenge: string;
  hasCode: boolean;
  options?: unknown;
}

const translated = (message: string) => t().serverWords[message] ?? message;

/** The server's own words where it refuses, with those of the fields it refuses. */
export function explain(error: unknown): string {
  if (!(error instanceof ApiError)) return t().cannotReach;
  if (error.status >= 500 && !error.code) return t().serverProblem;
  const words = (error.details.fields ?? []).map(({ path, message }) => {
    const name = (t().inputNames as Record<string, string>)[path.replace(/^body\./, "")];
    return name ? `${name}: ${translated(message)}` : translated(message);
  });
  return words.length > 0 ? words.join(" ") : translated(error.message);
}

/** Creates an account with the language and the time zone of the browser. */
async function register(email: string, password: string): Promise<User> {
  const profile = { language: language.peek() };
  try {
    return await session.register(email, password, { ...profile, timezone: Intl.DateTimeFormat().resolvedOptions().timeZone });
  } catch (error) {
    // A browser may not know its zone, or have one that is new to the server.
    if (!(error as ApiError).details?.fields?.some(({ path }) => path === "body.timezone")) throw error;
    return session.register(email, password, profile);
  }
}

/**
 * The card for both ways in. `email` is given when a session ended and the same user must return;
 * with `forgot`, a link to set a new password is all that it is for.
 */
export function SignIn({ email: fixed, forgot }: { email?: string | null; forgot?: boolean }) {
  const step = useSignal<Step>(forgot ? "forgot" : "sign_in");
  const busy = useSignal(false);
  const mistake = useSignal("");
  const second = useSignal<Second>({ challenge: "", hasCode: true });
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
      if (!user) return;
      signInNote.value = "";
      await open(user);
    } catch (error) {
      if (error instanceof ApiError && error.code === "SECOND_FACTOR_REQUIRED") {
        const { challenge = "", factors = [], options } = error.details;
        second.value = { challenge, hasCode: factors.includes("totp") || !factors.includes("passkey"), options: factors.includes("passkey") ? options : undefined };
        step.value = "code";
      } else {
        mistake.value = explain(error);
        warn(mistake.value);
      }
    } finally {
      busy.value = false;
    }
  };
  /** As the second factor after a password, or alone in place of both. */
  const withPasskey = () =>
    attempt(async () => {
      let { challenge, options } = second.value;
      if (step.value !== "code") {
        const response = await send("POST", "/auth/passkey", { body: {} });
        ({ challenge, options } = (await response.json()) as { challenge: string; options: unknown });
      }
      let assertion: unknown;
      try {
        assertion = await usePasskey(options);
      } catch {
        // Closed by the user, or timed out: the browser has said so itself.
        return;
      }
      return session.secondFactor(challenge, { assertion });
    });
  const submit = (event: Event) => {
    event.preventDefault();
    const [address, secret] = [email.value.trim(), password.value];
    void attempt(async () => {
      if (step.value === "register") return register(address, secret);
      if (step.value === "code") return session.secondFactor(second.value.challenge, { code: code.value.trim() });
      if (step.value === "forgot") {
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
  const ways: [Step, string][] = [];
  if (step.value === "sign_in") {
    if (!fixed) ways.push(["register", t().newAccount]);
    ways.push(["forgot", t().forgotPassword]);
  } else if (!forgot) ways.push(["sign_in", registering ? t().haveAccount : t().backToSignIn]);
  const label = registering ? t().createAccount : step.value === "forgot" ? t().sendReset : t().signIn;

  return (
    <form class="sign-in" onSubmit={submit} aria-labelledby={`${id}-title`}>
      <CardHead id={`${id}-title`} title={t().appName} />
      {signInNote.value && <p>{signInNote.value}</p>}
      {step.value === "code" ? (
        <div class="field">
          <label for={`${id}-code`}>{t().secondFactor}</label>
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
        <p>{t().resetSent}</p>
      ) : (
        <>
          <div class="field">
            <label for={`${id}-email`}>{t().email}</label>
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
          {busy.value ? t().working : label}
        </button>
      )}
      {hasPasskeys() && ((step.value === "sign_in" && !fixed) || (step.value === "code" && second.value.options !== undefined)) && (
        <button class="button" type="button" onClick={() => void withPasskey()}>{t().usePasskey}</button>
      )}
      <div class="sign-in-foot">
        {ways.map(([to, text]) => (
          <button key={to} class="button quiet" type="button" onClick={() => turn(to)}>{text}</button>
        ))}
      </div>
    </form>
  );
}

export function CardHead({ id, title }: { id: string; title: string }) {
  return (
    <header class="sign-in-head">
      <img src="/icon.svg" alt="" width="40" height="40" />
      <h1 id={id}>{title}</h1>
      <p class="note">{location.host}</p>
    </header>
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
      <label for={id}>{label ?? t().password}</label>
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
          aria-label={shown.value ? t().hidePassword : t().showPassword}
          onClick={() => (shown.value = !shown.value)}
        >
          <Icon name="eye" />
        </button>
      </div>
      {isNew && <p class="note" id={`${id}-rule`}>{t().passwordRule}</p>}
    </div>
  );
}
