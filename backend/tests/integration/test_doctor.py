"""`duly doctor`: what it finds, what it advises, and its exit status."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from duly.database import embedded, inspection, migrations
from duly.services import database_findings
from tests.integration.test_redis import Redis
from tests.support.command_line import Ended, duly
from tests.support.databases import fresh_database, migrated_database
from tests.support.issuers import issuing, table, write_issuers, write_tables
from tests.support.lying_provider import lying_provider
from tests.support.postbox import postbox
from tests.support.previous_release import insert_tasks, insert_user
from tests.support.programs import free_port, processes_of
from tests.support.small_disks import small_disk_or_skip

pytestmark = pytest.mark.usefixtures("commanded")

Findings = dict[str, list[tuple[str, str, str | None]]]


@pytest.fixture
def own(dsn: str, commanded: pytest.MonkeyPatch) -> Iterator[str]:
    """The database of the commands, migrated and without rows."""
    with migrated_database(dsn) as own:
        commanded.setenv("DATABASE_URL", own)
        yield own


def examined(status: int = 0) -> Findings:
    """What the command finds, by the part that it is about: status, message and advice."""
    ended = duly("doctor", "--json")
    assert (ended.status, ended.stderr) == (status, ""), ended
    shown = json.loads(ended.stdout)
    statuses = {finding["status"] for finding in shown["findings"]}
    expected = next((one for one in ("problem", "warning") if one in statuses), "ok")
    assert shown["status"] == expected
    assert (expected == "problem") == (status == 1)
    found: Findings = {}
    for one in shown["findings"]:
        assert (one["status"] == "ok") == (one["advice"] is None)
        finding = (one["status"], one["message"], one["advice"])
        found.setdefault(one["check"], []).append(finding)
    return found


def the(found: Findings, check: str) -> tuple[str, str, str | None]:
    """The only finding about a part."""
    (finding,) = found[check]
    return finding


@pytest.mark.usefixtures("own")
def test_sound_installation_has_no_findings_to_act_on() -> None:
    found = examined()

    assert {status for findings in found.values() for status, _, _ in findings} == {"ok"}
    assert [*found] == [
        "settings",
        "secret key",
        "temporary files",
        "connection",
        "pooler",
        "prepared statements",
        "schema",
        "clock",
        "connections",
        "statistics",
    ]
    assert the(found, "connection")[1].startswith("PostgreSQL 18.")


@pytest.mark.usefixtures("own")
def test_each_finding_is_a_line_that_says_what_to_do(commanded: pytest.MonkeyPatch) -> None:
    commanded.setenv("DULY_PREPARED_STATEMENTS", "off")

    ended = duly("doctor")

    assert ended.status == 0
    lines = ended.stdout.splitlines()
    assert len(lines) == 10
    (line,) = [line for line in lines if not line.startswith("ok ")]
    assert line == (
        "warning  prepared statements  off, although the connection is direct "
        "→ remove DULY_PREPARED_STATEMENTS: requests take longer without"
    )


def test_invalid_setting_is_a_problem(commanded: pytest.MonkeyPatch) -> None:
    commanded.setenv("DULY_PORT", "many")

    assert the(examined(1), "settings")[1] == "DULY_PORT: must be a whole number from 1 to 65535"


@pytest.mark.usefixtures("own")
def test_unknown_setting_and_readable_file_are_warnings(
    commanded: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commanded.setenv("DULY_PROT", "80")
    (tmp_path / ".env").write_text("")
    (tmp_path / ".env").chmod(0o640)

    assert examined()["settings"] == [
        ("warning", "DULY_PROT is not a setting, and ignored", "rename it to DULY_PORT"),
        ("warning", ".env can be read by other users", "run `chmod 600 .env`"),
    ]


def test_database_that_cannot_be_reached_is_a_problem(commanded: pytest.MonkeyPatch) -> None:
    commanded.setenv("DATABASE_URL", f"postgresql://duly:plugh@127.0.0.1:{free_port()}/duly")

    ended: Ended = duly("doctor")

    assert ended.status == 1
    assert "problem  connection           the database cannot be reached: " in ended.stdout
    assert "plugh" not in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("revision", "message"),
    [
        (None, "the database has no tables of Duly"),
        ("0019", "revision 0019, and this release needs 0021"),
    ],
)
def test_schema_that_is_not_current_is_a_problem(
    dsn: str, commanded: pytest.MonkeyPatch, revision: str | None, message: str
) -> None:
    with fresh_database(dsn) as empty:
        commanded.setenv("DATABASE_URL", empty)
        if revision:
            migrations.upgrade(empty, revision)

        assert the(examined(1), "schema") == ("problem", message, "run `duly migrate`")


def test_schema_of_a_newer_release_is_a_problem(own: str) -> None:
    with psycopg.connect(own) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9000'")

    assert "which is newer than" in the(examined(1), "schema")[1]


# Poolers


@pytest.fixture
def pooled(own: str, through_pooler: str) -> str:
    """The commands' database through PgBouncer."""
    return through_pooler.replace("/duly?", f"/{conninfo_to_dict(own)['dbname']}?")


