"""What Schemathesis cannot read from the schema: who it is, and what only the service can make.

Each hook has its reason beside it. None of them touches an answer, and only cases that are meant
to be valid are changed: what is meant to be invalid is sent as it was generated.
"""

import os
import unicodedata
import uuid
from collections import defaultdict, deque
from collections.abc import Iterator
from typing import Any
from zoneinfo import available_timezones

import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi import format as add_format
from schemathesis.openapi.checks import RejectedPositiveData

API = os.environ["DULY_FUZZ_URL"] + "/api/v1"
LENGTHS = {"title": 255, "name": 255, "description": 20_000, "q": 200}
# Types of errors about fields that contradict each other, or refer to what is not there.
RULES = {
    "circle",
    "contradiction",
    "future",
    "nothing_left",
    "too_deep",
    "unknown_reference",
}
# Fields whose values have a grammar of their own, or depend on another field.
LANGUAGES = {"filter", "metadata", "query", "rule", "text", "timezone"}
PASSWORD = "correct horse battery"

# They change what the run signs in with: each case has an account of its own.
SPENDS_ACCOUNT = {"change_password", "delete_me", "update_me"}
# They may end the session of the run: it signs in again.
ENDS_SESSION = {"logout", "end_all_sessions", "end_session"}

_words = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=12)
# Schemathesis has no addresses with Unicode in them, and knows of no time zones.
_locals = st.one_of(_words, st.text("àéîõüßабвгд漢字", min_size=1, max_size=8))
add_format("idn-email", st.builds("{}@{}.example".format, _locals, _words))
add_format("timezone", st.sampled_from(sorted(available_timezones())))
# Tokens have a pattern, and a seal that no generator can make: see `before_call`.
add_format("token", st.from_regex(r"[A-Za-z0-9_-]{1,80}", fullmatch=True))


class Person:
    """The account of the run."""

    def __init__(self) -> None:
        self.email = f"{uuid.uuid4()}@example.com"
        self.token: str | None = _session("register", self.email)

    def sign_in(self) -> str:
        """A token that is good."""
        self.token = self.token or _session("login", self.email)
        return self.token


def _session(action: str, email: str) -> str:
    body = {"email": email, "password": PASSWORD}
    answer = requests.post(f"{API}/auth/{action}", json=body, timeout=30)
    answer.raise_for_status()
    return str(answer.json()["access_token"])


_person = Person()
_made: dict[str, deque[str]] = defaultdict(lambda: deque(maxlen=20))
_calls = 0


def _name(case: Any) -> str:
    return str(case.operation.definition.raw["operationId"])


@schemathesis.auth(refresh_interval=None)
class SignedIn:
    """Signs every case in."""

    def get(self, case: Any, _: Any) -> str:
        if _name(case) in SPENDS_ACCOUNT:
            return Person().sign_in()
        return _person.sign_in()

    def set(self, case: Any, token: str, _: Any) -> None:
        case.headers["Authorization"] = f"Bearer {token}"


@schemathesis.hook
def map_path_parameters(_: Any, path_parameters: dict[str, Any]) -> dict[str, Any]:
    # Any other user's id is 403: most cases should get further.
    if "user_id" in (path_parameters or {}):
        path_parameters["user_id"] = "me"
    return path_parameters


@schemathesis.hook
def before_call(_: Any, case: Any, __: dict[str, Any]) -> None:
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if case.meta.phase.name != "stateful":
        _fit_path(case)
    if isinstance(case.body, dict):
        _fit_passwords(case)
        _fit_integers(case.body)
    if isinstance(case.query, dict):
        _fit_tokens(case)
    if "Last-Event-ID" in (case.headers or {}):
        case.headers["Last-Event-ID"] = _sync_token()


def _fit_path(case: Any) -> None:
    """Every other case is about what was created before, so that it gets further than 404."""
    for name in case.path_parameters or {}:
        known = _made[name.removesuffix("_id")]
        if known and _calls % 2:
            case.path_parameters[name] = known[_calls % len(known)]
            if "If-Match" in (case.headers or {}):
                case.headers["If-Match"] = "*"


