"""`duly cluster distribute`, where there is no cluster. `DULY_TEST_CLUSTER` runs tests on one."""

import pytest

from tests.support.command_line import duly


@pytest.mark.usefixtures("commanded")
def test_a_database_without_citus_is_left_alone() -> None:
    ended = duly("cluster", "distribute")

    assert ended.line.startswith("duly: the database has no Citus: run CREATE EXTENSION citus")


def test_the_embedded_database_cannot_be_spread(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("DULY_DATA_DIR", str(tmp_path_factory.mktemp("data")))

    ended = duly("cluster", "distribute")

    assert ended.status == 1
    assert "duly: the embedded database is one server: set DATABASE_URL" in ended.stderr