def test_pooler_without_a_way_past_it_is_a_warning(
    pooled: str, commanded: pytest.MonkeyPatch
) -> None:
    commanded.setenv("DATABASE_URL", pooled)

    found = examined()

    assert the(found, "pooler")[0] == "warning"
    assert "set DATABASE_DIRECT_URL" in str(the(found, "pooler")[2])
    assert the(found, "prepared statements")[1] == "not used, because of the pooler"


def test_direct_url_past_the_pooler_is_what_it_should_be(
    own: str, pooled: str, commanded: pytest.MonkeyPatch
) -> None:
    commanded.setenv("DATABASE_URL", pooled)
    commanded.setenv("DATABASE_DIRECT_URL", own)
    assert the(examined(), "pooler")[0] == "ok"

    never = "options=-c%20client_connection_check_interval%3D0"
    commanded.setenv("DATABASE_DIRECT_URL", f"{own}&{never}")

    finding = examined()["pooler"][-1]
    assert finding[2] == "run ALTER ROLE duly SET client_connection_check_interval = '1s'"


def test_direct_url_of_another_database_is_a_problem(
    dsn: str, pooled: str, commanded: pytest.MonkeyPatch
) -> None:
    commanded.setenv("DATABASE_URL", pooled)
    with migrated_database(dsn) as other:
        commanded.setenv("DATABASE_DIRECT_URL", other)
        with psycopg.connect(other) as connection:
            connection.execute("UPDATE installations SET epoch = gen_random_uuid()")

        assert "lead to different databases" in examined(1)["pooler"][0][1]


def test_prepared_statements_that_the_pooler_loses_are_a_problem(
    pooled: str, commanded: pytest.MonkeyPatch
) -> None:
    commanded.setenv("DATABASE_URL", pooled)
    commanded.setenv("DULY_PREPARED_STATEMENTS", "on")

    assert "the pooler loses them" in the(examined(1), "prepared statements")[1]


@pytest.mark.usefixtures("own")
def test_prepared_statements_on_a_direct_connection_are_fine(
    own: str, commanded: pytest.MonkeyPatch
) -> None:
    assert inspection.prepared_statements_work(own)
    commanded.setenv("DULY_PREPARED_STATEMENTS", "on")

    assert the(examined(), "prepared statements") == ("ok", "used", None)


# The clock, the connections, and statistics


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("seconds", "status", "way"),
    [(0.5, "ok", "behind"), (5, "warning", "behind"), (-5, "warning", "ahead of")],
)
def test_clock_that_differs_from_the_database_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, seconds: float, status: str, way: str
) -> None:
    set_clock(monkeypatch, seconds)

    found = the(examined(), "clock")

    assert found[0] == status
    assert f" s {way} this machine's" in found[1]
    assert abs(float(found[1].split("clock is ")[1].split(" s ")[0]) - abs(seconds)) < 0.3


@pytest.mark.usefixtures("own")
def test_clock_that_is_off_by_a_minute_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, 60)

    assert the(examined(1), "clock")[0] == "problem"