def _fit_passwords(case: Any) -> None:
    """The service knows its owner's password and 30,000 common ones; a schema cannot express that."""
    body = case.body
    if _name(case) in {"login", "login_with_form"} and _calls % 2:
        address = "email" if "email" in body else "username"
        body.update({address: _person.email, "password": PASSWORD})
    if "current_password" in body or ("email" in body and _name(case) == "update_me"):
        body["current_password"] = PASSWORD
    name = "password" if _name(case) == "register" else "new_password"
    password = body.get(name)
    if isinstance(password, str) and password.isascii() and len(password) < 32:
        body[name] = password[:-6] + "~dU1y!"


def _fit_integers(body: dict[str, Any]) -> None:
    """To JSON Schema 1.0 is an integer; the contract takes whole numbers in digits only."""
    for name, value in body.items():
        if isinstance(value, float) and value.is_integer():
            body[name] = int(value)
        elif isinstance(value, dict) and name != "metadata":
            _fit_integers(value)
    for operation in body.get("operations") or []:
        _fit_integers(operation)


def _fit_tokens(case: Any) -> None:
    """Only the service seals cursors and tokens: one of its own takes the place."""
    if "token" in case.query:
        case.query["token"] = _sync_token()
    if "cursor" in case.query:
        # A cursor is good for the list that gave it, and stands for an offset.
        query = {
            name: item for name, item in case.query.items() if name not in {"cursor", "offset"}
        }
        page = _read(case.operation.path.removeprefix("/api/v1"), query | {"limit": 1})
        case.query.pop("offset", None)
        case.query["cursor"] = page.get("next_cursor")
        if case.query["cursor"] is None:
            del case.query["cursor"]


def _sync_token() -> str:
    return str(_read("/sync", {})["token"])


def _read(path: str, query: dict[str, Any]) -> dict[str, Any]:
    shown = {
        name: str(item).lower() if isinstance(item, bool) else item for name, item in query.items()
    }
    headers = {"Authorization": f"Bearer {_person.sign_in()}"}
    answer = requests.get(API + path, params=shown, headers=headers, timeout=30)
    return dict(answer.json())


@schemathesis.hook
def after_call(_: Any, case: Any, response: Any) -> None:
    global _calls  # noqa: PLW0603  # hooks have no other place to count
    _calls += 1
    if _name(case) in ENDS_SESSION and response.status_code == 204:
        _person.token = None
    verb, _, kind = _name(case).partition("_")
    if verb == "create" and response.status_code == 201:
        _made[kind.removeprefix("user_").removeprefix("api_")].append(str(response.json()["id"]))


@schemathesis.hook
def filter_failure(_: Any, failure: Any, case: Any, response: Any) -> bool:
    """Some rules cannot be expressed in JSON Schema.

    Lengths count once a text is trimmed and normalised: text that is too long only before that is
    taken, and one that grows too long is refused. Fields depend on each other and on what exists.
    """
    if isinstance(failure, RejectedPositiveData) and _breaks_a_rule(response):
        return False
    is_about_data = isinstance(failure, AcceptedNegativeData | RejectedPositiveData)
    return not (is_about_data and any(map(_fits_otherwise, _texts([case.body, case.query]))))


def _breaks_a_rule(response: Any) -> bool:
    """Whether all that is wrong with a request is beyond its schema."""
    error = response.json()["error"]
    fields = error["details"].get("fields", ())
    return error["code"] == "VALIDATION_ERROR" and all(
        field["type"] in RULES or field["path"].rpartition(".")[2] in LANGUAGES for field in fields
    )


def _fits_otherwise(text: tuple[str, str]) -> bool:
    name, value = text
    clean = unicodedata.normalize("NFC", value.strip())
    return (len(value) > LENGTHS[name]) != (len(clean) > LENGTHS[name])


def _texts(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if isinstance(item, str) and name in LENGTHS:
                yield name, item
            else:
                yield from _texts(item)
