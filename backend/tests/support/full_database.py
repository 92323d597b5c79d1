"""An embedded database with so many tasks that a backup takes a while."""

from pathlib import Path

import psycopg

from duly.database.embedded import embedded_dsn
from tests.support.previous_release import insert_tasks, insert_user

MANY = 40_000


def fill(data_dir: Path) -> None:
    """Add an account with `MANY` tasks to a running database."""
    with psycopg.connect(embedded_dsn(data_dir)) as connection:
        insert_tasks(connection, insert_user(connection), MANY)
