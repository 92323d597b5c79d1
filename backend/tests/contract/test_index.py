"""`/` is a page for browsers and JSON for everything else."""

import re
from importlib.metadata import version

import httpx
import pytest

from tests.contract.test_docs import Page

CHROMIUM = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,"
    "*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"
)


@pytest.mark.parametrize(
    "accept",
    [
        CHROMIUM,
        "text/html",
        "TEXT/HTML ; q=0.5",
        "text/*",
        "text/html, */*",
        "text/html, application/json",
        "application/json;q=0.8, text/html;q=0.9",
    ],
)
async def test_browser_gets_a_page(client: httpx.AsyncClient, accept: str) -> None:
    response = await client.get("/", headers={"Accept": accept})

    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    assert response.headers["vary"] == "Accept"


@pytest.mark.parametrize(
    "accept",
    [
        None,
        "*/*",
        "application/json",
        "application/*",
        "image/png",
        "application/json, text/html",
        "application/json, text/plain, */*",
        "text/html;q=0, */*",
        "text/html;q=nonsense",
        "text/html;q=0.1, application/json;q=0.2",
        ";;;,,,",
    ],
)
async def test_everything_else_gets_json(client: httpx.AsyncClient, accept: str | None) -> None:
    client.headers.pop("accept")
    response = await client.get("/", headers={} if accept is None else {"Accept": accept})

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["vary"] == "Accept"
    body = response.json()
    assert (body["name"], body["version"]) == ("Duly", version("duly"))
    for path in body["links"].values():
        assert (await client.get(path)).status_code == 200, path


async def test_page_links_to_what_there_is_and_loads_nothing(client: httpx.AsyncClient) -> None:
    response = await client.get("/", headers={"Accept": CHROMIUM})
    page = Page(response.text)

    assert {"/docs", "/openapi.json", "/health/ready"} <= set(page.urls)
    for url in set(page.urls) - {"data:,"}:
        assert (await client.get(url)).status_code == 200, url
    assert page.scripts == page.handlers == []
    assert not re.search(r"(https?:)?//", response.text)
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "script-src" not in policy


async def test_index_is_not_part_of_the_schema(client: httpx.AsyncClient) -> None:
    assert "/" not in (await client.get("/openapi.json")).json()["paths"]
