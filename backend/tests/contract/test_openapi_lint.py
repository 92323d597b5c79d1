"""Public linters find nothing in the schema, with every rule that they have but a few."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from duly.core.config import Settings
from duly.main import create_app
from tests.support.typescript import CLIENTS, MODULES, run

pytestmark = pytest.mark.skipif(
    not MODULES.exists(), reason="the npm tools are not installed: run `make test`"
)


def redocly(file: Path) -> None:
    run("redocly", "lint", file, "--config", CLIENTS / "redocly.yaml", directory=CLIENTS)


def spectral(file: Path) -> None:
    ruleset = CLIENTS / ".spectral.yaml"
    run("spectral", "lint", file, "--ruleset", ruleset, "--fail-severity=hint", directory=CLIENTS)


@pytest.mark.slow
@pytest.mark.parametrize("lint", [redocly, spectral])
def test_linter_finds_nothing(
    lint: Callable[[Path], None], settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(create_app(settings).openapi()))

    lint(file)


def test_lock_pins_every_package_by_its_hash_and_names_no_address() -> None:
    text = (CLIENTS / "package-lock.json").read_text()
    packages = json.loads(text)["packages"]

    assert "resolved" not in text
    assert all(
        package["integrity"].startswith("sha512-") for name, package in packages.items() if name
    )
