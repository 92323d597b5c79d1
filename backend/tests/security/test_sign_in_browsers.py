"""The browser of a sign-in at a provider: only the one that began it finishes it, where it may."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from duly.core.config import Settings
from tests.support.accounts import API, error_code
from tests.support.instances import captured_logs
from tests.support.issuers import ABSENT
from tests.support.lying_provider import (
    APP,
    CLIENT_SECRET,
    HERE,
    Browser,
    Provider,
    another,
    behind,
    browsing,
    lying_provider,
    with_providers,
)


@pytest.fixture
def provider() -> Iterator[Provider]:
    with lying_provider() as provider:
        yield provider


@pytest.fixture
async def browser(
    settings: Settings, address: str, tmp_path: Path, provider: Provider
) -> AsyncIterator[Browser]:
    tables = [provider.table(), provider.table(name="other")]
    async with browsing(with_providers(settings, tmp_path, *tables), address, provider) as browser:
        yield browser


async def test_cookie_is_for_this_host_and_no_script(browser: Browser) -> None:
    begun = await browser.begin()

    cookie = begun.headers["set-cookie"]
    assert cookie.startswith("__Host-duly_sign_in=")
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert attributes == {"max-age=600", "path=/", "secure", "httponly", "samesite=lax"}
    value = cookie.partition(";")[0]
    for secret in (browser.sent["state"], browser.sent["nonce"]):
        assert secret not in value
    assert len(value) < 4000
    assert begun.headers["cache-control"] == "no-store"
    assert begun.headers["referrer-policy"] == "no-referrer"


async def test_browser_that_has_not_begun_cannot_finish(browser: Browser, address: str) -> None:
    await browser.begin()
    browser.provider.id_token = browser.token()
    async with another(browser, address) as victim:
        state = browser.sent["state"]
        responses = [await victim.come_back(state=state)]
        await victim.begin()
        responses.append(await victim.come_back(state=state))

        for response in responses:
            assert response.status_code == 400
            assert error_code(response) == "VALIDATION_ERROR"
            assert "location" not in response.headers
        assert browser.provider.forms == []
        # What the victim has begun still works.
        browser.provider.id_token = victim.token()
        assert {*behind(await victim.come_back())} == {"code"}


@pytest.mark.parametrize(
    "changes",
    [
        {"state": ABSENT},
        {"state": ""},
        {"state": "x"},
        {"state": "é"},
        {"state": ABSENT, "error": "access_denied"},
    ],
    ids=str,
)
async def test_other_state_is_rejected(browser: Browser, changes: dict[str, Any]) -> None:
    await browser.begin()

    response = await browser.come_back(**changes)

    assert response.status_code == 400
    assert browser.provider.forms == []


async def test_repeated_state_is_rejected(browser: Browser) -> None:
    await browser.begin()
    state = browser.sent["state"]

    response = await browser.client.get(
        f"{API}/auth/oidc/lying/callback?code=a&state={state}&state={state}"
    )

    assert response.status_code == 400


async def test_repeated_issuer_is_rejected(browser: Browser) -> None:
    await browser.begin()
    state = browser.sent["state"]

    response = await browser.client.get(
        f"{API}/auth/oidc/lying/callback?code=a&state={state}&iss=a&iss=b"
    )

    assert response.status_code == 400
    assert browser.provider.forms == []


async def test_page_of_the_provider_inherits_nothing_from_behind_the_hash(
    browser: Browser,
) -> None:
    response = await browser.begin()

    assert response.headers["location"].endswith("#")


async def test_state_works_at_its_own_provider_only(browser: Browser) -> None:
    await browser.begin()

    assert (await browser.come_back("other")).status_code == 400


async def test_a_person_whose_sign_in_cannot_go_on_sees_a_page(browser: Browser) -> None:
    await browser.begin()
    url = f"{API}/auth/oidc/lying/callback?code=a&state=another"

    for_a_person = await browser.client.get(url, headers={"Accept": "text/html,*/*;q=0.8"})
    for_a_program = await browser.client.get(url)

    assert for_a_person.status_code == for_a_program.status_code == 400
    assert for_a_person.headers["content-type"].startswith("text/html")
    assert "Go back to the app and sign in again." in for_a_person.text
    assert "default-src 'none'" in for_a_person.headers["content-security-policy"]
    assert for_a_program.json()["error"]["code"] == "VALIDATION_ERROR"


async def test_callback_works_once(browser: Browser) -> None:
    await browser.sign_in()

    again = await browser.come_back()

    assert again.status_code == 400
    assert len(browser.provider.forms) == 1


@pytest.mark.parametrize("place", [0, 10, 60, -1])
async def test_altered_cookie_is_rejected(browser: Browser, place: int) -> None:
    await browser.begin()
    [cookie] = browser.client.cookies.jar
    assert cookie.value is not None
    changed = "A" if cookie.value[place] != "A" else "B"
    altered = [*cookie.value]
    altered[place] = changed
    browser.client.cookies.clear()

    response = await browser.client.get(
        f"{API}/auth/oidc/lying/callback?code=a&state={browser.sent['state']}",
        headers={"Cookie": f"__Host-duly_sign_in={''.join(altered)}"},
    )

    assert response.status_code == 400
    assert browser.provider.forms == []


async def test_sign_in_must_end_within_ten_minutes(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    await browser.begin()
    monkeypatch.setattr("duly.core.sign_in_states.time.time", lambda: 2**32)

    assert (await browser.come_back()).status_code == 400


@pytest.mark.parametrize(
    ("lies", "changes"),
    [
        ({}, {"iss": "https://evil.example"}),
        ({"authorization_response_iss_parameter_supported": True}, {}),
        (
            {"authorization_response_iss_parameter_supported": True},
            {"iss": "https://evil.example", "code": ABSENT, "error": "access_denied"},
        ),
    ],
    ids=["another issuer", "no issuer", "an error of another issuer"],
)
async def test_response_of_another_issuer_signs_in_nobody(
    browser: Browser, lies: dict[str, Any], changes: dict[str, Any]
) -> None:
    browser.provider.lies = {"discovery": lies}
    await browser.begin()
    browser.provider.id_token = browser.token()

    assert behind(await browser.come_back(**changes)) == {"error": "server_error"}
    assert browser.provider.forms == []


async def test_response_that_names_the_issuer_signs_in(browser: Browser) -> None:
    browser.provider.lies = {"discovery": {"authorization_response_iss_parameter_supported": True}}
    await browser.begin()
    browser.provider.id_token = browser.token()

    found = behind(await browser.come_back(iss=browser.provider.url, session_state="x", hd="y"))

    assert {*found} == {"code"}


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        ("access_denied", "access_denied"),
        ("temporarily_unavailable", "temporarily_unavailable"),
        ("login_required", "server_error"),
        ("</script>&code=a", "server_error"),
    ],
)
async def test_error_of_the_provider_reaches_the_app_in_standard_words(
    browser: Browser, sent: str, error: str
) -> None:
    await browser.begin(return_to=f"{APP}/after?a=b")

    response = await browser.come_back(code=ABSENT, error=sent, error_description="<b>")

    assert response.headers["location"] == f"{APP}/after?a=b#error={error}"


async def test_response_with_neither_code_nor_error_is_invalid(browser: Browser) -> None:
    await browser.begin()

    assert behind(await browser.come_back(code=ABSENT)) == {"error": "invalid_request"}


@pytest.mark.parametrize(
    "return_to",
    [
        "https://evil.example",
        "//evil.example",
        "/after",
        "after",
        "https:app.example.org",
        "https:/app.example.org",
        "https:///app.example.org",
        "https://app.example.org.evil.example/",
        "https://app.example.org@evil.example/",
        "https://app.example.org:x@evil.example/",
        "https://evil.example\\@app.example.org/",
        "https://app.example.org\\.evil.example/",
        "https://app.example.org:8443/",
        "https://app.example.org:/",
        "http://app.example.org/",
        "https://APP.example.org/",
        "https://app.example.org./",
        "https://app.example.org%2eevil.example/",
        "https://app.example.org%00.evil.example/",
        "https://app.example.org/#fragment",
        "https://app.example.org/\r\nLocation: https://evil.example",
        "https://app.example.org/\t",
        " https://app.example.org/",
        "https://app.example.org/é",
        "https://аpp.example.org/",  # noqa: RUF001  # a Cyrillic letter
        "javascript:alert(1)//https://app.example.org/",
        "data:text/html,x",
        "com.example.app:/signed-in",
        f"https://app.example.org/{'x' * 1024}",
        "",
    ],
    ids=ascii,
)
async def test_users_are_sent_to_allowed_origins_only(browser: Browser, return_to: str) -> None:
    response = await browser.begin(return_to=return_to)

    assert response.status_code == 400
    assert error_code(response) == "VALIDATION_ERROR"
    assert response.json()["error"]["details"]["fields"][0]["path"] == "query.return_to"
    assert "set-cookie" not in response.headers
    assert browser.provider.requests == []


@pytest.mark.parametrize(
    "return_to",
    [APP, f"{APP}/", f"{APP}:443/", f"{APP}/a/b;c?d=e&f=//g", f"{APP}?a=b", f"{HERE}/app"],
)
async def test_users_return_to_the_url_that_the_app_chose(
    browser: Browser, return_to: str
) -> None:
    await browser.begin(return_to=return_to)
    browser.provider.id_token = browser.token()

    response = await browser.come_back()

    assert response.headers["location"].startswith(f"{return_to}#code=")


async def test_users_return_to_the_public_url_by_default(browser: Browser) -> None:
    await browser.begin()
    browser.provider.id_token = browser.token()

    response = await browser.come_back()

    assert response.headers["location"].startswith(f"{HERE}/#code=")


async def test_unknown_provider_is_not_found(browser: Browser) -> None:
    for response in (await browser.begin("unknown"), await browser.come_back("unknown")):
        assert response.status_code == 404
        assert error_code(response) == "NOT_FOUND"


async def test_no_code_token_or_secret_is_logged(
    settings: Settings, address: str, tmp_path: Path, provider: Provider
) -> None:
    signing_in = with_providers(settings, tmp_path, provider.table())
    with captured_logs(settings) as stream:
        async with browsing(signing_in, address, provider, log_level="debug") as browser:
            found = await browser.sign_in(sub="a-subject")
            session = (await browser.exchange(**found)).json()
            await browser.exchange(**found)
            await browser.sign_in(nonce="another")
    lines = stream.getvalue()

    assert "session.opened" in lines
    assert '"how":"lying"' in lines.replace(" ", "")
    assert "session.login_failed" in lines
    assert "nonce is not that of this sign-in" in lines
    [form, _] = provider.forms
    secrets = [found["code"], form["code"], form["code_verifier"], browser.sent["state"]]
    secrets += [CLIENT_SECRET, "an access token", str(provider.id_token)]
    secrets += [session["access_token"], session["refresh_token"]]
    for secret in secrets:
        assert secret not in lines
    assert json.dumps(session["user"]["id"]) in lines
