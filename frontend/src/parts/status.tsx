import { store } from "../commands/app";
import type { Status } from "../store/types";
import { t } from "../texts";
import { Link } from "./link";

/** One sign and one sentence for each state; the sign never stands alone for a screen reader. */
export function statusText(status: Status): string {
  switch (status.state) {
    case "synced":
      return t().synced;
    case "fetching":
      return t().firstSyncLabel;
    case "sending":
      return t().sending(status.unsent);
    case "offline":
      return status.unsent > 0 ? t().offlineKept(status.unsent) : t().offline;
    case "needs_you":
      return t().needsYou(status.needsYou);
    case "unverified":
      return t().confirmAddress;
    case "sign_in":
      return t().signInToSync;
  }
}

const shapes: Record<Status["state"], string> = {
  synced: "M8 3.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9",
  fetching: "M8 3.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9M8 3.5v9",
  sending: "M8 3.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9M8 3.5v9",
  offline: "M8 3.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9",
  needs_you: "M8 2.5 14 13.5H2zM8 7v3M8 11.8v.01",
  unverified: "M8 2.5 14 13.5H2zM8 7v3M8 11.8v.01",
  sign_in: "M8 3a5 5 0 1 0 0 10A5 5 0 0 0 8 3M4.5 4.5l7 7",
};

export function StatusDot({ withText = true }: { withText?: boolean }) {
  const status = store().status.value;
  const text = statusText(status);
  return (
    <Link class={`status is-${status.state}`} href="/sync" title={withText ? undefined : text}>
      <svg width="16" height="16" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
        <path d={shapes[status.state]} stroke-dasharray={status.state === "offline" ? "2 2.5" : undefined} />
        {(status.state === "sending" || status.state === "fetching") && <path d="M8 3.5a4.5 4.5 0 0 1 0 9z" fill="currentColor" stroke="none" />}
      </svg>
      <span class={withText ? "status-text" : "hidden"}>{text}</span>
    </Link>
  );
}
