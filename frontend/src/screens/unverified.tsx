import "../styles/unverified.css";

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { ApiError } from "../api/client";
import type { User } from "../api/things";
import { session } from "../commands/account";
import { say, store, warn } from "../commands/app";
import { Link } from "../parts/link";
import { t } from "../texts";
import { m } from "../texts/more";
import { explain } from "./sign-in";
import { SignOut } from "./sign-out";

/** How often the page asks whether the address has been confirmed elsewhere, in milliseconds. */
const EVERY = 5_000;

/**
 * The server syncs with users only after they have confirmed their address. The screen of someone
 * who has nothing on this device yet; for anyone else, a notice above the tasks. It goes away by
 * itself: the store tries again as soon as the address is confirmed.
 */
export function Unverified() {
  // The session knows a changed address at once; the store syncs it, which is what must wait.
  const user = session.user.value ?? store().user.value;
  const busy = useSignal(false);
  const result = useSignal("");
  const mistake = useSignal("");
  const email = user.pending_email ?? user.email ?? "";

  /** Returns whether it is confirmed. */
  const check = async (): Promise<boolean> => {
    const now = (await (await session.request("GET", "/users/me")).json()) as User;
    session.setUser(now);
    if (!now.email_verified_at) return false;
    store().syncNow();
    return true;
  };
  useEffect(() => {
    document.title = `${t().confirmAddress} · ${t().appName}`;
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") check().catch(() => {});
    }, EVERY);
    return () => clearInterval(timer);
  }, []);

  const attempt = async (act: () => Promise<string>) => {
    if (busy.value) return;
    busy.value = true;
    result.value = mistake.value = "";
    try {
      result.value = await act();
      say(result.value);
    } catch (error) {
      const wait = error instanceof ApiError && error.status === 429 ? error.retryAfter : null;
      mistake.value = wait ? m().linksTooMany(Math.ceil(wait / 60)) : explain(error);
      warn(mistake.value);
    } finally {
      busy.value = false;
    }
  };
  const resend = () =>
    attempt(async () => {
      await session.request("POST", "/auth/email/resend");
      return m().linkSentTo(email);
    });
  const confirmed = () => attempt(async () => ((await check()) ? t().working : m().notConfirmedYet));

  return (
    <section class="banner unverified" aria-labelledby="unverified-title">
      <h1 id="unverified-title">{t().confirmAddress}</h1>
      <p>{m().unverifiedText} <bdi class="unverified-address">{email}</bdi>.</p>
      {store().status.value.lastSync && <p>{m().unverifiedKept}</p>}
      <div class="conflict-choices">
        <button type="button" class="button primary" aria-disabled={busy.value} onClick={() => void confirmed()}>{m().iHaveConfirmed}</button>
        <button type="button" class="button" aria-disabled={busy.value} onClick={() => void resend()}>{m().newLink}</button>
      </div>
      {result.value && <p class="note">{result.value}</p>}
      {mistake.value && <p class="mistake">{mistake.value}</p>}
      <div class="conflict-choices">
        <Link class="button quiet" href="/settings/account">{m().otherAddress}</Link>
        <SignOut />
      </div>
    </section>
  );
}
