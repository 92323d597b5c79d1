"""The files that a release reads and changes."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import yaml

_HEADING = re.compile(r"^## \[(\d+\.\d+\.\d+)\]", re.MULTILINE)
_UNRELEASED = "## [Unreleased]\n"
_VERSION = re.compile(r'^version = "(.+)"$', re.MULTILINE)


class Sources:
    """The files, in a repository at `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._project = root / "backend" / "pyproject.toml"
        self._changelog = root / "CHANGELOG.md"
        self._api = root / "docs" / "openapi.yaml"
        self._released_api = root / "docs" / "openapi-released.yaml"

        self._before: dict[Path, bytes | None] = {}

    @property
    def changed(self) -> list[str]:
        """The paths of the files that the release has changed."""
        return [str(file) for file in self._before]

    def version(self) -> str:
        """Return the version of the project."""
        found = _VERSION.search(self._project.read_text())
        assert found is not None
        return found[1]

    def last_release(self) -> str | None:
        """Return the version of the last release; None before the first."""
        found = _HEADING.search(self._changelog.read_text())
        return None if found is None else found[1]

    def api(self) -> Any:
        """Return the description of the API."""
        return yaml.load(self._api.read_text(), yaml.CSafeLoader)  # a safe loader, in C

    def released_api(self) -> Any:
        """Return the description of the API of the last release; None before the first."""
        if not self._released_api.exists():
            return None
        return yaml.load(self._released_api.read_text(), yaml.CSafeLoader)  # as above

    def unreleased_notes(self) -> str:
        """Return what the changelog says of changes that are not released; empty if it says nothing."""
        _, _, rest = self._changelog.read_text().partition(_UNRELEASED)
        return _HEADING.split(rest)[0].strip()

    def set_release(self, version: str, day: date) -> None:
        """Set the version, date the notes, and keep the description of the API."""
        for file in (self._project, self._changelog, self._released_api):
            self._before[file] = file.read_bytes() if file.exists() else None
        project = self._project.read_text()
        self._project.write_text(_VERSION.sub(f'version = "{version}"', project, count=1))
        notes = self._changelog.read_text()
        heading = f"{_UNRELEASED}\n## [{version}] - {day.isoformat()}\n"
        self._changelog.write_text(notes.replace(_UNRELEASED, heading, 1))
        self._released_api.write_bytes(self._api.read_bytes())

    def undo_release(self) -> None:
        """Write the files as they were before `set_release`."""
        for file, content in self._before.items():
            if content is None:
                file.unlink(missing_ok=True)
            else:
                file.write_bytes(content)
