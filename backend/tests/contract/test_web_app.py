"""The web app as the server sends it: which paths, which headers, and nothing but its files."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from duly.api import web_app
from duly.core.config import Settings
from duly.main import create_app
from tests.contract.test_index import CHROMIUM
from tests.support.accounts import error_code
from tests.support.instances import client_at
from tests.support.raw_http import connected, head
from tests.support.servers import Server, serving

PAGE = "<!doctype html><title>Duly</title><script type=module src=/assets/app-1a2b.js></script>"
SCRIPT = "console.log('the app');" * 100
SECRET = "not of the app"
# As docs/security.md has it, and no more.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types duly-worker"
)
BROWSER = {"Accept": CHROMIUM, "Accept-Encoding": "gzip, deflate, br, zstd"}
ANY = {"Accept": "*/*", "Accept-Encoding": "identity"}


def build(place: Path) -> Path:
    """A small build of an app, beside a file that is none of its own."""
    (place / "secret.txt").write_text(SECRET)
    directory = place / "web"
    (directory / "assets").mkdir(parents=True)
    (directory / ".vite").mkdir()
    (directory / ".vite" / "manifest.json").write_text(SECRET)
    (directory / "index.html").write_text(PAGE)
    (directory / "worker.js").write_text("self.addEventListener('fetch', () => {});")
    (directory / "manifest.webmanifest").write_text("{}")
    script = directory / "assets" / "app-1a2b.js"
    script.write_text(SCRIPT)
    Path(f"{script}.gz").write_bytes(gzip.compress(SCRIPT.encode()))
    Path(f"{script}.br").write_bytes(b"what brotli makes of it")
    (directory / "assets" / "style-3c4d.css").write_text("body{color:#222}")
    return directory


@pytest.fixture(scope="module")
def server(dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = build(tmp_path_factory.mktemp("app"))
    with serving(dsn, workers=1, DULY_WEB_APP=str(directory)) as server:
        yield server


@pytest.fixture
def browser(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, headers=BROWSER) as browser:
        yield browser


def check_headers(response: httpx.Response) -> None:
    assert response.headers["content-security-policy"] == POLICY
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["cross-origin-opener-policy"] == "same-origin"
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/inbox",
        "/list/01a2",
        "/search?q=milk",
        "/settings/account",
        "/reset-password",
        "/verify-email",
        "/apiary",
        "/a.b",
        "/index.html",
        "/%C3%BC",
    ],
)
def test_browser_gets_the_page_at_every_screen(browser: httpx.Client, path: str) -> None:
    response = browser.get(path)

    assert (response.status_code, response.text) == (200, PAGE)
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["cache-control"] == "no-cache"
    assert "Accept-Encoding" in response.headers["vary"]
    assert path == "/index.html" or response.headers["vary"].startswith("Accept,")
    check_headers(response)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api", 404),
        ("/api/v1/nothing", 404),
        ("/api/v1/tasks", 401),
        ("/docs", 200),
        ("/docs/nothing", 404),
        ("/docs/assets/nothing.js", 404),
        ("/openapi.json", 200),
        ("/openapi.json/nothing", 404),
        ("/health", 404),
        ("/health/live", 200),
        ("/.well-known/nothing", 404),
        ("/.well-known/jwks.json", 200),
        ("/assets/", 404),
        ("/assets/old-9z.js", 404),
    ],
)
def test_other_paths_are_as_without_the_app(browser: httpx.Client, path: str, status: int) -> None:
    response = browser.get(path)

    assert response.status_code == status
    assert response.text != PAGE
    assert response.headers.get("content-security-policy") != POLICY
    assert "cross-origin-opener-policy" not in response.headers
    if status >= 400:
        assert error_code(response)


@pytest.mark.parametrize("path", ["/", "/inbox"])
def test_everything_but_browsers_gets_what_it_got_before(server: Server, path: str) -> None:
    response = httpx.get(server.url + path, headers=ANY)

    if path == "/":
        assert response.json()["name"] == "Duly"
        assert response.headers["vary"] == "Accept"
    else:
        assert (response.status_code, error_code(response)) == (404, "NOT_FOUND")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_app_is_read_only(browser: httpx.Client, method: str) -> None:
    for path, status, code in [
        ("/", 405, "METHOD_NOT_ALLOWED"),
        ("/worker.js", 405, "METHOD_NOT_ALLOWED"),
        ("/assets/app-1a2b.js", 405, "METHOD_NOT_ALLOWED"),
        ("/inbox", 404, "NOT_FOUND"),
    ]:
        response = browser.request(method, path)
        assert (response.status_code, error_code(response)) == (status, code), path
        assert status == 404 or response.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    ("name", "media_type", "cache"),
    [
        (
            "assets/style-3c4d.css",
            "text/css; charset=utf-8",
            "public, max-age=31536000, immutable",
        ),
        ("worker.js", "text/javascript; charset=utf-8", "no-cache"),
        ("manifest.webmanifest", "application/manifest+json", "no-cache"),
    ],
)
def test_files_have_their_type_and_are_kept_for_as_long_as_they_stay_the_same(
    server: Server, name: str, media_type: str, cache: str
) -> None:
    response = httpx.get(f"{server.url}/{name}", headers=ANY)

    assert response.status_code == 200
    assert response.headers["content-type"] == media_type
    assert response.headers["cache-control"] == cache
    assert response.headers["vary"] == "Accept-Encoding"
    assert response.headers["accept-ranges"] == "none"
    assert int(response.headers["content-length"]) == len(response.content) > 0
    check_headers(response)


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("br;q=0.1, gzip", "br"),
        ("GZIP", "gzip"),
        ("gzip, br;q=0", "gzip"),
        ("gzip;q=0.000, br; q=0", None),
        ("identity", None),
        ("deflate", None),
        ("", None),
    ],
)
def test_compressed_files_are_for_those_who_accept_them(
    server: Server, accepted: str, encoding: str | None
) -> None:
    headers = {"Accept-Encoding": accepted}
    with httpx.stream("GET", f"{server.url}/assets/app-1a2b.js", headers=headers) as response:
        sent = b"".join(response.iter_raw())

    assert response.headers.get("content-encoding") == encoding
    assert response.headers["content-type"] == "text/javascript; charset=utf-8"
    assert int(response.headers["content-length"]) == len(sent)
    match encoding:
        case "br":
            assert sent == b"what brotli makes of it"
        case "gzip":
            assert gzip.decompress(sent).decode() == SCRIPT
        case None:
            assert sent.decode() == SCRIPT


@pytest.mark.parametrize("path", ["/assets/app-1a2b.js.gz", "/assets/app-1a2b.js.br"])
def test_compressed_files_have_no_path_of_their_own(server: Server, path: str) -> None:
    response = httpx.get(server.url + path, headers=ANY)

    assert (response.status_code, error_code(response)) == (404, "NOT_FOUND")


@pytest.mark.parametrize("path", ["/", "/inbox", "/worker.js", "/assets/style-3c4d.css"])
def test_unchanged_file_is_not_sent_again(browser: httpx.Client, path: str) -> None:
    tag = browser.get(path).headers["etag"]

    for given in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        response = browser.get(path, headers={"If-None-Match": given})
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["etag"] == tag
        assert {"cache-control", "vary", "content-security-policy"} <= set(response.headers)
    for given in ('"other"', tag.strip('"'), "", tag[:-2] + '"'):
        assert browser.get(path, headers={"If-None-Match": given}).status_code == 200


def test_each_encoding_has_a_tag_of_its_own(server: Server) -> None:
    tags = [
        httpx.head(
            f"{server.url}/assets/app-1a2b.js", headers={"Accept-Encoding": encoding}
        ).headers["etag"]
        for encoding in ("br", "gzip", "identity")
    ]

    assert len(set(tags)) == 3


@pytest.mark.parametrize("path", ["/", "/inbox", "/worker.js", "/assets/app-1a2b.js"])
def test_head_has_the_headers_of_get_and_no_body(browser: httpx.Client, path: str) -> None:
    with browser.stream("GET", path) as sent:
        whole = dict(sent.headers)
    response = browser.head(path)

    assert (response.status_code, response.content) == (200, b"")
    for headers in (whole, response.headers):
        for changing in ("date", "x-request-id"):
            headers.pop(changing, None)
    assert dict(response.headers) == whole
    assert int(whole["content-length"]) > 0


@pytest.mark.parametrize("wanted", ["bytes=0-9", "bytes=5-", "bytes=-1", "bytes=9-1", "nonsense"])
def test_range_gets_the_whole_file(server: Server, wanted: str) -> None:
    headers = {**ANY, "Range": wanted}
    response = httpx.get(f"{server.url}/assets/app-1a2b.js", headers=headers)

    assert (response.status_code, response.text) == (200, SCRIPT)
    assert "content-range" not in response.headers


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/assets/../../secret.txt",
        "/assets/%2e%2e/%2e%2e/secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/..%5csecret.txt",
        "/..\\secret.txt",
        "//secret.txt",
        "/./../secret.txt",
        "/.vite/manifest.json",
        "/assets/../.vite/manifest.json",
        "/web/../../secret.txt",
        "/assets/app-1a2b.js%00.html",
        "/assets/app-1a2b.js/../../../secret.txt",
        "/%252e%252e/secret.txt",
    ],
)
@pytest.mark.parametrize("accept", ["*/*", "text/html"])
async def test_no_path_leads_out_of_the_app(server: Server, path: str, accept: str) -> None:
    async with connected(server.url) as connection:
        connection.send(head("GET", path, Accept=accept, Connection="close"))
        await connection.read_for(5)

    assert SECRET.encode() not in connection.received
    assert connection.statuses in ([200], [404], [400])
    assert connection.statuses != [200] or PAGE.encode() in connection.received


def test_requests_of_the_app_are_logged_without_their_paths(dsn: str, tmp_path: Path) -> None:
    with serving(dsn, 1, DULY_WEB_APP=str(build(tmp_path)), DULY_LOG_LEVEL="info") as server:
        httpx.get(f"{server.url}/search?q=private", headers=BROWSER)
        httpx.get(f"{server.url}/list/private", headers=BROWSER)
        httpx.get(f"{server.url}/worker.js")
        server.stop()
        log = server.log.read_text()

    assert "private" not in log
    assert log.count('"/{path}"') == 3


async def test_without_a_build_the_page_says_how_to_get_the_app(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(web_app, "BUILT", tmp_path)
    app = create_app(settings.model_copy(update={"web_app": "on"}))
    async with client_at(app, "10.0.0.9") as client:
        page = await client.get("/", headers=BROWSER)
        screen = await client.get("/inbox", headers=BROWSER)

    assert "make web" in page.text
    assert page.headers["vary"] == "Accept"
    assert (screen.status_code, error_code(screen)) == (404, "NOT_FOUND")


async def test_built_app_is_served_by_default_and_not_if_it_is_off(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(web_app, "BUILT", build(tmp_path))
    pages = {}
    for setting in ("on", "off"):
        app = create_app(settings.model_copy(update={"web_app": setting}))
        async with client_at(app, "10.0.0.9") as client:
            pages[setting] = (await client.get("/", headers=BROWSER)).text

    assert pages["on"] == PAGE
    assert "make web" not in pages["off"]
    assert pages["off"] != PAGE


@pytest.mark.parametrize("path", ["/reset-password", "/verify-email"])
async def test_links_in_mails_lead_to_a_plain_page_if_the_app_is_off(
    settings: Settings, path: str
) -> None:
    app = create_app(settings.model_copy(update={"web_app": "off"}))
    async with client_at(app, "10.0.0.9") as client:
        response = await client.get(path, headers=BROWSER)

    assert response.status_code == 200
    assert "script-src 'sha256-" in response.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/reset-password", "/verify-email"])
def test_links_in_mails_lead_to_the_app_for_clients_that_accept_anything(
    server: Server, path: str
) -> None:
    assert httpx.get(server.url + path, headers=ANY).text == PAGE


async def test_file_that_was_removed_meanwhile_is_missing(
    settings: Settings, tmp_path: Path
) -> None:
    directory = build(tmp_path)
    app = create_app(settings.model_copy(update={"web_app": str(directory)}))
    (directory / "worker.js").unlink()
    (directory / "assets" / "style-3c4d.css").write_text("new")
    async with client_at(app, "10.0.0.9") as client:
        removed = await client.get("/worker.js")
        first = await client.get("/assets/style-3c4d.css")
        (directory / "assets" / "style-3c4d.css").unlink()
        kept = await client.get("/assets/style-3c4d.css")

    assert (removed.status_code, error_code(removed)) == (404, "NOT_FOUND")
    assert (first.text, kept.text) == ("new", "new")
