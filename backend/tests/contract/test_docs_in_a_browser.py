"""`/docs` in a real browser: all of it comes from here, and it can sign in and call the API."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.expected_conditions import presence_of_element_located
from selenium.webdriver.support.wait import WebDriverWait

from tests.support.accounts import API
from tests.support.browsers import chromium
from tests.support.factories import RegistrationFactory, TaskFactory
from tests.support.servers import serving

_PATIENCE = 20.0
_VIOLATIONS = """
    document.body.append(Object.assign(new Image(), {src: "https://elsewhere.example/a.png"}));
    document.body.insertAdjacentHTML("beforeend", '<p style="color: red">red</p>');
    document.body.append(Object.assign(document.createElement("script"), {text: "window.a = 1"}));
"""
_SERIOUS = {"SEVERE", "WARNING"}


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chrome]:
    with chromium(tmp_path / "profile") as browser:
        yield browser


def find(browser: Chrome, selector: str) -> Any:
    is_there = presence_of_element_located((By.CSS_SELECTOR, selector))
    return WebDriverWait(browser, _PATIENCE, poll_frequency=0.05).until(is_there)


def click(browser: Chrome, selector: str) -> None:
    # Not by the mouse, which misses what is still moving.
    browser.execute_script("arguments[0].click()", find(browser, selector))


def log_of(browser: Chrome, log: str) -> list[dict[str, Any]]:
    """The entries of one of the browser's logs."""
    return list(browser.get_log(log))  # type: ignore[no-untyped-call]  # it has no types


def requested(browser: Chrome) -> list[str]:
    """Every address in a network that was asked for; the browser's own pages are in none."""
    events = [json.loads(entry["message"])["message"] for entry in log_of(browser, "performance")]
    return [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
        and not event["params"]["request"]["url"].startswith(("chrome:", "data:"))
    ]


@pytest.mark.slow
def test_the_docs_sign_in_and_list_tasks_and_ask_no_other_host(dsn: str, browser: Chrome) -> None:
    person, task = RegistrationFactory(), TaskFactory()
    with serving(dsn, workers=1) as server:
        session = httpx.post(f"{server.url}{API}/auth/register", json=person).json()
        headers = {"Authorization": f"Bearer {session['access_token']}"}
        httpx.post(f"{server.url}{API}/tasks", json=task, headers=headers).raise_for_status()

        browser.get(f"{server.url}/docs")
        click(browser, ".btn.authorize")
        find(browser, "#oauth_username").send_keys(person["email"])
        find(browser, "#oauth_password").send_keys(person["password"])
        click(browser, ".auth-btn-wrapper .authorize")
        # Signed in, the form is gone.
        WebDriverWait(browser, _PATIENCE, poll_frequency=0.05).until_not(
            presence_of_element_located((By.CSS_SELECTOR, "#oauth_password"))
        )
        click(browser, ".auth-btn-wrapper .btn-done")
        click(browser, "#operations-tasks-list_tasks .opblock-summary-control")
        click(browser, "#operations-tasks-list_tasks .try-out__btn")
        click(browser, "#operations-tasks-list_tasks .execute")
        answer = find(browser, "#operations-tasks-list_tasks .live-responses-table")

        assert (
            answer.find_element(By.CSS_SELECTOR, "tr.response .response-col_status").text == "200"
        )
        assert task["title"] in answer.text
        urls = requested(browser)
        # The console reports everything that violates the policy or cannot be loaded.
        assert [entry for entry in log_of(browser, "browser") if entry["level"] in _SERIOUS] == []

        # It would be reported.
        browser.execute_script(_VIOLATIONS)
        refused = [entry["message"] for entry in log_of(browser, "browser")]
        assert sum("Content Security Policy" in message for message in refused) == 3, refused

    asked = {urlsplit(url).path for url in urls if url.startswith(server.url)}
    assert {"/docs", "/openapi.json", f"{API}/auth/token", f"{API}/tasks"} <= asked
    assert {url for url in urls if not url.startswith(f"{server.url}/")} == set()
