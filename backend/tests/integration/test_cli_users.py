"""`duly user`: accounts, as the operator manages them."""

import asyncio
from asyncio import to_thread
from pathlib import Path
from unittest import mock
from uuid import uuid4

import httpx
import pytest

from duly.core.config import Settings
from duly.database.names import name_of
from duly.runtime import revocations
from tests.support.accounts import API
from tests.support.command_line import Ended, duly
from tests.support.direct_sql import execute
from tests.support.instances import running
from tests.support.issuers import bearer, issuing, table, write_issuers, write_tables

pytestmark = pytest.mark.usefixtures("commanded")
PASSWORD = "correct horse battery"


def create(email: str, *options: str, password: str = PASSWORD) -> Ended:
    return duly("user", "create", email, *options, typed=f"{password}\n")


def listed(email: str) -> str:
    """The line that `duly user list` has for an account."""
    (line,) = [line for line in duly("user", "list").stdout.splitlines() if email in line]
    return line


async def login(client: httpx.AsyncClient, email: str, password: str = PASSWORD) -> httpx.Response:
    return await client.post(f"{API}/auth/login", json={"email": email, "password": password})


def test_a_created_account_is_listed_as_enabled_under_its_id(email: str) -> None:
    created = create(email, "--name", "Ada")

    assert created.status == 0, created
    assert listed(email).startswith(created.stdout.removeprefix("created ").strip())
    assert " enabled " in listed(email)


async def test_a_created_account_can_sign_in(email: str, client: httpx.AsyncClient) -> None:
    await to_thread(create, email, "--name", "Ada")

    session = (await login(client, email)).json()

    assert session["user"]["email"] == email
    assert session["user"]["name"] == "Ada"


async def test_a_disabled_account_can_not_sign_in_until_it_is_enabled(
    email: str, client: httpx.AsyncClient
) -> None:
    await to_thread(create, email)

    disabled = await to_thread(duly, "user", "disable", email)
    assert disabled.stdout == f"disabled {email}\n"
    assert (await login(client, email)).status_code == 401
    assert " disabled " in await to_thread(listed, email)

    enabled = await to_thread(duly, "user", "enable", email)
    assert enabled.stdout == f"enabled {email}\n"
    assert (await login(client, email)).status_code == 200
    assert " enabled " in await to_thread(listed, email)


async def test_disabling_an_account_ends_its_sessions(
    email: str, client: httpx.AsyncClient
) -> None:
    await to_thread(create, email)
    session = (await login(client, email)).json()

    await to_thread(duly, "user", "disable", email)
    await to_thread(duly, "user", "enable", email)

    refresh = {"refresh_token": session["refresh_token"]}
    assert (await client.post(f"{API}/auth/refresh", json=refresh)).status_code == 401


async def test_set_password_replaces_the_password_and_ends_all_sessions(
    email: str, client: httpx.AsyncClient
) -> None:
    await to_thread(create, email)
    sessions = [(await login(client, email)).json() for _ in range(2)]

    new = "a whole new passphrase"
    ended = await to_thread(duly, "user", "set-password", email, typed=f"{new}\n")

    assert ended.stdout == f"set the password of {email} and ended its sessions (2)\n"
    assert new not in ended.stdout + ended.stderr
    assert (await login(client, email)).status_code == 401
    assert (await login(client, email, new)).status_code == 200
    for session in sessions:
        refresh = {"refresh_token": session["refresh_token"]}
        assert (await client.post(f"{API}/auth/refresh", json=refresh)).status_code == 401
    await asyncio.sleep(revocations.MAX_AGE)
    bearer = {"Authorization": f"Bearer {sessions[0]['access_token']}"}
    assert (await client.get(f"{API}/tasks", headers=bearer)).status_code == 401


async def test_link_of_the_operator_sets_a_new_password_once(
    email: str, client: httpx.AsyncClient, commanded: pytest.MonkeyPatch, settings: Settings
) -> None:
    assert settings.secret_key is not None
    commanded.setenv("DULY_SECRET_KEY", settings.secret_key.get_secret_value())
    await to_thread(create, email)

    made = await to_thread(duly, "user", "reset-link", email)

    start, _, token = made.stdout.strip().partition("#token=")
    assert start == "http://127.0.0.1:8000/reset-password"
    assert "DULY_PUBLIC_URL is not set" in made.stderr
    body = {"token": token, "new_password": "a whole new passphrase"}
    statuses = [
        (await client.post(f"{API}/auth/password/reset", json=body)).status_code for _ in range(2)
    ]
    assert statuses == [204, 400]
    assert (await login(client, email, "a whole new passphrase")).status_code == 200


async def test_disabled_account_gets_no_link(email: str) -> None:
    await to_thread(create, email)
    await to_thread(duly, "user", "disable", email)

    assert "enable it first" in (await to_thread(duly, "user", "reset-link", email)).line


async def test_link_begins_with_the_public_url(email: str, commanded: pytest.MonkeyPatch) -> None:
    await to_thread(create, email)
    commanded.setenv("DULY_PUBLIC_URL", "https://duly.example.org/")

    made = await to_thread(duly, "user", "reset-link", email)

    assert made.stdout.startswith("https://duly.example.org/reset-password#token=")
    assert "DULY_PUBLIC_URL" not in made.stderr


