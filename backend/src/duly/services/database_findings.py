"""What `duly doctor` finds about the database."""

from collections.abc import Iterator

from duly.core.config import Settings
from duly.core.errors import StartupError
from duly.database import migrations
from duly.database.inspection import Facts, inspect, prepared_statements_work
from duly.database.names import name_of
from duly.services.findings import Finding, ok, problem, warning
from duly.utils.sizes import readable

_SLOW = 0.02
_CLOCK_WARNING = 1.0
_CLOCK_PROBLEM = 30.0
_OLD_TRANSACTIONS = 1_500_000_000
"""PostgreSQL stops writing at two billion; autovacuum prevents it from 200 million on."""


def examine_database(settings: Settings, dsn: str, direct_dsn: str) -> Iterator[Finding]:
    """Connect to the database as Duly does, and look at it. It is not changed."""
    try:
        facts = inspect(dsn)
        direct = facts if direct_dsn == dsn else inspect(direct_dsn)
    except StartupError as error:
        yield problem("connection", str(error), "check DATABASE_URL, and that it runs")
        return
    yield from _connection(facts, name_of(dsn), settings)
    yield from _pooler(facts, direct, is_other=direct_dsn != dsn)
    yield _prepared(settings, facts, dsn)
    yield _schema(direct_dsn)
    yield _clock(facts.clock_ahead)
    yield _capacity(settings, direct, is_pooled=not facts.is_direct)
    yield from _statistics(direct)


def _connection(facts: Facts, name: str, settings: Settings) -> Iterator[Finding]:
    place = "embedded" if settings.is_embedded else name
    how = "encrypted" if facts.is_encrypted else "not encrypted"
    message = (
        f"PostgreSQL {facts.version}, {place}, {facts.round_trip * 1000:.1f} ms, "
        f"{readable(facts.size)}"
    )
    if facts.is_replica:
        yield problem("connection", f"{message}: a replica, which is read-only", "use its primary")
    elif not facts.is_local and not facts.is_encrypted:
        advice = "append sslmode=verify-full to DATABASE_URL, unless the network is trusted"
        yield warning("connection", f"{message}, {how}", advice)
    elif facts.round_trip > _SLOW:
        yield warning("connection", message, "run Duly nearer to the database: requests wait")
    else:
        yield ok("connection", message if facts.is_local else f"{message}, {how}")


def _pooler(facts: Facts, direct: Facts, *, is_other: bool) -> Iterator[Finding]:
    if is_other and facts.epoch != direct.epoch:
        yield problem(
            "pooler",
            "DATABASE_URL and DATABASE_DIRECT_URL lead to different databases",
            "let both lead to the same",
        )
    elif not direct.is_direct:
        name = "DATABASE_DIRECT_URL" if is_other else "DATABASE_URL"
        yield warning(
            "pooler",
            f"{name} leads through a pooler: event streams ask every second, and backups are not "
            "possible",
            "set DATABASE_DIRECT_URL to the host of the database itself",
        )
    elif facts.is_direct:
        yield ok("pooler", "none: the connection is direct")
    else:
        yield ok("pooler", "DATABASE_URL leads through one, DATABASE_DIRECT_URL past it")
    if not facts.is_direct and direct.check_interval == "0":
        yield warning(
            "pooler",
            "statements go on when their clients have gone",
            f"run ALTER ROLE {facts.role} SET client_connection_check_interval = '1s'",
        )


def _prepared(settings: Settings, facts: Facts, dsn: str) -> Finding:
    name, setting = "prepared statements", settings.prepared_statements
    if setting == "on" and not facts.is_direct and not prepared_statements_work(dsn):
        return problem(
            name,
            "DULY_PREPARED_STATEMENTS=on, and the pooler loses them",
            "remove the setting, or set max_prepared_statements of PgBouncer 1.21 or newer",
        )
    if setting == "off" and facts.is_direct:
        advice = "remove DULY_PREPARED_STATEMENTS: requests take longer without"
        return warning(name, "off, although the connection is direct", advice)
    is_used = setting == "on" or (setting == "auto" and facts.is_direct)
    return ok(name, "used" if is_used else "not used, because of the pooler")


def _schema(dsn: str) -> Finding:
    try:
        revision = migrations.revision_of(dsn)
    except StartupError as error:
        return problem("schema", str(error), "see docs/deployment.md, Migrations")
    newest = migrations.revisions()[-1]
    if revision is None:
        return problem("schema", "the database has no tables of Duly", "run `duly migrate`")
    if revision != newest:
        message = f"revision {revision}, and this release needs {newest}"
        return problem("schema", message, "run `duly migrate`")
    return ok("schema", f"revision {revision}, the newest")


def _clock(ahead: float) -> Finding:
    way = "ahead of" if ahead > 0 else "behind"
    message = f"the database's clock is {abs(ahead):.3f} s {way} this machine's"
    advice = "keep both clocks right with NTP: tokens and sessions expire by them"
    if abs(ahead) > _CLOCK_PROBLEM:
        return problem("clock", message, advice)
    if abs(ahead) > _CLOCK_WARNING:
        return warning("clock", message, advice)
    return ok("clock", message)


def _capacity(settings: Settings, facts: Facts, *, is_pooled: bool) -> Finding:
    needed = settings.workers * (settings.pool_size + 1)
    limit = min(facts.max_connections, facts.role_limit or facts.max_connections)
    message = f"{needed} at most for this instance, {facts.connections} open now, of {limit}"
    if needed > limit and not is_pooled:
        advice = "lower DULY_POOL_SIZE or DULY_WORKERS, or raise max_connections of the server"
        return problem("connections", message, advice)
    return ok("connections", message)


def _statistics(facts: Facts) -> Iterator[Finding]:
    tables = facts.tables
    if not facts.has_autovacuum:
        yield problem(
            "statistics",
            "autovacuum is off: tables grow, and statements become slow",
            "set autovacuum and track_counts to on in the server's configuration",
        )
    if tables.excluded:
        names = ", ".join(tables.excluded)
        advice = "run ALTER TABLE … RESET (autovacuum_enabled) for each"
        yield warning("statistics", f"autovacuum leaves out {names}", advice)
    if tables.unknown:
        names = ", ".join(tables.unknown)
        yield warning("statistics", f"never analyzed: {names}", "run ANALYZE in the database")
    if tables.bloated:
        names = ", ".join(tables.bloated)
        yield warning("statistics", f"mostly dead rows: {names}", "run VACUUM in the database")
    if facts.xid_age > _OLD_TRANSACTIONS:
        yield problem(
            "statistics",
            f"the oldest transaction number is {facts.xid_age:,} back, of 2 billion",
            "run VACUUM FREEZE in the database, before it stops writing",
        )
    if facts.has_autovacuum and not (tables.excluded or tables.unknown or tables.bloated):
        yield ok("statistics", "autovacuum is on, and all large tables are analyzed")
