"""Sessions of pages on the server as it ships: two workers, and a real browser."""

import asyncio
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from selenium.webdriver import Chrome

from tests.support.accounts import API, Account, register
from tests.support.browsers import chromium
from tests.support.direct_sql import age
from tests.support.factories import RegistrationFactory
from tests.support.pages import PAGE
from tests.support.servers import Server, serving

MINUTE = 60

_CALL = """
const [url, body, headers, done] = arguments;
fetch(url, {
  method: "POST", credentials: "include", body: JSON.stringify(body), headers,
  mode: headers["Duly-Session"] ? "cors" : "no-cors",
}).then(async (response) => done({
  status: response.status,
  body: response.status === 200 || response.status === 201 ? await response.json() : null,
  cookies: document.cookie,
}), (error) => done({failure: String(error)}));
"""


@pytest.fixture(scope="module")
def server(dsn: str) -> Iterator[Server]:
    with serving(dsn, workers=2, DULY_REFRESH_LIMIT="100000/minute") as server:
        yield server


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chrome]:
    with chromium(tmp_path / "profile") as browser:
        yield browser


def call(
    browser: Chrome,
    path: str,
    body: dict[str, Any],
    to: str = "",
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    """What a page gets that sends a request, by default to its own server."""
    headers = headers or {"Content-Type": "application/json", "Duly-Session": "cookie"}
    return dict(browser.execute_async_script(_CALL, f"{to}{API}{path}", body, headers))


async def refresh(page: httpx.AsyncClient, name: str, token: str) -> httpx.Response:
    headers = {"Cookie": f"{name}={token}"}
    return await page.post(f"{API}/auth/refresh", json={}, headers=headers)


@pytest.mark.slow
async def test_hundred_tabs_on_two_workers_leave_one_token_family(
    server: Server, dsn: str
) -> None:
    async with httpx.AsyncClient(base_url=server.url, headers=PAGE, timeout=30) as page:
        carol = await register(page)
        [(name, token)] = page.cookies.items()
        page.cookies.clear()

        answers = await asyncio.gather(*(refresh(page, name, token) for _ in range(100)))
        assert {answer.status_code for answer in answers} == {200}
        [successor] = {answer.cookies[name] for answer in answers}
        await age(dsn, carol.id, seconds=MINUTE)
        assert (await refresh(page, name, token)).cookies[name] == successor
        last = (await refresh(page, name, successor)).cookies[name]
        await age(dsn, carol.id, seconds=MINUTE)

        replays = await asyncio.gather(*(refresh(page, name, token) for _ in range(10)))
        assert {answer.status_code for answer in replays} == {401}
        for _ in range(4):
            assert (await refresh(page, name, last)).status_code == 401
        await asyncio.sleep(1)
        for answer in answers:
            assert (await Account(page, "", "", answer.json()).get("/users/me")).status_code == 401


class _Blank(BaseHTTPRequestHandler):
    """A page without a policy of its own."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def neighbor() -> Iterator[str]:
    """A site at another port of this host, to which browsers send the same cookies."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Blank) as site:
        Thread(target=site.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{site.server_port}"
        site.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_browser_keeps_the_token_from_scripts(
    server: Server, browser: Chrome, host: str
) -> None:
    browser.get(f"{server.url.replace('127.0.0.1', host)}/docs")

    opened = call(browser, "/auth/register", RegistrationFactory())
    assert (opened["status"], opened["cookies"]) == (201, "")
    assert "refresh_token" not in opened["body"]
    [cookie] = browser.get_cookies()
    assert cookie["name"] == f"__Host-duly_refresh_{server.url.rpartition(':')[2]}"
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Strict")

    browser.refresh()
    refreshed = call(browser, "/auth/refresh", {})
    assert (refreshed["status"], refreshed["cookies"]) == (200, "")
    assert refreshed["body"]["user"] == opened["body"]["user"]
    assert call(browser, "/auth/logout", {})["status"] == 204
    assert browser.get_cookies() == []
    assert call(browser, "/auth/refresh", {})["status"] == 401


@pytest.mark.slow
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_page_of_another_origin_can_neither_refresh_nor_sign_out(
    server: Server, neighbor: str, browser: Chrome, host: str
) -> None:
    browser.get(f"{server.url}/docs")
    assert call(browser, "/auth/register", RegistrationFactory())["status"] == 201

    browser.get(neighbor.replace("127.0.0.1", host))
    for path in ("/auth/refresh", "/auth/logout"):
        answer = call(browser, path, {}, to=server.url)
        assert "Failed to fetch" in answer["failure"]
        # Without the header there is no preflight, and the browser sends the request.
        answer = call(browser, path, {}, to=server.url, headers={"Content-Type": "text/plain"})
        assert answer["status"] == 0

    browser.get(f"{server.url}/docs")
    assert call(browser, "/auth/refresh", {})["status"] == 200
