"""The checks that a version must pass before it is released."""

import re

from release.openapi_changes import compare
from release.schema_changes import Change
from release.sources import Sources

_FORM = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")

Version = tuple[int, int, int]


class Refused(Exception):
    """The version cannot be released; the message is the reason."""


def read_version(text: str) -> Version:
    """Return the parts of a version. Raise `Refused` if it is not one."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise Refused(f"{text!r} is not a version such as 1.2.0")
    major, minor, patch = found.groups()
    return int(major), int(minor), int(patch)


def allows_breaking_changes(last: str, version: str) -> bool:
    """Whether a version may break clients of the last one: its major version is greater, or, before
    1.0, its minor version.
    """
    before, after = read_version(last), read_version(version)
    length = 2 if before[0] == 0 else 1
    return after[:length] > before[:length]


def check_order(sources: Sources, version: str) -> None:
    """Raise `Refused` if the version does not follow the last one, or there is nothing new."""
    last, current = sources.last_release(), sources.version()
    if last is not None and read_version(version) <= read_version(last):
        raise Refused(f"{version} does not follow {last}, the last release")
    if read_version(version) < read_version(current):
        raise Refused(f"the project has the version {current} already")
    if not sources.unreleased_notes():
        raise Refused("CHANGELOG.md has nothing under Unreleased")


def check_api(sources: Sources, version: str) -> list[Change]:
    """Return the changes of the API since the last release.

    Raise `Refused` if some of them break clients and the version does not allow that.
    """
    last, released = sources.last_release(), sources.released_api()
    if (last is None) != (released is None):
        raise Refused(
            "docs/openapi-released.yaml must be that of the last release in CHANGELOG.md"
        )
    if last is None:
        return []
    changes = compare(released, sources.api())
    breaking = [str(change) for change in changes if change.is_breaking]
    if breaking and not allows_breaking_changes(last, version):
        part = "minor" if read_version(last)[0] == 0 else "major"
        lines = "\n".join(breaking)
        raise Refused(
            f"{version} must have a greater {part} version than {last}, since it breaks clients:\n"
            f"{lines}"
        )
    return changes
