import { useEffect } from "preact/hooks";

import { knownUser, phase } from "../commands/account";
import { opened } from "../commands/app";
import { route } from "../commands/route";
import { followOther, newVersion } from "../commands/update";
import { Live } from "../parts/live";
import { lazily, whenIdle } from "../parts/lazily";
import { ToastBar } from "../parts/toast";
import { t } from "../texts";

// Each way in is a file of its own. The one that is likely is fetched at once.
const Shell = lazily<object>(() => import("./shell").then((part) => part.Shell));
const SignIn = lazily<{ email?: string | null }>(() => import("./sign-in").then((part) => part.SignIn));
const Mailed = lazily(() => import("./mailed").then((part) => part.Mailed));
/** A link in a mail was opened, whoever is signed in here. */
const isMailed = () => route.value.at === "mailed";
void (isMailed() ? Mailed : knownUser() ? Shell : SignIn).prepare();

export function App() {
  return (
    <>
      <Live />
      {isMailed() ? <Mailed /> : phase.value === "open" ? <Shell /> : phase.value === "signed_out" ? <SignInPage /> : <Starting />}
      <Update />
      <ToastBar />
    </>
  );
}

function Update() {
  const isOutdated = opened.value?.status.value.outdated;
  const reload = isOutdated ? followOther : newVersion.value;
  if (!reload) return null;
  return (
    <div class="update" role="status">
      {isOutdated ? t().newerElsewhere : t().newVersion}
      <button type="button" class="button primary" onClick={reload}>{t().reload}</button>
    </div>
  );
}

/** Nothing for the first 300 ms: most starts are over by then. */
function Starting() {
  return <p class="starting">{t().starting}</p>;
}

function next() {
  void Shell.prepare();
  void import("./kept").then((part) => part.tellKept());
}

function SignInPage() {
  // The shell is needed next, but must not hold up the screen that is needed now.
  useEffect(() => void SignIn.prepare().then(() => whenIdle(next)), []);
  return (
    <main class="sign-in-page">
      <SignIn />
    </main>
  );
}
