"""The SBOM of a release names what the lock file installs."""

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from release.artifacts import describe
from tests.support.documents import ROOT

pytestmark = pytest.mark.slow
ENVIRONMENT = ROOT / "backend" / ".venv"


def locked(lock: Path) -> set[str]:
    """The packages of a lock file that this system installs, as name and version."""
    lines = re.findall(r"^\w.*==[^\\\n]*", lock.read_text(encoding="utf-8"), re.MULTILINE)
    found = [Requirement(line.strip()) for line in lines]
    return {
        f"{canonicalize_name(one.name)} {next(iter(one.specifier)).version}"
        for one in found
        if one.marker is None or one.marker.evaluate()
    }


def test_sbom_names_each_dependency_of_the_lock_file() -> None:
    if not (ROOT / "backend" / ".venv-sbom" / "stamp").exists():
        pytest.skip("the generator is not installed: run `make backend/.venv-sbom/stamp`")

    document = describe(ROOT, ENVIRONMENT)

    named = {
        f"{canonicalize_name(one['name'])} {one['version']}" for one in document["components"]
    }
    expected = locked(ROOT / "backend" / "requirements.lock")
    assert len(expected) > 40
    assert expected <= named, expected - named
