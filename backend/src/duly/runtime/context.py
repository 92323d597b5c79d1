"""The parts of one running application that services need."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from duly.core.config import Settings
from duly.core.scopes import ALL, Scopes
from duly.core.signing_key import open_keyring
from duly.core.tokens import Keyring
from duly.database.connection import Connection
from duly.database.embedded import embedded_dsn
from duly.database.pool import Pool
from duly.database.scope import AcrossUsers, UserScope
from duly.runtime.api_tokens import ApiTokenUses
from duly.runtime.background import forever
from duly.runtime.bearers import Bearers, open_bearers
from duly.runtime.failed_sign_ins import FailedSignIns
from duly.runtime.hub import Hub
from duly.runtime.mailer import Mailer
from duly.runtime.maintenance import INTERVAL, keep_house
from duly.runtime.passwords import PasswordWorkers
from duly.runtime.revocations import Revocations
from duly.runtime.throttle import Throttle
from duly.services.idempotency import Kept
from duly.utils.flights import Flights
from duly.utils.shares import Shares, Terms

if TYPE_CHECKING:
    from duly.runtime.sign_in_providers import SignInProviders

_USER_TERMS = Terms(
    at_once=4,
    waiting=200,
    seconds=20,
    grace=0.001,
    forgiven=0.2,
    credit=0.5,
    rest=4,
    longest_rest=3,
)
"""One user's share of a worker. Half a second of credit, since a database may be far away."""

_LARGE_TERMS = replace(_USER_TERMS, at_once=1)
"""Large bodies of one user are handled one after the other: they wait for one row anyway."""

_STRANGER_TERMS = Terms(
    at_once=16,
    waiting=200,
    seconds=3,
    grace=-0.01,
    forgiven=0.2,
    credit=0.5,
    rest=1,
    longest_rest=0.01,
    rests_alone=True,
)
"""The share of one user, or of one address without a user, of errors and of responses without a
user: 50, then 20 a second, and up to 100 a second while others are active. Each counts as 10 ms."""


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request comes from."""

    address: str
    """That under which it is counted: of IPv6, the network."""
    user_agent: str | None
    stored_address: str | None = None
    """Its own, if the settings allow that it is stored."""
    has_cookie: bool = False
    """Whether it is a page whose refresh token is in a cookie."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The user of a request, and what its token says; see `AccessClaims`."""

    scope: UserScope
    session_id: UUID
    expires_at: float
    scopes: Scopes = ALL
    issued_at: float | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of a running application."""

    settings: Settings
    pool: Pool
    keyring: Keyring
    bearers: Bearers
    api_token_uses: ApiTokenUses
    passwords: PasswordWorkers
    throttle: Throttle
    revocations: Revocations
    hub: Hub
    mailer: Mailer
    failed_sign_ins: FailedSignIns
    flights: Flights[Kept]
    shares: Shares
    """Turns of each user's requests."""
    large_shares: Shares
    """Turns of each user's requests with large bodies, taken before those above."""
    stranger_shares: Shares
    """Turns of errors, for each user or else each address, and of responses without a user."""
    export_slots: asyncio.Semaphore
    """How many exports may read at a time: a fifth of the connections."""
    sign_in_providers: "SignInProviders | None"
    """Where users can sign in, if the operator has configured it."""
    quota_hits: Counter[str]
    """Operations of batches that exceeded a quota, by resource; counted for the metrics."""

    @property
    def across_users(self) -> AcrossUsers:
        """The cross-user scope."""
        return AcrossUsers(self.pool)

    @property
    def access_lifetime(self) -> timedelta:
        """How long an access token is good."""
        return timedelta(minutes=self.settings.access_token_minutes)

    @property
    def session_lifetime(self) -> timedelta:
        """How long a session is good without being used."""
        return timedelta(days=self.settings.refresh_token_days)


@asynccontextmanager
async def open_context(
    settings: Settings, connection_type: type[Connection] = Connection
) -> AsyncIterator[Context]:
    """Open all parts, and close them in the end. Raises `StartupError` without a signing key."""
    keyring = open_keyring(settings)
    hub = Hub(direct_dsn_of(settings), settings.max_streams)
    pool = Pool(
        dsn_of(settings),
        size=settings.pool_size,
        timeout=settings.request_timeout,
        prepared=settings.prepared_statements,
        connection_type=connection_type,
        on_change=hub.note_change,
    )
    passwords = PasswordWorkers(settings.password_threads, settings.bcrypt_cost)
    await pool.open()
    across_users = AcrossUsers(pool)
    throttle = Throttle(settings)
    uses = ApiTokenUses(across_users)
    hub.start(across_users)
    mailer = Mailer(settings, keyring, across_users)
    mailer.start()
    uses.start()
    failures = FailedSignIns(across_users)
    failures.start()
    housekeeping = asyncio.create_task(
        forever("maintenance", partial(keep_house, pool, keyring, mailer.wake), INTERVAL)
    )
    try:
        async with (
            open_bearers(keyring, settings, across_users) as bearers,
            _open_sign_in_providers(settings) as sign_in_providers,
        ):
            yield Context(
                settings,
                pool,
                keyring,
                bearers,
                uses,
                passwords,
                throttle,
                Revocations(across_users),
                hub,
                mailer,
                failures,
                Flights(),
                # Others get connections even while all turns of one user hold one.
                Shares(replace(_USER_TERMS, at_once=min(4, max(1, settings.pool_size // 2)))),
                Shares(_LARGE_TERMS),
                Shares(_STRANGER_TERMS),
                asyncio.Semaphore(max(1, settings.pool_size // 5)),
                sign_in_providers,
                Counter(),
            )
    finally:
        housekeeping.cancel()
        await mailer.close()
        await failures.close()
        await uses.close()
        await hub.close()
        await throttle.close()
        passwords.close()
        await pool.close()


@asynccontextmanager
async def _open_sign_in_providers(settings: Settings) -> AsyncIterator["SignInProviders | None"]:
    if settings.sign_in_providers is None:
        yield None
        return
    from duly.runtime.sign_in_providers import open_sign_in_providers  # it imports Authlib

    async with open_sign_in_providers(settings) as providers:
        yield providers


def dsn_of(settings: Settings) -> str:
    """Where the database is."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    return embedded_dsn(settings.data_dir)


def direct_dsn_of(settings: Settings) -> str:
    """Where the database is, past the pooler if there is a way: for the schema, and to listen."""
    if settings.database_direct_url is not None:
        return settings.database_direct_url.get_secret_value()
    return dsn_of(settings)