async def test_rejected_new_password_changes_nothing(
    email: str, client: httpx.AsyncClient
) -> None:
    await to_thread(create, email)
    session = (await login(client, email)).json()

    refused = await to_thread(duly, "user", "set-password", email, typed="short\n")

    assert "password: " in refused.line
    assert (await login(client, email)).status_code == 200
    refresh = {"refresh_token": session["refresh_token"]}
    assert (await client.post(f"{API}/auth/refresh", json=refresh)).status_code == 200


def test_commands_name_the_database_without_its_password(
    email: str, commanded: pytest.MonkeyPatch, dsn: str
) -> None:
    commanded.setenv("DATABASE_URL", f"{dsn}&password=plugh")

    for ended in (create(email), duly("user", "list"), duly("user", "disable", email)):
        assert ended.status == 0
        assert ended.stderr.splitlines()[0] == f"Database: {name_of(dsn)}"
        assert "plugh" not in ended.stderr


async def test_account_without_an_address_is_listed_and_found_by_its_id(dsn: str) -> None:
    user_id = str(uuid4())
    await execute(dsn, "INSERT INTO users (id) VALUES (%s)", user_id)

    assert (await to_thread(listed, user_id)).endswith("  enabled   -")
    disabled = await to_thread(duly, "user", "disable", user_id)
    assert disabled.stdout == f"disabled {user_id}\n"
    assert " disabled " in await to_thread(listed, user_id)
    assert (await to_thread(duly, "user", "enable", user_id.upper())).status == 0
    assert " enabled " in await to_thread(listed, user_id)
    assert "no account" in (await to_thread(duly, "user", "disable", str(uuid4()))).line


# Accounts of other issuers

ISSUER = "https://id.example.com"


