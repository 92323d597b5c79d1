import { useSignal } from "@preact/signals";

import type { User } from "../../api/things";
import { session, signOut } from "../../commands/account";
import { showToast, store, warn } from "../../commands/app";
import { show } from "../../commands/overlay";
import { t } from "../../texts";
import { m } from "../../texts/more";
import { explain, Password } from "../sign-in";

type Part = "profile" | "link" | "password" | "deletion";

/** Sends a change of the profile, and shows it at once. */
export async function patchUser(data: Record<string, unknown>): Promise<void> {
  const response = await session.request("PATCH", "/users/me", { body: data });
  session.setUser((await response.json()) as User);
  store().syncNow();
}

export function Account() {
  const user = session.user.value ?? store().user.value;
  const name = useSignal(user.name ?? "");
  const email = useSignal(user.email ?? "");
  const password = useSignal("");
  const current = useSignal("");
  // Shown below the button that was pressed.
  const mistake = useSignal<{ at: Part; text: string } | null>(null);
  const attempt = async (at: Part, act: () => Promise<void>) => {
    mistake.value = null;
    try {
      await act();
      current.value = "";
    } catch (error) {
      const text = explain(error);
      mistake.value = { at, text };
      warn(text);
    }
  };
  const mistakeAt = (at: Part) => mistake.value?.at === at && <p class="mistake">{mistake.value.text}</p>;
  const otherEmail = email.value.trim() !== (user.email ?? "");
  return (
    <>
      <form class="form" onSubmit={(event) => {
        event.preventDefault();
        void attempt("profile", async () => {
          await patchUser({
            name: name.value.trim() || null,
            ...(otherEmail ? { email: email.value.trim(), current_password: current.value } : {}),
          });
          showToast(m().saved);
        });
      }}>
        <div class="field">
          <label for="set-name">{m().name}</label>
          <input id="set-name" class="input" autocomplete="name" dir="auto" maxLength={120} value={name.value} onInput={(event) => (name.value = event.currentTarget.value)} />
        </div>
        <div class="field">
          <label for="set-email">{t().email}</label>
          <input id="set-email" class="input" type="email" autocomplete="email" value={email.value} onInput={(event) => (email.value = event.currentTarget.value)} />
          <p class="note">{user.pending_email ? `${user.pending_email}: ${m().notVerified}` : user.email_verified_at ? m().verified : m().notVerified}</p>
          {(user.pending_email || !user.email_verified_at) && (
            <p>
              <button type="button" class="button quiet" onClick={() => void attempt("link", async () => {
                await session.request("POST", "/auth/email/resend");
                showToast(m().linkSent);
              })}>
                {m().newLink}
              </button>
            </p>
          )}
          {mistakeAt("link")}
        </div>
        {otherEmail && <Password id="set-email-password" label={m().currentPassword} value={current.value} isNew={false} onInput={(value) => (current.value = value)} />}
        <button type="submit" class="button">{m().save}</button>
        {mistakeAt("profile")}
      </form>
      <form class="form" onSubmit={(event) => {
        event.preventDefault();
        void attempt("password", async () => {
          await session.request("PUT", "/users/me/password", { body: { current_password: current.value, new_password: password.value } });
          password.value = "";
          showToast(m().passwordChanged);
        });
      }}>
        <h2>{m().changePassword}</h2>
        {!otherEmail && <Password id="set-current" label={m().currentPassword} value={current.value} isNew={false} onInput={(value) => (current.value = value)} />}
        <Password id="set-new" label={m().newPassword} value={password.value} isNew onInput={(value) => (password.value = value)} />
        <button type="submit" class="button">{m().changePassword}</button>
        {mistakeAt("password")}
      </form>
      <section class="form">
        <h2>{m().deleteAccount}</h2>
        <p class="note">{m().deleteAccountNote}</p>
        <button
          type="button"
          class="button"
          onClick={() => show({
            kind: "ask",
            text: m().deleteAccountAsk,
            action: m().deleteAccount,
            run: () => void attempt("deletion", async () => {
              await session.request("DELETE", "/users/me", { body: { current_password: current.value || null } });
              showToast(m().deletedAccount);
              await signOut();
            }),
          })}
        >
          {m().deleteAccount}
        </button>
        {mistakeAt("deletion")}
      </section>
    </>
  );
}
