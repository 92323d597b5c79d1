"""The pages that links in mails lead to: to set a new password, and to verify an address.

The web app has a screen for each. Without the app, the pages here do it: they load nothing but the
API, and they send a token only when a button is pressed, since some mail servers open all links.
"""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response

from duly.api.index import STYLE, source_of
from duly.api.plain_routes import PlainRoute
from duly.services.email_links import PATHS

_SCRIPT = """\
"use strict";
const texts = {
  en: {
    "reset-password": {title: "Set a new password", button: "Set password",
      done: "Your password is set. Sign in with it."},
    "verify-email": {title: "Confirm your email address", button: "Confirm",
      done: "Your email address is confirmed."},
    label: "New password", invalid: "This link is invalid, expired or already used. Request a new one.",
    incomplete: "This link is incomplete. Open the whole link from the mail.",
    failed: "That did not work. Try again later."},
  de: {
    "reset-password": {title: "Neues Passwort festlegen", button: "Passwort festlegen",
      done: "Ihr Passwort ist festgelegt. Melden Sie sich damit an."},
    "verify-email": {title: "E-Mail-Adresse bestätigen", button: "Bestätigen",
      done: "Ihre E-Mail-Adresse ist bestätigt."},
    label: "Neues Passwort",
    invalid: "Dieser Link ist ungültig, abgelaufen oder schon benutzt. Fordern Sie einen neuen an.",
    incomplete: "Dieser Link ist unvollständig. Öffnen Sie den ganzen Link aus der Mail.",
    failed: "Das hat nicht geklappt. Versuchen Sie es später noch einmal."}
};
const language = navigator.language.startsWith("de") ? "de" : "en";
const page = location.pathname.split("/").pop();
const words = texts[language];
const token = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";
const form = document.querySelector("form");
const field = document.querySelector("input");
const status = document.querySelector("[role=status]");
document.querySelector("a").textContent = location.host;
history.replaceState(null, "", location.pathname);
document.documentElement.lang = language;
document.title = document.querySelector("h1").textContent = words[page].title;
document.querySelector("button").textContent = words[page].button;
document.querySelector("label span").textContent = words.label;
if (page === "verify-email") document.querySelector("label").remove();
form.hidden = token === "";
if (form.hidden) status.textContent = words.incomplete;
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const isReset = page === "reset-password";
  status.textContent = "";
  try {
    const response = await fetch(isReset ? "api/v1/auth/password/reset" : "api/v1/auth/email/verify", {
      method: "POST",
      headers: {"Content-Type": "application/json"},
      body: JSON.stringify(isReset ? {token, new_password: field.value} : {token})
    });
    if (response.ok) {
      form.remove();
      status.textContent = words[page].done;
      return;
    }
    const error = (await response.json()).error;
    const [first] = error.details.fields ?? [];
    status.textContent = first?.path === "body.token" ? words.invalid : first?.message ?? error.message;
  } catch {
    status.textContent = words.failed;
  }
});
"""

_PAGE = f"""\
<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">
<link rel="icon" href="data:,"><title>Duly</title><style>{STYLE}</style></head><body>
<h1>Duly</h1><noscript><p>This page needs JavaScript.</p></noscript>
<form hidden><p><label><span></span><br><input type="password" autocomplete="new-password"
minlength="8" maxlength="128" required></label></p><p><button></button></p></form>
<p role="status"></p><p><a href="./"></a></p><script>{_SCRIPT}</script></body></html>
"""

_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src {source_of(STYLE)}; script-src {source_of(_SCRIPT)}; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}


def add_link_pages(app: FastAPI, web_app: Callable[[Request], Awaitable[Response]] | None) -> None:
    """Serve the pages: with `web_app`, if there is one."""

    async def page(_: Request) -> Response:
        return Response(_PAGE, media_type="text/html", headers=_HEADERS)

    for path in PATHS.values():
        route = PlainRoute(path, web_app or page, methods=["GET"], include_in_schema=False)
        app.router.routes.append(route)