@pytest.fixture
def issuer(commanded: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """An issuer whose tokens create no accounts."""
    fields = {
        "issuer": ISSUER,
        "jwks_url": f"{ISSUER}/keys",
        "audience": "tasks",
        "algorithms": ["RS256"],
        "create_accounts": False,
    }
    file = write_tables(tmp_path / "issuers.toml", "issuer", fields)
    commanded.setenv("DULY_ISSUERS", str(file))
    return ISSUER


def create_at(issuer: str, subject: str, *options: str) -> Ended:
    return duly("user", "create", "--issuer", issuer, "--subject", subject, *options)


def id_of(created: Ended) -> str:
    assert created.status == 0, created
    return created.stdout.removeprefix("created ").strip()


async def test_created_account_of_a_subject_is_that_of_its_tokens(
    settings: Settings, address: str, commanded: pytest.MonkeyPatch, tmp_path: Path, email: str
) -> None:
    subject = uuid4().hex
    with issuing() as issuer:
        file = write_issuers(tmp_path / "i.toml", table(issuer, create_accounts=False))
        commanded.setenv("DULY_ISSUERS", str(file))
        options = (email, "--name", "Ada")
        created = await to_thread(create_at, issuer.url, subject, *options)
        async with running(settings, address, issuers=file) as client:
            headers = bearer(issuer.token(sub=subject))
            user = (await client.get(f"{API}/users/me", headers=headers)).json()
            path = f"{API}/users/me/security-events"
            events = (await client.get(path, headers=headers)).json()["items"]

    assert user["id"] == id_of(created)
    assert (user["email"], user["name"], user["email_verified_at"]) == (email, "Ada", None)
    assert [(event["event"], event["address"]) for event in events] == [("user.created", None)]


def test_account_of_a_subject_is_listed_with_its_issuer(issuer: str) -> None:
    subject = uuid4().hex

    user_id = id_of(create_at(issuer, subject))

    assert listed(user_id).endswith(f"  enabled   -  {issuer} {subject}")


async def test_subject_of_a_deleted_account_can_have_another_one(issuer: str, dsn: str) -> None:
    subject = uuid4().hex
    deleted = "INSERT INTO deleted_identities (issuer, subject, deleted_at, expires_at) VALUES (%s, %s, now() + interval '1 minute', now() + interval '1 day')"
    await execute(dsn, deleted, issuer, subject)

    assert (await to_thread(create_at, issuer, subject)).status == 0


def test_account_of_a_subject_is_created_once(issuer: str) -> None:
    subject = uuid4().hex
    user_id = id_of(create_at(issuer, subject))

    assert user_id in create_at(issuer, subject).line
    duly("user", "disable", user_id)
    assert "disabled" in create_at(issuer, subject).line


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--issuer", f"{ISSUER}/", "--subject", "1"], f"issuer: must be one in DULY_ISSUERS or DULY_SIGN_IN_PROVIDERS: {ISSUER}"),
        (["--issuer", ISSUER, "--subject", "a b"], "subject: must be a string of 1 to 255"),
        (["--issuer", ISSUER, "--subject", "1", "ada"], "email: Must be an email address"),
        (["--issuer", ISSUER, "--subject", "1", "--name", ""], "name: Must be 1 to 255"),
        (["--issuer", ISSUER], "--issuer and --subject must be given together"),
        (["--subject", "1", "ada@example.com"], "--issuer and --subject must be given together"),
        ([], "EMAIL must be given, or --issuer and --subject"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("issuer")
def test_account_of_a_subject_that_cannot_be_is_refused(arguments: list[str], reason: str) -> None:
    assert reason in duly("user", "create", *arguments).line


def test_issuers_of_providers_are_known(commanded: pytest.MonkeyPatch, tmp_path: Path) -> None:
    google = {
        "name": "google",
        "title": "Google",
        "issuer": "https://accounts.google.com",
        "client_id": "x",
    }
    file = write_tables(tmp_path / "providers.toml", "provider", google)
    commanded.setenv("DULY_SIGN_IN_PROVIDERS", str(file))
    commanded.setenv("DULY_PUBLIC_URL", "https://duly.example.org")

    assert create_at("https://accounts.google.com", uuid4().hex).status == 0


@pytest.mark.parametrize("command", ["set-password", "reset-link"])
def test_command_for_an_account_without_a_password_says_so(issuer: str, command: str) -> None:
    user_id = id_of(create_at(issuer, uuid4().hex))

    line = duly("user", command, user_id, typed=f"{PASSWORD}\n").line

    assert "This account has no password" in line


def test_address_of_several_accounts_is_refused_with_their_ids(issuer: str, email: str) -> None:
    ids = [id_of(create(email)), id_of(create_at(issuer, uuid4().hex, email.upper()))]

    for command in ("disable", "enable", "set-password", "reset-link", "remove-factors"):
        line = duly("user", command, email, typed=f"{PASSWORD}\n").line

        assert line.endswith(f"name one by its id: {', '.join(ids)}")
    assert all(" enabled " in listed(user_id) for user_id in ids)


def test_many_accounts_of_one_address_are_not_all_named(issuer: str, email: str) -> None:
    ids = [id_of(create_at(issuer, uuid4().hex, email)) for _ in range(11)]

    assert duly("user", "disable", email).line.endswith(f"{', '.join(ids[:10])}, …")


def test_account_is_found_by_an_address_that_is_not_its_own(issuer: str, email: str) -> None:
    user_id = id_of(create_at(issuer, uuid4().hex, email))

    assert duly("user", "disable", email).status == 0
    assert " disabled " in listed(user_id)


@pytest.mark.parametrize("command", ["set-password", "reset-link", "remove-factors"])
def test_account_is_named_by_its_id(email: str, command: str) -> None:
    user_id = id_of(create(email))

    assert duly("user", command, user_id, typed=f"{PASSWORD}\n").status == 0


@pytest.mark.parametrize("command", ["disable", "enable"])
def test_repeating_a_command_leaves_the_account_as_listed(email: str, command: str) -> None:
    create(email)
    assert duly("user", command, email).status == 0
    before = listed(email)
    assert f" {command}d " in before

    assert duly("user", command, email).status == 0

    assert listed(email) == before


def test_an_account_is_found_by_another_spelling_of_its_address(email: str) -> None:
    create(email)

    assert duly("user", "disable", f" {email.upper()} ").status == 0


def test_a_password_is_asked_for_at_a_terminal_and_not_shown(email: str) -> None:
    with mock.patch("getpass.getpass", return_value=PASSWORD) as asked:
        created = duly("user", "create", email, at_terminal=True)

    asked.assert_called_once()
    assert created.status == 0
    assert PASSWORD not in created.stdout + created.stderr


def test_a_piped_password_is_not_written_anywhere(email: str) -> None:
    created = create(email)

    assert PASSWORD not in created.stdout + created.stderr


@pytest.mark.parametrize("password", ["short", "password1", "", "x" * 129])
def test_a_password_that_registration_refuses_is_refused(email: str, password: str) -> None:
    assert "password: " in create(email, password=password).line
    assert email not in duly("user", "list").stdout


@pytest.mark.parametrize("address", ["ada", "Ada <ada@example.com>", "ada@"])
def test_invalid_address_is_rejected(address: str) -> None:
    assert "email: " in create(address).line


def test_an_address_that_is_taken_is_refused_in_any_spelling(email: str) -> None:
    create(email)

    assert "already in use" in create(email).line
    assert "already in use" in create(email.upper()).line


@pytest.mark.parametrize(
    "command", ["disable", "enable", "set-password", "reset-link", "remove-factors"]
)
def test_unknown_account_is_refused(email: str, command: str) -> None:
    for account in (email, str(uuid4())):
        assert "no account" in duly("user", command, account, typed=f"{PASSWORD}\n").line


def test_accounts_of_a_database_that_can_not_be_reached_are_one_line(
    commanded: pytest.MonkeyPatch,
) -> None:
    commanded.setenv("DATABASE_URL", "postgresql:///duly?host=/nonexistent")
    commanded.setenv("DULY_REQUEST_TIMEOUT", "0.5")
    commanded.setenv("DULY_LOG_LEVEL", "error")

    ended = duly("user", "list")

    assert ended.status == 1
    assert "Traceback" not in ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("duly: ")
