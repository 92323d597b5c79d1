"""How the tables are spread over a Citus cluster: owned rows by their user, all else on every node.

A statement of one user then runs on the one node that has the user's rows. `tests/unit` holds the
schema and all statements to what that requires, without a cluster.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import Table

from duly.core.errors import StartupError
from duly.database.failures import summary
from duly.models import User, metadata
from duly.models.base import owner_column
from duly.utils.tables import table_of

_NO_CITUS = (
    "the database has no Citus: run CREATE EXTENSION citus on the coordinator and on each worker, "
    "add the workers with citus_add_node, and point DATABASE_DIRECT_URL or DATABASE_URL at the "
    "coordinator"
)
_NO_COORDINATOR = (
    "the cluster does not know its coordinator, which reads the tables that are on every node: run "
    "SELECT citus_set_coordinator_host('…') with the host that the workers reach it at"
)


class Placement(NamedTuple):
    """Where the rows of a table are: on the node of the value in `column`; on all nodes if None."""

    table: str
    column: str | None


def placements() -> Iterator[Placement]:
    """Yield where each table belongs, those that others refer to first.

    `users` is the first of all, since each spread table is placed beside it.
    """
    yield _placement(table_of(User))
    for table in metadata.sorted_tables:
        if table is not table_of(User):
            yield _placement(table)


def _placement(table: Table) -> Placement:
    """A table whose key names the owner is spread; another must be unique across users."""
    owner = owner_column(table)
    is_spread = owner is not None and owner.name in table.primary_key.columns
    return Placement(table.name, owner.name if owner is not None and is_spread else None)


def distribute(dsn: str) -> Iterator[Placement]:
    """Spread the tables that are not spread yet over the cluster, and yield each.

    Each is a transaction of its own, so a run that was interrupted continues. Raises `StartupError`
    if the server is not the coordinator of a Citus cluster, or rejects a statement.
    """
    try:
        with psycopg.connect(dsn, autocommit=True) as connection:
            _check(connection)
            done = {
                name for (name,) in connection.execute("SELECT table_name::text FROM citus_tables")
            }
            for placement in placements():
                if placement.table not in done:
                    _place(connection, placement)
                    yield placement
    except psycopg.Error as error:
        raise StartupError(f"the cluster rejected a statement: {summary(error)}") from None


def _check(connection: psycopg.Connection[Any]) -> None:
    if not connection.execute("SELECT 1 FROM pg_extension WHERE extname = 'citus'").fetchone():
        raise StartupError(_NO_CITUS)
    if not connection.execute("SELECT 1 FROM pg_dist_node WHERE groupid = 0").fetchone():
        raise StartupError(_NO_COORDINATOR)


def _place(connection: psycopg.Connection[Any], placement: Placement) -> None:
    table, column = placement
    if column is None:
        connection.execute("SELECT create_reference_table(%s)", [table])
    elif table == User.__tablename__:
        connection.execute("SELECT create_distributed_table(%s, %s)", [table, column])
    else:
        connection.execute(
            "SELECT create_distributed_table(%s, %s, colocate_with => %s)",
            [table, column, User.__tablename__],
        )
