import "../../styles/settings.css";

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";

import { signOut, waitForUnsent } from "../../commands/account";
import { show } from "../../commands/overlay";
import { Link } from "../../parts/link";
import { t } from "../../texts";
import { Nothing } from "../nothing";
import { Account } from "./account";
import { Data } from "./data";
import { Preferences } from "./preferences";
import { Sessions } from "./sessions";
import { Tokens } from "./tokens";

export function Settings({ page }: { page: string }) {
  const pages: Record<string, [string, () => ComponentChildren]> = {
    account: [t().account, () => <Account />],
    preferences: [t().preferences, () => <Preferences />],
    sessions: [t().sessions, () => <Sessions />],
    tokens: [t().tokens, () => <Tokens />],
    data: [t().data, () => <Data />],
  };
  const shown = pages[page];
  const leaving = useSignal(false);
  useEffect(() => {
    document.title = `${t().settings} · ${t().appName}`;
  });
  if (!shown) return <Nothing />;
  const leave = async () => {
    leaving.value = true;
    const lost = await waitForUnsent();
    leaving.value = false;
    if (lost === 0) return signOut();
    show({ kind: "ask", text: t().signOutAsk(lost), action: t().signOutAnyway, run: () => void signOut() });
  };
  return (
    <div class="scroll">
      <div class="page sheet">
        <h1>{t().settings}</h1>
        <nav class="tabs" aria-label={t().settings}>
          {Object.entries(pages).map(([key, [name]]) => (
            <Link key={key} class="tab" href={`/settings/${key}`} aria-current={key === page ? "page" : undefined}>{name}</Link>
          ))}
        </nav>
        {shown[1]()}
        <p class="settings-foot">
          <button type="button" class="button" aria-disabled={leaving.value} onClick={() => void leave()}>
            {leaving.value ? t().working : t().signOut}
          </button>
        </p>
      </div>
    </div>
  );
}
