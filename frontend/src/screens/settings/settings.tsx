import "../../styles/pages.css";
import "../../styles/settings.css";

import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";

import { alarm } from "../../commands/app";
import { Link } from "../../parts/link";
import { t } from "../../texts";
import { m } from "../../texts/more";
import { Nothing } from "../nothing";
import { SignOut } from "../sign-out";
import { Account } from "./account";
import { Data } from "./data";
import { FactorsPage } from "./factors";
import { Preferences } from "./preferences";
import { Sessions } from "./sessions";
import { Tokens } from "./tokens";
import { Version } from "./version";

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
  useEffect(() => {
    document.title = `${t().settings} · ${t().appName}`;
  });
  // What went wrong on one page is not true of the next; screen readers would find it there.
  useEffect(() => () => void (alarm.value = ""), [page]);
  if (!shown) return <Nothing />;
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
          <SignOut />
        </p>
        <Version />
      </div>
    </div>
  );
}
