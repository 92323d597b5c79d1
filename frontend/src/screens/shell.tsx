import "../styles/check.css";
import "../styles/shell.css";
import "../styles/sidebar.css";
import "../styles/list.css";
import "../styles/line.css";

import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

import { painted, phase, signingInAgain } from "../commands/account";
import { opened, store } from "../commands/app";
import { resumeDrafts } from "../commands/drafts";
import { listen } from "../commands/keyboard";
import { closeOnBack } from "../commands/back";
import { go, openTask, place, route } from "../commands/route";
import { clearSelection, currentRow } from "../commands/selection";
import { Icon, type IconName } from "../parts/icons";
import { lazily, whenIdle } from "../parts/lazily";
import { Link } from "../parts/link";
import { AskedMenu, Overlays, Palette, PendingBar, QuickAdd, SelectBar } from "../parts/overlays";
import { show } from "../commands/overlay";
import { isHandedOver } from "../commands/update";
import { here, Sidebar } from "../parts/sidebar";
import { StatusDot, statusText } from "../parts/status";
import { t } from "../texts";
import { Nothing } from "./nothing";
import { Tasks } from "./tasks";
import "../commands/tasks";
import "../commands/order";
import "../commands/places";

const SignInAgain = lazily(() => import("./sign-in-again").then((part) => part.SignInAgain));
const Notices = lazily(() => import("./notices").then((part) => part.Notices));
const Detail = lazily(() => import("../parts/detail/detail").then((part) => part.Detail));
const Search = lazily(() => import("./search").then((part) => part.Search));
const FilterPage = lazily(() => import("./filter").then((part) => part.FilterPage));
const Trash = lazily(() => import("./trash").then((part) => part.Trash));
const Sync = lazily(() => import("./sync").then((part) => part.Sync));
const Statistics = lazily(() => import("./statistics/statistics").then((part) => part.Statistics));
const Settings = lazily(() => import("./settings/settings").then((part) => part.Settings));

export function Shell() {
  const open = useSignal(false);
  const toggle = useRef<HTMLButtonElement>(null);
  const at = place.value;
  // Not the whole status: it changes with each act, and all of the shell would be rendered.
  const isUnverified = useComputed(() => store().status.value.state === "unverified").value;
  const hasVanished = useComputed(() => store().status.value.vanished.length > 0).value;
  const hasSynced = useComputed(() => store().status.value.lastSync !== null).value;
  // Both at once, not after the paint: keys may be pressed as soon as something is shown.
  useLayoutEffect(listen, []);
  useLayoutEffect(() => {
    if (route.value.at === "start" && phase.peek() === "open") go("/inbox", { replace: true });
    clearSelection(); // also that of the account that was open before
    open.value = false;
    currentRow.value = null;
  }, [at]);
  useEffect(painted, [opened.value]);
  useEffect(resumeDrafts, []);
  useEffect(() => {
    // What is in the database is safe; without room in it, leaving loses what has not been sent or decided.
    const leaving = (event: BeforeUnloadEvent) => {
      const { stored, unsent, needsYou } = store().status.peek();
      if (!isHandedOver && !stored && unsent + needsYou > 0) event.preventDefault();
    };
    addEventListener("beforeunload", leaving);
    return () => removeEventListener("beforeunload", leaving);
  }, []);
  useEffect(() => {
    // What is needed next arrives when there is nothing else to do.
    for (const part of [Detail, QuickAdd, AskedMenu, SelectBar, Palette]) whenIdle(() => void part.prepare());
  }, []);
  useLayoutEffect(() => (open.value ? closeOnBack(() => close(true)) : undefined), [open.value]);
  const close = (refocus: boolean) => {
    if (!open.value) return;
    open.value = false;
    if (refocus) toggle.current?.focus();
  };
  return (
    <div class="shell">
      <a class="skip" href="#list" onClick={(event) => {
        event.preventDefault();
        document.getElementById("list")?.focus();
      }}>
        {t().skipToList}
      </a>
      <nav class="rail" aria-label={t().places}>
        <button
          ref={toggle}
          type="button"
          class="icon-button"
          aria-label={t().menu}
          aria-expanded={open.value}
          onClick={() => (open.value = !open.value)}
        >
          <Icon name="menu" />
        </button>
        <RailPlaces />
        <StatusDot withText={false} />
      </nav>
      <div
        class={`side ${open.value ? "is-open" : ""}`}
        data-pane
        onKeyDown={(event) => event.key === "Escape" && close(true)}
      >
        <Sidebar onChoose={() => close(false)} />
      </div>
      {open.value && <div class="shade" onClick={() => close(true)} />}
      <main class="main" id="list" data-pane tabIndex={-1}>
        <FirstSync />
        {(isUnverified || hasVanished) && <Notices />}
        {(!isUnverified || hasSynced || at.startsWith("/settings")) && <Screen />}
      </main>
      {openTask.value && <Detail id={openTask.value} />}
      {!["settings", "sync", "trash", "statistics", "nothing"].includes(route.value.at) && <button type="button" class="plus" aria-label={t().quickAdd} onClick={() => show({ kind: "quick-add" })}>
        <Icon name="plus" size={24} />
      </button>}
      <nav class="bottom" aria-label={t().places}>
        <button type="button" class="rail-place rail-menu" aria-expanded={open.value} onClick={() => (open.value = !open.value)}>
          <Icon name="menu" />
          <span class="rail-name">{t().menu}</span>
          <Badge />
        </button>
        <RailPlaces />
      </nav>
      <PendingBar />
      <Overlays />
      {signingInAgain.value && <SignInAgain />}
    </div>
  );
}

/** On phones the status is in the menu; a dot says that it is worth a look. */
function Badge() {
  const status = store().status.value;
  if (["synced", "sending", "fetching"].includes(status.state)) return null;
  return <span class="badge"><span class="hidden">{statusText(status)}</span></span>;
}

function RailPlaces() {
  const places: [string, IconName, string][] = [
    ["/inbox", "inbox", t().inbox],
    ["/today", "today", t().today],
    ["/upcoming", "upcoming", t().upcoming],
    ["/search", "search", t().search],
  ];
  return (
    <>
      {places.map(([href, icon, name]) => (
        <Link key={href} class="rail-place" href={href} aria-current={here(href)} title={name}>
          <Icon name={icon} />
          <span class="rail-name">{name}</span>
        </Link>
      ))}
    </>
  );
}

function FirstSync() {
  const progress = useComputed(() => store().status.value.firstSync).value;
  if (!progress) return null;
  const { done, total } = progress;
  return (
    <div class="first-sync">
      <span>{t().firstSyncLabel}</span>
      <progress aria-label={t().firstSyncLabel} value={Math.min(done, total)} max={Math.max(total, 1)} />
      <span class="figures">{t().firstSync(done, total)}</span>
    </div>
  );
}

function Screen() {
  const now = route.value;
  switch (now.at) {
    case "start":
      return null;
    case "inbox":
    case "today":
    case "upcoming":
    case "overdue":
      return <Tasks key={now.at} query={{ show: now.at }} />;
    case "list":
    case "label":
      return <Tasks key={now.id} query={{ show: now.at, id: now.id }} />;
    case "search":
      return <Search text={now.text} completed={now.completed} />;
    case "filter":
      return <FilterPage key={now.id} id={now.id} />;
    case "trash":
      return <Trash />;
    case "sync":
      return <Sync />;
    case "statistics":
      return <Statistics />;
    case "settings":
      return <Settings page={now.page} />;
    default:
      return <Nothing />;
  }
}
