import { t } from "../texts";
import { Link } from "./link";

/** One sentence, at most one action, and a line drawing. */
export function Empty({ place }: { place: "inbox" | "today" | "upcoming" | "overdue" | "list" | "label" | "filter" }) {
  const texts = {
    inbox: t().emptyInbox(matchMedia("(pointer: coarse)").matches ? "+" : "Q"),
    today: t().emptyToday,
    upcoming: t().emptyUpcoming,
    overdue: t().emptyOverdue,
    list: t().emptyList,
    label: t().emptyLabel,
    filter: t().emptyFilter,
  };
  return (
    <>
      <Drawing of={place === "today" || place === "upcoming" || place === "overdue" ? "horizon" : "tray"} />
      <p>{texts[place]}</p>
      {place === "today" && <Link class="button quiet" href="/upcoming">{t().seeUpcoming}</Link>}
    </>
  );
}

/** What an empty place shows above its sentence. */
export function Drawing({ of }: { of: "horizon" | "tray" }) {
  return (
    <svg width="48" height="48" viewBox="0 0 48 48" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
      {of === "horizon" ? (
        <path d="M8 34h32M14 34a10 10 0 0 1 20 0M24 14v5M9.5 20.5l3.5 3.5M38.5 20.5 35 24M16 39.5h16" />
      ) : (
        <path d="M8 27h9l2.5 5h9l2.5-5h9M8 27l5-15h22l5 15v9.5H8zM19 19.5l4 4 6.5-7.5" />
      )}
    </svg>
  );
}