def set_clock(monkeypatch: pytest.MonkeyPatch, ahead: float) -> None:
    """Let this machine's clock be ahead of the database's."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.now(tz) + timedelta(seconds=ahead)

    monkeypatch.setattr(inspection, "datetime", Clock)


@pytest.mark.usefixtures("own")
def test_more_connections_than_the_server_has_are_a_problem(
    commanded: pytest.MonkeyPatch,
) -> None:
    commanded.setenv("DULY_WORKERS", "20")

    assert "220 at most for this instance" in the(examined(1), "connections")[1]


def test_tables_without_statistics_are_a_warning_until_they_are_analyzed(own: str) -> None:
    with psycopg.connect(own, autocommit=True) as connection:
        connection.execute("ALTER TABLE tasks SET (autovacuum_enabled = false)")
        insert_tasks(connection, insert_user(connection), 3_000)
        connection.execute("SELECT pg_stat_force_next_flush()")

    assert examined()["statistics"] == [
        (
            "warning",
            "autovacuum leaves out tasks",
            "run ALTER TABLE … RESET (autovacuum_enabled) for each",
        ),
        ("warning", "never analyzed: tasks", "run ANALYZE in the database"),
    ]
    with psycopg.connect(own, autocommit=True) as connection:
        connection.execute("ALTER TABLE tasks RESET (autovacuum_enabled)")
        connection.execute("ANALYZE")
        connection.execute("SELECT pg_stat_force_next_flush()")
    assert the(examined(), "statistics")[0] == "ok"


def test_dead_rows_are_a_warning(own: str) -> None:
    with psycopg.connect(own, autocommit=True) as connection:
        connection.execute("ALTER TABLE tasks SET (autovacuum_enabled = false)")
        insert_tasks(connection, insert_user(connection), 11_000)
        connection.execute("DELETE FROM tasks")
        connection.execute("SELECT pg_stat_force_next_flush()")

    found = [(finding[1], finding[2]) for finding in examined()["statistics"]]

    assert ("mostly dead rows: tasks", "run VACUUM in the database") in found


def test_disabled_autovacuum_is_a_problem(own: str, commanded: pytest.MonkeyPatch) -> None:
    commanded.setenv("DATABASE_URL", f"{own}&options=-c%20track_counts%3Doff")

    assert the(examined(1), "statistics")[1].startswith("autovacuum is off")


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("changes", "check", "status", "words"),
    [
        ({"is_replica": True}, "connection", "problem", "a replica, which is read-only"),
        ({"is_local": False}, "connection", "warning", "not encrypted"),
        ({"is_local": False, "is_encrypted": True}, "connection", "ok", ", encrypted"),
        ({"round_trip": 0.05}, "connection", "warning", "50.0 ms"),
        ({"role_limit": 5}, "connections", "problem", "of 5"),
        ({"xid_age": 1_600_000_000}, "statistics", "problem", "1,600,000,000 back"),
    ],
)
def test_facts_that_need_attention_are_found(
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    check: str,
    status: str,
    words: str,
) -> None:
    # As another server would have them.
    monkeypatch.setattr(
        database_findings, "inspect", lambda dsn: replace(inspection.inspect(dsn), **changes)
    )

    finding = examined(int(status == "problem"))[check][0]

    assert finding[0] == status
    assert words in finding[1]


# The data directory


@pytest.fixture
def embedded_only(commanded: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The data directory of commands that have no other database."""
    commanded.delenv("DATABASE_URL")
    commanded.delenv("DULY_SECRET_KEY")
    commanded.setenv("DULY_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def test_missing_data_directory_is_a_problem_and_is_not_created(embedded_only: Path) -> None:
    found = examined(1)

    assert "there is no database in" in the(found, "connection")[1]
    assert the(found, "secret key")[1] == "none yet; the first start creates one"
    assert not embedded_only.exists()


@pytest.mark.slow
def test_stopped_embedded_database_is_started_to_be_examined(embedded_only: Path) -> None:
    with embedded.running(embedded_only) as dsn:
        migrations.upgrade(dsn, "0019")

    found = examined(1)

    assert ", embedded, " in the(found, "connection")[1]
    assert the(found, "schema")[0] == "problem"  # it was not migrated
    assert the(found, "disk")[0] in {"ok", "warning"}
    assert processes_of(embedded_only) == []


@pytest.mark.parametrize(
    ("secret", "mode", "message"),
    [
        ("abcdefgh" * 8, 0o600, "easy to guess"),
        ("xyzzy", 0o600, "shorter than 32 bytes"),
        ("0f6a41ce2b7d9853c4e1907fa82b36d5710c9be4", 0o644, "other users can read it"),
    ],
)
def test_weak_or_readable_key_is_a_problem(
    embedded_only: Path, secret: str, mode: int, message: str
) -> None:
    embedded_only.mkdir()
    file = embedded_only / "secret_key"
    file.write_text(secret)
    file.chmod(mode)

    found = examined(1)["secret key"]

    assert (found[-1][0], message in found[-1][1]) == ("problem", True)
    assert secret not in str(found)


def test_full_disk_is_a_problem(embedded_only: Path) -> None:
    with small_disk_or_skip(embedded_only, "1m"):
        found = the(examined(1), "disk")

    assert found[0] == "problem"
    assert "MB free of 1.05 MB" in found[1]


# Other services


def set_mail(commanded: pytest.MonkeyPatch, url: str) -> None:
    commanded.setenv("DULY_SMTP_URL", url)
    commanded.setenv("DULY_MAIL_FROM", "duly@example.org")
    commanded.setenv("DULY_PUBLIC_URL", "https://duly.example.org")


@pytest.mark.usefixtures("own")
def test_mail_server_is_asked_and_gets_no_mail(commanded: pytest.MonkeyPatch) -> None:
    with postbox() as box:
        set_mail(commanded, f"smtp://127.0.0.1:{box.port}")
        assert the(examined(), "mail")[:2] == ("ok", f"127.0.0.1:{box.port} accepts connections")
        assert box.messages == []

    finding = the(examined(1), "mail")

    assert finding[0] == "problem"
    assert "check DULY_SMTP_URL" in str(finding[2])


@pytest.mark.usefixtures("own")
def test_issuers_and_providers_are_asked(commanded: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with issuing("ES256") as issuer:
        file = write_issuers(tmp_path / "issuers.toml", table(issuer))
        commanded.setenv("DULY_ISSUERS", str(file))
        assert the(examined(), "issuers")[:2] == ("ok", f"{issuer.url}: 1 keys")

    finding = the(examined(1), "issuers")

    assert finding[0] == "problem"
    assert finding[1].startswith(f"{issuer.url}: ")


@pytest.mark.usefixtures("own")
def test_issuer_without_a_usable_key_is_a_problem(
    commanded: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with issuing("ES256") as issuer:
        file = write_issuers(tmp_path / "issuers.toml", table(issuer, algorithms=["RS256"]))
        commanded.setenv("DULY_ISSUERS", str(file))

        assert the(examined(1), "issuers")[1] == f"{issuer.url}: no usable key"


@pytest.mark.usefixtures("own")
def test_sign_in_providers_are_asked(commanded: pytest.MonkeyPatch, tmp_path: Path) -> None:
    commanded.setenv("DULY_PUBLIC_URL", "https://duly.example.org")
    with lying_provider() as provider:
        file = write_tables(tmp_path / "providers.toml", "provider", provider.table())
        commanded.setenv("DULY_SIGN_IN_PROVIDERS", str(file))
        assert the(examined(), "sign-in providers")[0] == "ok"

    assert the(examined(1), "sign-in providers")[0] == "problem"


@pytest.mark.usefixtures("own")
def test_rate_limits_in_a_redis_are_asked(commanded: pytest.MonkeyPatch) -> None:
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed: see scripts/install-test-tools")
    redis = Redis(program)
    commanded.setenv("DULY_RATE_LIMIT_STORAGE", redis.url.get_secret_value())
    try:
        assert the(examined(), "rate limits")[0] == "ok"
    finally:
        redis.stop()

    finding = the(examined(1), "rate limits")

    assert finding[0] == "problem"
    assert "plugh" not in str(finding)
