"""The pages that links in mails lead to without the web app, in a real browser."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests.support.accounts import API
from tests.support.browsers import chromium
from tests.support.databases import migrated_database
from tests.support.factories import RegistrationFactory
from tests.support.postbox import Postbox, link_in, postbox
from tests.support.servers import Server, serving

_PATIENCE = 20.0

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def box() -> Iterator[Postbox]:
    with postbox() as box:
        yield box


@pytest.fixture(scope="module")
def server(dsn: str, box: Postbox) -> Iterator[Server]:
    given = {
        "DULY_SMTP_URL": f"smtp://127.0.0.1:{box.port}",
        "DULY_MAIL_FROM": "duly@example.org",
        "DULY_PUBLIC_URL": "http://here",
        "DULY_WEB_APP": "off",
    }
    with (
        migrated_database(dsn) as own,
        serving(own, 1, **given) as server,
    ):
        yield server


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chrome]:
    with chromium(tmp_path / "profile") as browser:
        yield browser


def opened(browser: Chrome, server: Server, link: str) -> None:
    browser.get(link.replace("http://here", server.url))


def press(browser: Chrome, password: str | None = None) -> None:
    if password is not None:
        browser.find_element(By.CSS_SELECTOR, "input").send_keys(password)
    browser.find_element(By.CSS_SELECTOR, "button").click()


def says(browser: Chrome, words: str) -> bool:
    def has_words(_: Any) -> bool:
        return words in browser.find_element(By.CSS_SELECTOR, "[role=status]").text

    return bool(WebDriverWait(browser, _PATIENCE, poll_frequency=0.05).until(has_words))


async def register(server: Server) -> tuple[httpx.AsyncClient, dict[str, str]]:
    client = httpx.AsyncClient(base_url=server.url)
    body = RegistrationFactory()
    assert (await client.post(f"{API}/auth/register", json=body)).status_code == 201
    return client, body


async def test_page_sets_a_new_password(server: Server, box: Postbox, browser: Chrome) -> None:
    client, body = await register(server)
    await box.mail_to(body["email"])
    await client.post(f"{API}/auth/password/forgot", json={"email": body["email"]})
    link = link_in((await box.mail_to(body["email"], 2))[-1])

    opened(browser, server, link)
    assert browser.title == "Set a new password"
    assert "token" not in browser.current_url
    press(browser, "password")
    assert says(browser, "Must not be a common password")
    browser.find_element(By.CSS_SELECTOR, "input").clear()
    press(browser, "a brand-new passphrase")

    assert says(browser, "Your password is set")
    home = browser.find_element(By.CSS_SELECTOR, "a")
    assert home.text == server.url.removeprefix("http://")
    assert home.get_attribute("href") == f"{server.url}/"
    sign_in = {"email": body["email"], "password": "a brand-new passphrase"}
    assert (await client.post(f"{API}/auth/login", json=sign_in)).status_code == 200
    opened(browser, server, link)
    browser.refresh()
    await client.aclose()


async def test_page_verifies_an_address_when_the_button_is_pressed(
    server: Server, box: Postbox, browser: Chrome
) -> None:
    client, body = await register(server)
    [mail] = await box.mail_to(body["email"])
    sign_in = {"email": body["email"], "password": body["password"]}

    opened(browser, server, link_in(mail))
    user = (await client.post(f"{API}/auth/login", json=sign_in)).json()["user"]
    assert user["email_verified_at"] is None, "opening the page alone does nothing"
    press(browser)

    assert says(browser, "Your email address is confirmed.")
    user = (await client.post(f"{API}/auth/login", json=sign_in)).json()["user"]
    assert user["email_verified_at"] is not None
    await client.aclose()


async def test_page_says_that_a_link_does_not_work(server: Server, browser: Chrome) -> None:
    opened(browser, server, "http://here/verify-email#token=nonsense")
    press(browser)

    assert says(browser, "invalid, expired or already used")


@pytest.mark.parametrize("path", ["/reset-password", "/verify-email#token="])
def test_page_without_a_token_says_so_and_has_no_form(
    server: Server, browser: Chrome, path: str
) -> None:
    browser.get(server.url + path)

    assert says(browser, "This link is incomplete.")
    assert not browser.find_element(By.CSS_SELECTOR, "form").is_displayed()


async def test_page_loads_nothing_from_elsewhere(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url) as client:
        for path in ("/reset-password", "/verify-email"):
            response = await client.get(path)

            policy = response.headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; ")
            assert "connect-src 'self'" in policy
            assert "unsafe" not in policy
            assert response.headers["referrer-policy"] == "no-referrer"
            assert (await client.head(path)).status_code == 200
            assert (await client.post(path)).status_code == 405
