import "../../styles/pages.css";
import "../../styles/settings.css";

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";

import { signOut, waitForUnsent } from "../../commands/account";
import { show } from "../../commands/overlay";
import { Link } from "../../parts/link";
import { t } from "../../texts";
import { m } from "../../texts/more";
import { Nothing } from "../nothing";
import { Account } from "./account";
import { Data, exportDevice } from "./data";
import { FactorsPage } from "./factors";
import { Preferences } from "./preferences";
import { Sessions } from "./sessions";
import { Tokens } from "./tokens";

export function Settings({ page }: { page: string }) {
  const pages: Record<string, [string, () => ComponentChildren]> = {
    account: [m().account, () => <Account />],
    preferences: [m().preferences, () => <Preferences />],
    sessions: [m().sessions, () => <Sessions />],
    factors: [m().factors, () => <FactorsPage />],
    tokens: [m().tokens, () => <Tokens />],
    data: [m().data, () => <Data />],
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
    show({
      kind: "ask",
      text: m().signOutAsk(lost),
      action: m().signOutAnyway(lost),
      run: () => void signOut(),
      other: { text: m().exportDevice, run: exportDevice },
    });
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
            {leaving.value ? t().working : m().signOut}
          </button>
        </p>
      </div>
    </div>
  );
}
