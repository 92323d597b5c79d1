"""Two environments, alike but for the victims: what an attacker sees must be the same in both.

Each is an application on a database of its own. In the first there are victims, in the second
nobody ever heard of them, so that whatever id of a victim is sent does not exist there.
"""

import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
import psycopg
import pyotp
import pytest
from fastapi import FastAPI
from psycopg import sql
from pydantic import SecretStr

from duly.core.config import Settings
from duly.core.errors import SecondFactorRequired
from duly.database.scope import UserScope
from duly.main import create_app
from duly.models import metadata
from duly.models.base import owner_column
from duly.records import revisions
from duly.services import email_links, factor_sign_in
from duly.utils.identifiers import new_id
from tests.attack.wire import Answer, Request, call
from tests.support import known_provider
from tests.support.accounts import API
from tests.support.databases import migrated_database

PASSWORD = "correct horse battery 42"

_UNLIMITED = "100000/second"
BUDGETS: dict[str, Any] = {
    "rate_limit": "off",
    "login_account_limit": _UNLIMITED,
    "login_address_limit": _UNLIMITED,
    "login_total_limit": _UNLIMITED,
    "max_sessions": 10_000,
    "max_api_tokens": 10_000,
    "register_limit": _UNLIMITED,
    "refresh_limit": _UNLIMITED,
    "mail_account_limit": _UNLIMITED,
    "mail_address_limit": _UNLIMITED,
    "smtp_url": SecretStr("smtp://127.0.0.1:9"),
    "mail_from": "duly@example.org",
    "public_url": "http://duly.test",
    "access_token_minutes": 60,
    "log_level": "error",
}
"""Attackers in a test have no time to wait; that budgets hold is shown elsewhere."""

_JSON = {"Content-Type": "application/json"}

MOST_CHANGES = 10
"""The largest number of resources that one request may change: so few that those of a victim, if
they counted, would be too many.
"""


_TABLES = [table for table in metadata.sorted_tables if table.name != "installations"]


def _with_copies(statement: str) -> Iterator[sql.Composed]:
    """A statement on each table, its copy, and the key that they have in common."""
    for table in _TABLES:
        key = sql.SQL(", ").join(sql.Identifier(column.name) for column in table.primary_key)
        names = {"table": sql.Identifier(table.name), "key": key}
        yield sql.SQL(statement).format(copy=sql.Identifier(f"kept_{table.name}"), **names)


_DROP = [*_with_copies("DROP TABLE IF EXISTS {copy}")]
_KEEP = [*_with_copies("CREATE TABLE {copy} AS TABLE {table}")]
_RESTORE = [
    sql.SQL("BEGIN; SET LOCAL session_replication_role = replica"),  # foreign keys are not checked
    # A row has an `xmax` if somebody has locked it.
    *_with_copies(
        "DELETE FROM {table} AS t "
        "WHERE xmax <> '0' OR t::text NOT IN (SELECT k::text FROM {copy} AS k)"
    ),
    *_with_copies(
        "INSERT INTO {table} SELECT * FROM {copy} WHERE ({key}) NOT IN (SELECT {key} FROM {table})"
    ),
    # As new, however long the tests take: one that nobody confirms expires.
    sql.SQL("UPDATE factors SET created_at = now()"),
    sql.SQL("COMMIT"),
]
_VACUUM = sql.SQL("VACUUM {}").format(
    sql.SQL(", ").join(sql.Identifier(table.name) for table in _TABLES)
)
_RESTORES_BEFORE_VACUUM = 10


@dataclass
class Environment:
    """One application and its database."""

    app: FastAPI
    dsn: str
    connection: psycopg.AsyncConnection[Any]
    _restores: int = 0

    async def rows(self, statement: sql.Composed | str, **params: Any) -> list[Any]:
        """The stored rows, read without the application."""
        query = statement.encode() if isinstance(statement, str) else statement
        cursor = await self.connection.execute(query, params or None)
        return await cursor.fetchall() if cursor.description else []

    async def clear(self) -> None:
        """Delete all rows, and what `keep` has copied."""
        forget = sql.SQL("DELETE FROM {}")
        names = [sql.Identifier(table.name) for table in _TABLES[::-1]]
        await self.rows(sql.SQL(";").join([*map(forget.format, names), *_DROP]))

    async def keep(self) -> None:
        """Copy all rows for `restore`."""
        await self.rows(sql.SQL(";").join(_KEEP))

    async def restore(self) -> None:
        """Bring back the rows of `keep`; those that nobody changed or locked stay untouched."""
        await self.rows(sql.SQL(";").join(_RESTORE))
        self._restores += 1
        if self._restores % _RESTORES_BEFORE_VACUUM == 0:
            await self.rows(_VACUUM)  # dead rows would make each restore slower than the last


