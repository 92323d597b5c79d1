"""Sign-in with a certified OpenID Connect provider: real servers, a browser's cookies."""

import hashlib
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from duly.utils import base64url
from tests.support.accounts import API, Account, error_code
from tests.support.browsers import chromium
from tests.support.databases import migrated_database
from tests.support.issuers import write_tables
from tests.support.openid_provider import (
    OpenIDProvider,
    begin,
    cancel_at_provider,
    openid_provider,
    parts_behind,
    sign_in_at_provider,
)
from tests.support.second_factors import Clock, add_app, send_factor
from tests.support.servers import Server, free_port, serving
from tests.support.typescript import MODULES

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (MODULES / "oidc-provider").exists(),
        reason="the npm tools are not installed: run `make test`",
    ),
]

APP = "https://app.example.org"
VERIFIER = "a secret that only the app which began has".replace(" ", "-") + "-0123456789"
CHALLENGE = base64url.encode(hashlib.sha256(VERIFIER.encode()).digest())


@dataclass
class Place:
    server: Server
    provider: OpenIDProvider
    here: str


@pytest.fixture(scope="module")
def place(dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    port = free_port()
    here = f"http://localhost:{port}"  # another site than the provider's
    names = {"local": "duly", "post": "duly-post", "public": "duly-public"}
    callbacks = [f"{here}{API}/auth/oidc/{name}/callback" for name in names]
    with openid_provider(*callbacks) as provider, migrated_database(dsn) as own:
        file = write_tables(
            tmp_path_factory.mktemp("providers") / "providers.toml",
            "provider",
            *(provider.table(name, client_id) for name, client_id in names.items()),
        )
        settings = {"DULY_SIGN_IN_PROVIDERS": str(file), "DULY_PUBLIC_URL": here}
        with serving(own, 2, DULY_PORT=str(port), DULY_CORS_ORIGINS=APP, **settings) as server:
            yield Place(server, provider, here)


@pytest.fixture
async def browser(place: Place) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=place.here) as browser:
        yield browser


async def signed_in(
    browser: httpx.AsyncClient, login: str, provider: str = "local", **query: str
) -> dict[str, str]:
    """What the app finds behind the `#` after a user has signed in."""
    begun = await begin(browser, provider, return_to=f"{APP}/after", **query)
    assert begun.status_code == 302, begun.text
    callback = await sign_in_at_provider(browser, begun.headers["location"], login)
    back = await browser.get(callback)
    assert back.status_code == 302, back.text
    url = back.headers["location"]
    assert url.startswith(f"{APP}/after#"), url
    return parts_behind(url)


async def exchange(browser: httpx.AsyncClient, **body: str) -> httpx.Response:
    return await browser.post(f"{API}/auth/oidc/exchange", json=body)


async def account_of(browser: httpx.AsyncClient, login: str, provider: str = "local") -> Account:
    """A user who has signed in."""
    response = await exchange(browser, code=(await signed_in(browser, login, provider))["code"])
    assert response.status_code == 200, response.text
    return Account(browser, "", "", response.json())


@pytest.mark.parametrize("provider", ["local", "post", "public"])
async def test_sign_in_opens_a_session_of_a_new_account(
    browser: httpx.AsyncClient, provider: str
) -> None:
    login = f"ada-{uuid4().hex}"

    ada = await account_of(browser, login, provider)

    user = ada.session["user"]
    assert (user["email"], user["name"]) == (f"{login}@example.com", f"{login} of the provider")
    assert user["email_verified_at"] is not None
    assert {*ada.session} == {"access_token", "refresh_token", "token_type", "expires_in", "user"}
    assert (await ada.create_task())["user_id"] == ada.id
    [session] = (await ada.get("/auth/sessions")).json()["items"]
    assert session["is_current"]


async def test_second_sign_in_finds_the_account(browser: httpx.AsyncClient) -> None:
    login = f"ada-{uuid4().hex}"
    first = await account_of(browser, login)
    browser.cookies.clear()

    assert (await account_of(browser, login)).id == first.id


async def test_code_works_once(browser: httpx.AsyncClient) -> None:
    parts = await signed_in(browser, f"ada-{uuid4().hex}")
    assert (await exchange(browser, **parts)).status_code == 200

    again = await exchange(browser, **parts)

    assert again.status_code == 401
    assert error_code(again) == "UNAUTHENTICATED"


async def test_code_that_began_with_a_challenge_needs_its_verifier(
    browser: httpx.AsyncClient,
) -> None:
    parts = await signed_in(browser, f"ada-{uuid4().hex}", app_challenge=CHALLENGE)

    assert (await exchange(browser, **parts)).status_code == 401
    assert (await exchange(browser, **parts, verifier="x" * 43)).status_code == 401
    assert (await exchange(browser, **parts, verifier=VERIFIER)).status_code == 200


async def test_user_who_cancels_at_the_provider_returns_with_an_error(
    browser: httpx.AsyncClient,
) -> None:
    begun = await begin(browser, "local", return_to=f"{APP}/after")
    callback = await cancel_at_provider(browser, begun.headers["location"])

    back = await browser.get(callback)

    assert back.headers["location"] == f"{APP}/after#error=access_denied"


async def test_user_with_a_second_factor_needs_it_after_the_provider(
    browser: httpx.AsyncClient,
) -> None:
    login = f"ada-{uuid4().hex}"
    ada = await account_of(browser, login)
    phone = await add_app(ada, Clock(time.time()))
    browser.cookies.clear()
    code = (await signed_in(browser, login))["code"]

    refused = await exchange(browser, code=code)

    assert refused.status_code == 401
    assert error_code(refused) == "SECOND_FACTOR_REQUIRED"
    assert error_code(await exchange(browser, code=code)) == "UNAUTHENTICATED"
    challenge = refused.json()["error"]["details"]["challenge"]
    wrong = await send_factor(ada, challenge, code=phone.wrong_code())
    assert error_code(wrong) == "UNAUTHENTICATED"
    opened = await send_factor(ada, challenge, code=phone.recovery_codes[0])
    assert opened.json()["user"]["id"] == ada.id


async def test_sign_in_in_a_browser(place: Place, tmp_path: Path) -> None:
    login = f"ada-{uuid4().hex}"
    with chromium(tmp_path / "profile") as browser:
        wait = WebDriverWait(browser, 20, poll_frequency=0.05)
        browser.get(f"{place.here}{API}/auth/oidc/local?app_challenge={CHALLENGE}")
        browser.find_element(By.NAME, "login").send_keys(login)
        browser.find_element(By.NAME, "password").send_keys("any")
        browser.find_element(By.CSS_SELECTOR, "button").click()
        wait.until(lambda _: browser.find_elements(By.CSS_SELECTOR, "[value=consent]"))
        browser.find_element(By.CSS_SELECTOR, "button").click()
        wait.until(lambda _: "#code=" in browser.current_url)
        url = browser.current_url
        assert browser.get_cookies() == [], "what is left of it is the provider's"

    assert url.startswith(f"{place.here}/#code=")
    async with httpx.AsyncClient(base_url=place.here) as client:
        response = await exchange(client, **parts_behind(url), verifier=VERIFIER)
    assert response.json()["user"]["email"] == f"{login}@example.com"
    # Neither the code nor the token was sent anywhere that logs it.
    assert parts_behind(url)["code"] not in place.server.log.read_text()
