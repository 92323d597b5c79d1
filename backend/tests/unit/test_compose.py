"""`compose.yaml`: which settings reach the service, and which it sets itself."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from duly.core.config import Settings, environment_name, load_settings

ROOT = Path(__file__).parents[3]
OWN = {
    "DATABASE_URL",
    "DATABASE_DIRECT_URL",
    "DULY_SECRET_KEY",
    "DULY_MIGRATE_AT_START",
    "DULY_HOST",
    "DULY_PORT",
    "DULY_DATA_DIR",
}
"""What compose sets; everything else is passed on from `.env`."""


@pytest.fixture
def service() -> dict[str, Any]:
    composed = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return dict(composed["services"]["duly"])


def test_every_other_setting_of_the_env_file_reaches_the_service(service: dict[str, Any]) -> None:
    assert service["env_file"] == [{"path": ".env", "required": False}]
    assert set(service["environment"]) == OWN
    assert {environment_name(field) for field in Settings.model_fields} > OWN


def test_values_that_compose_sets_are_valid_and_fit_each_other(
    service: dict[str, Any], clean_environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clean_environment.chdir(tmp_path)
    given = {
        "POSTGRES_PASSWORD": "0123456789abcdef",
        "DULY_SECRET_KEY": "0f6a41ce2b7d9853c4e1907fa82b36d5710c9be4f3628da5e07b14c98d52f6a3",
    }
    for name, value in service["environment"].items():
        filled = re.sub(r"\$\{(\w+)[^}]*\}", lambda match: given[match[1]], value)
        clean_environment.setenv(name, filled)

    settings = load_settings()

    assert not settings.is_embedded
    assert settings.database_direct_url is None
    assert settings.migrate_at_start
    assert settings.host == "0.0.0.0"
    # The port that is published, and that the health check of the image asks.
    assert [port.rpartition(":")[2] for port in service["ports"]] == [str(settings.port)]


def test_documentation_names_what_compose_sets(service: dict[str, Any]) -> None:
    text = (ROOT / "docs" / "deployment.md").read_text()
    section = text[text.index("## Docker and compose") : text.index("## Neon")]

    assert not [name for name in service["environment"] if f"`{name}`" not in section]


def test_compose_itself_passes_the_env_file_on(tmp_path: Path) -> None:
    docker = shutil.which("docker")
    version = [str(docker), "compose", "version"]
    if docker is None or subprocess.run(version, capture_output=True, check=False).returncode:
        pytest.skip("docker compose is not installed")
    shutil.copy(ROOT / "compose.yaml", tmp_path)
    (tmp_path / ".env").write_text(
        "POSTGRES_PASSWORD=abc123\nDULY_SECRET_KEY=key\nDULY_CORS_ORIGINS=https://a.example\n"
        "DULY_PORT=9000\nDATABASE_URL=postgresql://elsewhere/duly\n"
    )

    shown = subprocess.run(
        [docker, "compose", "config", "--format=json"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )

    service = json.loads(shown.stdout)["services"]["duly"]
    assert service["environment"]["DULY_CORS_ORIGINS"] == "https://a.example"
    assert service["environment"]["DULY_PORT"] == "8000"
    assert service["environment"]["DATABASE_URL"].endswith("@database:5432/duly")
    assert service["ports"][0]["published"] == "9000"