@contextmanager
def changes_limited(most: int) -> Iterator[None]:
    """Let one request change at most so many resources."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(revisions, "MAX_CHANGES", most)
        yield


@asynccontextmanager
async def database(dsn: str) -> AsyncIterator[str]:
    """A new database on the server of `dsn`, dropped in the end; autovacuum does not mark its rows."""
    with migrated_database(dsn) as own:
        async with await psycopg.AsyncConnection.connect(own, autocommit=True) as inside:
            # Nothing that is stored here must outlast a crash.
            name = sql.Identifier(inside.info.dbname)
            lazily = sql.SQL("ALTER DATABASE {} SET synchronous_commit = off")
            await inside.execute(lazily.format(name))
            for table in metadata.sorted_tables:
                await inside.execute(
                    sql.SQL("ALTER TABLE {} SET (autovacuum_enabled = false)").format(
                        sql.Identifier(table.name)
                    )
                )
        yield own


@asynccontextmanager
async def both_environments(
    settings: Settings, dsn: str
) -> AsyncIterator[tuple[Environment, Environment]]:
    """The environment with victims, and the one without."""
    async with AsyncExitStack() as stack:
        stack.enter_context(changes_limited(MOST_CHANGES))
        environments = []
        for _ in range(2):
            own = await stack.enter_async_context(database(dsn))
            url = type(settings.database_url)(own) if settings.database_url else None
            app = create_app(settings.model_copy(update={**BUDGETS, "database_url": url}))
            await stack.enter_async_context(app.router.lifespan_context(app))
            # Its statements would be taken for those of requests.
            await app.state.context.mailer.close()
            # It would record an attacker's failed sign-ins with a victim, whose rows are compared.
            await app.state.context.failed_sign_ins.close()
            connection = await psycopg.AsyncConnection.connect(own, autocommit=True)
            await stack.enter_async_context(connection)
            environments.append(Environment(app, own, connection))
        yield environments[0], environments[1]


@dataclass
class Person:
    """Somebody in one environment. `own` is what they can send of themselves, by its kind."""

    environment: Environment
    address: str
    own: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return str(self.own["user_id"])

    async def send(self, request: Request) -> Answer:
        """Send a request, and remember the user's own values in its response."""
        answer = await call(self.environment.app, request, self.address)
        if answer.is_success and b'"refresh_token"' in answer.body:
            self.remember(orjson.loads(answer.body))
        elif answer.is_success and request.method == "PATCH" and b'"email"' in answer.body:
            self.own["email"] = orjson.loads(answer.body)["email"]
        return answer

    def remember(self, session: dict[str, Any]) -> None:
        """Use the tokens of a new session, if it is one's own."""
        if self.own.setdefault("user_id", session["user"]["id"]) == session["user"]["id"]:
            claims = orjson.loads(_decode(session["access_token"].split(".")[1]))
            self.own |= {"session_id": claims["sid"], "email": session["user"]["email"]}
            self.own |= {name: session[name] for name in ("access_token", "refresh_token")}

    async def get_links(self) -> None:
        """Have new links, as they come by mail, and the code of a sign-in."""
        context = self.environment.app.state.context
        for purpose in email_links.PATHS:
            scope = UserScope(context.pool, UUID(self.id))
            path = await email_links.create(
                scope, context.keyring, purpose, link_id=new_id(), email=self.own["email"]
            )
            self.own[f"{purpose}_token"] = path.partition("#token=")[2]
        self.own["sign_in_code"] = await known_provider.create_code(
            context, UserScope(context.pool, UUID(self.id))
        )

    async def get_factor(self, *, is_confirmed: bool) -> str:
        """Have a second factor, and with it, if it counts, a challenge. Return its id."""
        is_new = "UPDATE sessions SET created_at = now() WHERE user_id = %(id)s"
        await self.environment.rows(is_new, id=UUID(self.id))
        factor = await self.read("POST", "/users/me/factors", {"type": "totp", "name": "Phone"})
        app = pyotp.TOTP(factor["secret"])
        code = app.now()
        if is_confirmed:
            await self.read("POST", f"/users/me/factors/{factor['id']}/confirm", {"code": code})
            code = app.at(time.time(), counter_offset=1)
            self.own["challenge"] = await self._challenge()
        self.own |= {"factor_id": factor["id"], "code": code}
        return str(factor["id"])

    async def _challenge(self) -> str:
        """What the right password gets, also if an attempt has set another one."""
        stored = "SELECT password_hash FROM users WHERE id = %(id)s"
        [(password_hash,)] = await self.environment.rows(stored, id=UUID(self.id))
        context = self.environment.app.state.context
        scope = UserScope(context.pool, UUID(self.id))
        with pytest.raises(SecondFactorRequired) as error:
            await factor_sign_in.require_factor(context, scope, password_hash)
        return str(error.value.details["challenge"])

    async def drop_factors(self) -> None:
        """Be able to sign in with the password alone again."""
        for statement in (
            "DELETE FROM factors WHERE user_id = %(id)s",
            "DELETE FROM sign_in_challenges WHERE user_id = %(id)s",
            "UPDATE users SET recovery_codes = '{}' WHERE id = %(id)s",
        ):
            await self.environment.rows(statement, id=UUID(self.id))

    async def sign_in(self) -> None:
        """Begin another session."""
        body = {"email": self.own["email"], "password": self.own["password"]}
        await self.read("POST", "/auth/login", body)

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a request that must succeed."""
        headers = {**_JSON, **headers}
        if "access_token" in self.own:
            headers["Authorization"] = f"Bearer {self.own['access_token']}"
        path, _, query = path.partition("?")
        pairs = [(name, value) for name, _, value in (p.partition("=") for p in query.split("&"))]
        content = None if body is None else orjson.dumps(body)
        request = Request(method, path, pairs if query else [], headers, content)
        answer = await self.send(request)
        assert answer.is_success, (method, path, answer)
        return answer

    async def read(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The same, but return the body of the response."""
        return orjson.loads((await self.ask(method, API + path, body, **headers)).body)


