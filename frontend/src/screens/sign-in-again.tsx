import { signingInAgain } from "../commands/account";
import { store } from "../commands/app";
import { Dialog } from "../parts/dialog";
import { lazily } from "../parts/lazily";
import { t } from "../texts";

const SignIn = lazily<{ email?: string | null }>(() => import("./sign-in").then((part) => part.SignIn));

/** The session ended, work went on: the same user signs in, and nothing is lost. */
export function SignInAgain() {
  if (!signingInAgain.value) return null;
  return (
    <Dialog label={t().signInToSync} class="sign-in-again" onClose={() => (signingInAgain.value = false)}>
      <SignIn email={store().user.value.email} />
    </Dialog>
  );
}
