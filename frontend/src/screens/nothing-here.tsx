import { useEffect } from "preact/hooks";

import { Link } from "../parts/link";
import { t } from "../texts";
import { m } from "../texts/more";

export function NothingHere() {
  useEffect(() => {
    document.title = `${m().nothingHere} · ${t().appName}`;
  });
  return (
    <div class="page">
      <div class="empty">
        <h1>{m().nothingHere}</h1>
        <p>{m().nothingHereText}</p>
        <Link class="button" href="/inbox">{m().goToInbox}</Link>
      </div>
    </div>
  );
}