def _decode(segment: str) -> bytes:
    import base64

    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


async def join(environment: Environment, rng: random.Random) -> Person:
    """Somebody new."""
    address = f"10.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"
    person = Person(environment, address)
    person.own["password"] = PASSWORD
    email = f"{rng.getrandbits(64):016x}@example.com"
    await person.read("POST", "/auth/register", {"email": email, "password": PASSWORD})
    person.own["first_token"] = (await person.read("GET", "/sync"))["token"]
    await environment.rows(
        "INSERT INTO user_identities (issuer, subject, user_id, id) "
        "VALUES ('https://issuer.example', %(subject)s, %(user_id)s, gen_random_uuid())",
        subject=email,
        user_id=UUID(person.id),
    )
    return person


def new_uuid(rng: random.Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))


async def run_batch(person: Person, operations: list[dict[str, Any]]) -> None:
    """Apply operations that must succeed, all at once."""
    with changes_limited(1_000):
        result = await person.read("POST", "/batch", {"operations": operations})
    assert not any(item["error"] for item in result["results"]), result


_OWNED = [
    (table.name, owner.name)
    for table in metadata.sorted_tables
    for owner in [owner_column(table)]
    if owner is not None
]

# The transactions that last wrote and locked a row are part of it: nobody may even touch it.
_STORED = sql.SQL(" UNION ALL ").join(
    sql.SQL(
        "SELECT {name} AS t, to_jsonb(r)::text, r.xmin::text, r.xmax::text "
        "FROM {table} r WHERE r.{owner} = ANY(%(users)s)"
    ).format(name=name, table=sql.Identifier(name), owner=sql.Identifier(owner))
    for name, owner in [*_OWNED, ("user_emails", "user_id")]
) + sql.SQL(
    " UNION ALL SELECT 'revoked_sessions', to_jsonb(r)::text, r.xmin::text, '' "
    "FROM revoked_sessions r WHERE session_id = ANY(%(sessions)s) ORDER BY 1, 2"
)


async def stored(environment: Environment, users: list[str], sessions: list[str]) -> list[Any]:
    """Every row of some users, as it lies in the database."""
    return await environment.rows(
        _STORED,
        users=[UUID(user) for user in users],
        sessions=[UUID(session) for session in sessions],
    )
