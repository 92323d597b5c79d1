"""The image: `.dockerignore` lets Docker read what the `Dockerfile` copies."""

import re

import pytest

from tests.support.documents import ROOT

_WILDCARDS = {"**/": "(?:.*/)?", "*": "[^/]*"}


def is_ignored(path: str) -> bool:
    """Whether Docker leaves a path out: the last pattern that matches it or a parent decides."""
    ignored = False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!")
        parts = re.split(r"(\*\*/|\*)", pattern)
        expression = "".join(_WILDCARDS.get(part, re.escape(part)) for part in parts)
        if not line.startswith("#") and re.match(rf"{expression}(?:/|$)", path):
            ignored = not line.startswith("!")
    return ignored


def copied() -> list[str]:
    """The paths that the Dockerfile copies from this repository."""
    lines = re.findall(r"^COPY (?!--from)(.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    return [path for line in lines for path in line.split()[:-1]]


@pytest.mark.parametrize("path", copied())
def test_file_that_the_image_copies_exists_and_reaches_docker(path: str) -> None:
    assert (ROOT / path).exists()
    assert not is_ignored(path)


@pytest.mark.parametrize("path", [".env", ".git", "backend/.venv", "frontend/node_modules/vite"])
def test_file_that_the_image_does_not_need_is_left_out(path: str) -> None:
    assert is_ignored(path)
