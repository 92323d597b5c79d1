"""The checks and files of `make release`, and that the API breaks no client of the last release."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from release.artifacts import web_components
from release.checks import Refused, allows_breaking_changes, check_api, check_order
from release.sources import Sources
from tests.unit.test_openapi_changes import BASE, changed, get, note

ROOT = Path(__file__).parents[3]
NOTES = "### Added\n\n- Notes.\n"

Repository = Callable[..., Sources]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A function that writes the files of a repository, with one release or none."""

    def write(
        version: str = "1.2.0",
        *,
        last: str | None = "1.2.0",
        api: Any = BASE,
        notes: str = NOTES,
    ) -> Sources:
        for name in ("backend", "docs"):
            (tmp_path / name).mkdir()
        project = f'[project]\nname = "notes"\nversion = "{version}"\n'
        (tmp_path / "backend" / "pyproject.toml").write_text(project)
        released = "" if last is None else f"\n## [{last}] - 2026-01-31\n\n- The first.\n"
        changelog = f"# Changelog\n\n## [Unreleased]\n\n{notes}{released}"
        (tmp_path / "CHANGELOG.md").write_text(changelog)
        (tmp_path / "docs" / "openapi.yaml").write_text(yaml.safe_dump(api))
        if last is not None:
            released_api = tmp_path / "docs" / "openapi-released.yaml"
            released_api.write_text(yaml.safe_dump(BASE))
        return Sources(tmp_path)

    return write


def test_api_breaks_no_client_of_the_last_release() -> None:
    """If this fails, undo the change, or raise the version in pyproject.toml as it says."""
    sources = Sources(ROOT)

    check_api(sources, sources.version())


def test_first_release_has_nothing_to_compare(repository: Repository) -> None:
    sources = repository("0.1.0", last=None)

    check_order(sources, "0.1.0")
    assert check_api(sources, "0.1.0") == []


def test_last_release_without_its_description_is_refused(repository: Repository) -> None:
    sources = repository()
    (sources.root / "docs" / "openapi-released.yaml").unlink()

    with pytest.raises(Refused, match=r"openapi-released\.yaml"):
        check_api(sources, "1.3.0")


def test_breaking_change_needs_a_greater_major_version(repository: Repository) -> None:
    sources = repository(api=changed(lambda d: note(d)["properties"].pop("text")))

    with pytest.raises(Refused) as refused:
        check_api(sources, "1.3.0")
    assert "1.3.0 must have a greater major version than 1.2.0" in str(refused.value)
    assert "breaking    Note in responses.text: was removed" in str(refused.value)
    assert len(check_api(sources, "2.0.0")) == 1


def test_compatible_change_is_listed(repository: Repository) -> None:
    sources = repository(api=changed(lambda d: d["paths"].update({"/more": {"get": get(d)}})))

    assert [str(change) for change in check_api(sources, "1.2.1")] == [
        "compatible  GET /more: was added"
    ]


@pytest.mark.parametrize(
    ("last", "version", "is_allowed"),
    [
        ("1.2.0", "1.3.0", False),
        ("1.2.0", "1.2.1", False),
        ("1.9.0", "2.0.0", True),
        ("0.1.0", "0.1.1", False),
        ("0.1.9", "0.2.0", True),
        ("0.9.0", "1.0.0", True),
    ],
)
def test_greater_major_version_may_break_clients(
    last: str, version: str, is_allowed: bool
) -> None:
    assert allows_breaking_changes(last, version) is is_allowed


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("1.2.0", "1.2.0 does not follow 1.2.0, the last release"),
        ("1.1.9", "1.1.9 does not follow 1.2.0, the last release"),
        ("1.3.0", "the project has the version 2.0.0 already"),
        ("1.3", "'1.3' is not a version such as 1.2.0"),
        ("v2.0.0", "'v2.0.0' is not a version such as 1.2.0"),
        ("02.0.0", "'02.0.0' is not a version such as 1.2.0"),
    ],
)
def test_version_out_of_order_is_refused(
    repository: Repository, version: str, reason: str
) -> None:
    with pytest.raises(Refused, match=f"^{reason}$"):
        check_order(repository("2.0.0"), version)


def test_versions_are_compared_as_numbers(repository: Repository) -> None:
    check_order(repository("1.9.0", last="1.9.0"), "1.10.0")


def test_release_without_notes_is_refused(repository: Repository) -> None:
    with pytest.raises(Refused, match="nothing under Unreleased"):
        check_order(repository(notes=""), "1.3.0")


def test_release_sets_the_version_dates_the_notes_and_keeps_the_api(
    repository: Repository,
) -> None:
    edited = changed(lambda d: d["paths"].update({"/more": {"get": get(d)}}))
    sources = repository(api=edited)

    sources.set_release("1.3.0", date(2026, 11, 28))

    assert (sources.version(), sources.last_release()) == ("1.3.0", "1.3.0")
    assert sources.released_api() == edited
    assert sources.unreleased_notes() == ""
    changelog = (sources.root / "CHANGELOG.md").read_text()
    assert f"## [Unreleased]\n\n## [1.3.0] - 2026-11-28\n\n{NOTES}" in changelog
    assert "## [1.2.0] - 2026-01-31" in changelog


def test_release_that_fails_leaves_the_files_as_they_were(repository: Repository) -> None:
    sources = repository("0.1.0", last=None)
    before = {file: file.read_bytes() for file in sources.root.rglob("*.*") if file.is_file()}

    sources.set_release("0.1.0", date(2026, 11, 28))
    sources.undo_release()

    after = {file: file.read_bytes() for file in sources.root.rglob("*.*") if file.is_file()}
    assert after == before


def test_packages_of_the_web_app_are_described_without_those_of_its_build() -> None:
    lock = json.loads((ROOT / "frontend" / "package-lock.json").read_text())
    wanted = json.loads((ROOT / "frontend" / "package.json").read_text())

    found = {component["name"]: component for component in web_components(lock)}

    assert wanted["dependencies"].keys() <= found.keys()
    assert not wanted["devDependencies"].keys() & found.keys()
    preact = found["preact"]
    assert preact["purl"] == f"pkg:npm/preact@{wanted['dependencies']['preact']}"
    assert len(preact["hashes"][0]["content"]) == 128  # SHA-512 in hexadecimal


def test_tree_with_changes_is_not_released(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    subprocess.run(["git", "clone", "--quiet", ROOT, copy], check=True)
    (copy / "CHANGELOG.md").write_text("changed")
    code = (
        "import sys, release.__main__ as main\n"
        "from pathlib import Path\n"
        "main.ROOT = Path(sys.argv.pop(1))\n"
        "main.main()\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, copy, "9.0.0", "--dry"],
        cwd=ROOT / "backend",
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr == "Not released: the tree has changes; commit them first\n"
