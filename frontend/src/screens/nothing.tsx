import { useEffect } from "preact/hooks";

import { Link } from "../parts/link";
import { t } from "../texts";

export function Nothing() {
  useEffect(() => {
    document.title = `${t().nothingHere} · ${t().appName}`;
  });
  return (
    <div class="page">
      <div class="empty">
        <h1>{t().nothingHere}</h1>
        <p>{t().nothingHereText}</p>
        <Link class="button" href="/inbox">{t().goToInbox}</Link>
      </div>
    </div>
  );
}
