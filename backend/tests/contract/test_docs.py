"""Interactive documentation: all of it comes from here, under a policy that lets in nothing else."""

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import httpx
import pytest
from fastapi import FastAPI

from duly.api import openapi


class Page(HTMLParser):
    """What a page loads, and the scripts that stand in it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.scripts: list[str] = []
        self.handlers: list[str] = []
        self._is_inline = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        self.urls += [value for name in ("src", "href") if (value := names.get(name))]
        self.handlers += [name for name in names if name.startswith("on")]
        self._is_inline = tag == "script" and "src" not in names

    def handle_endtag(self, _: str) -> None:
        self._is_inline = False

    def handle_data(self, data: str) -> None:
        if self._is_inline:
            self.scripts.append(data)


@pytest.fixture
async def docs(client: httpx.AsyncClient) -> httpx.Response:
    response = await client.get("/docs")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    return response


async def test_every_file_of_the_page_is_served_from_here(
    client: httpx.AsyncClient, docs: httpx.Response
) -> None:
    page = Page(docs.text)
    # Those in scripts, too: the schema, for one.
    urls = page.urls + re.findall(r"""["'](/[^"'\s]*|https?://[^"']*)["']""", docs.text)

    assert {"/openapi.json", "/docs/assets/swagger-ui-bundle.js"} <= set(urls)
    assert "//" not in "".join(urls)
    for url in urls:
        assert (await client.get(url)).status_code == 200, url
    # Nor is another host named anywhere else in it.
    assert not re.search(r"(https?:)?//[\w.-]+\.\w+", docs.text)


async def test_file_types_match_their_names(client: httpx.AsyncClient) -> None:
    kinds = {
        "swagger-ui-bundle.js": "text/javascript",
        "swagger-ui.css": "text/css",
        "favicon-32x32.png": "image/png",
    }
    for name, kind in kinds.items():
        response = await client.get(f"/docs/assets/{name}")
        assert response.headers["content-type"].partition(";")[0] == kind
        assert len(response.content) > 500


async def test_the_style_loads_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    style = (await client.get("/docs/assets/swagger-ui.css")).text

    loaded = re.findall(r"""(?:url\(|@import\s+)["']?([^"')]*)""", style)
    assert loaded
    assert all(url.startswith("data:") for url in loaded)


async def test_policy_allows_this_server_and_the_inline_script_only(
    docs: httpx.Response,
) -> None:
    policy = {
        name: set(sources)
        for name, *sources in (
            part.split() for part in docs.headers["content-security-policy"].split(";")
        )
    }
    page = Page(docs.text)

    assert page.scripts
    assert page.handlers == []
    hashes = {
        f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"
        for script in page.scripts
    }
    assert policy["script-src"] == {"'self'", *hashes}
    assert policy["default-src"] == {"'none'"}
    assert policy["connect-src"] == {"'self'"}
    assert policy["frame-ancestors"] == {"'none'"}
    hosts = {source for sources in policy.values() for source in sources if "." in source}
    assert hosts == set()


async def test_the_schema_behind_the_page_is_the_applications(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    response = await client.get("/openapi.json")

    assert response.json() == app.openapi()


async def test_schema_is_encoded_once(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await client.get("/openapi.json")
    monkeypatch.setattr(openapi, "encode", lambda _: b"encoded again")

    second = await client.get("/openapi.json")

    assert second.content == first.content


@pytest.mark.parametrize("part", ["bytes=0-9", "bytes=99999999-", "nonsense"])
async def test_asset_is_sent_whole_despite_a_range(client: httpx.AsyncClient, part: str) -> None:
    path = "/docs/assets/favicon-32x32.png"
    whole = await client.get(path)

    response = await client.get(path, headers={"Range": part})

    assert (response.status_code, response.content) == (200, whole.content)
