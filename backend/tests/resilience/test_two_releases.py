"""Two releases on one database: what an upgrade and the way back rest on.

The former release is real code: the previous release, and the last commit before the newest
migration, from the history of the repository. Without that history, its recorded statements remain.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from duly.database import migrations
from tests.support import servers
from tests.support.databases import fresh_database
from tests.support.previous_release import PREVIOUS
from tests.support.previous_statements import recorded
from tests.support.programs import free_port, run, the_line
from tests.support.releases import (
    COMMIT,
    Device,
    NoHistory,
    Release,
    before_newest_migration,
    serving,
    unpack,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["previous release", "before the newest migration"])
def former(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Release:
    directory = tmp_path_factory.mktemp("former")
    try:
        is_release = request.param == "previous release"
        return unpack(COMMIT if is_release else before_newest_migration(), directory)
    except NoHistory as error:
        pytest.skip(f"this checkout has no history of former releases: {error}")


@pytest.fixture
def database(dsn: str, former: Release) -> Iterator[str]:
    """A database with the schema of the former release."""
    with fresh_database(dsn) as own:
        migrations.upgrade(own, former.revision)
        yield own


def test_former_release_serves_through_an_upgrade_and_back(
    former: Release, database: str, tmp_path: Path
) -> None:
    with serving(former, database, tmp_path / "log") as old, Device(old) as device:
        device.use(old)

        migrations.upgrade(database)
        device.use(old)
        with servers.serving(database, workers=1) as new:
            for url in (new.url, old, new.url):
                device.use(url)
        migrations.complete(database)

        migrations.downgrade(database, former.revision)
        device.use(old)
        device.delete_account()
    assert '"level":"error"' not in (tmp_path / "log").read_text()


def test_former_release_does_not_start_on_the_new_schema(
    former: Release, database: str, tmp_path: Path
) -> None:
    migrations.upgrade(database)

    with pytest.raises(AssertionError) as refused, serving(former, database, tmp_path / "log"):
        pass

    assert f"revision {migrations.newest_revision()}, which is newer" in str(refused.value)


def test_new_release_does_not_start_on_the_former_schema(database: str, tmp_path: Path) -> None:
    settings = {"DATABASE_URL": database, "DULY_SECRET_KEY": servers.SECRET}

    line = the_line(run("serve", data_dir=tmp_path / "data", DULY_PORT=free_port(), **settings))

    assert line == (
        "duly: the database schema is out of date; run `duly migrate` or set "
        "DULY_MIGRATE_AT_START=true"
    )


def failures(dsn: str) -> list[str]:
    """Run the recorded statements of the previous release; return the errors."""
    found = []
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in recorded():
            try:
                connection.execute(statement.encode())
            except psycopg.Error as error:
                found.append(str(error))
                with suppress(psycopg.Error):
                    connection.execute("DEALLOCATE one")
    return found


@pytest.fixture(params=[PREVIOUS, "head"])
def schema(request: pytest.FixtureRequest, dsn: str) -> Iterator[str]:
    with fresh_database(dsn) as own:
        migrations.upgrade(own, request.param)
        yield own


def test_statements_of_the_previous_release_run_on_its_schema_and_the_newest(schema: str) -> None:
    assert len(recorded()) > 40
    assert failures(schema) == []


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE tasks DROP COLUMN description",
        "ALTER TABLE labels RENAME COLUMN name TO title",
        "ALTER TABLE tombstones RENAME TO graves",
        "ALTER TABLE tasks ADD COLUMN mood text NOT NULL",
        "ALTER TABLE tasks ADD CHECK (description IS NULL)",
        "ALTER TABLE sessions ALTER COLUMN id TYPE text",
    ],
)
def test_statements_notice_a_change_that_the_previous_release_does_not_know(
    dsn: str, change: str
) -> None:
    with fresh_database(dsn) as own:
        migrations.upgrade(own)
        with psycopg.connect(own, autocommit=True) as connection:
            connection.execute(change.encode())

        assert failures(own)
