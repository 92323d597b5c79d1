"""The files of a release: its wheel works, and its SBOM names what the lock file installs."""

import re
import subprocess
import tempfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from release.artifacts import describe, install, try_wheel
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


def test_wheel_works_in_an_empty_environment() -> None:
    with tempfile.TemporaryDirectory(prefix="duly-release-") as name:
        directory = Path(name)
        directory.chmod(0o755)  # the database of root runs as another user
        subprocess.run(["make", "wheel", f"DIST={directory}"], cwd=ROOT, check=True)
        [wheel] = directory.glob("duly-*.whl")
        environment = directory / "venv"

        install(ROOT, wheel, environment)

        try_wheel(environment, directory, version=wheel.name.split("-")[1])
