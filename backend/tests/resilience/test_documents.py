"""Every example of the documents, played in order on one data directory, as a reader would."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support import launcher
from tests.support.documents import ROOT, blocks_of, examples_of, play
from tests.support.programs import DULY, Server, environment, serving

DOCUMENTS = {
    "README.md": 1,
    "docs/quickstart.md": 7,
    "docs/api.md": 60,
    "docs/sync.md": 1,
    "docs/deployment.md": 4,
}
"""In the order in which a reader meets them, with how many examples there are at least."""

TAGS = {"", "console", "http", "js", "json", "mermaid", "sh", "sql", "toml", "yaml"}


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """A directory like a clone in which Duly runs."""
    with tempfile.TemporaryDirectory(prefix="duly-") as parent:
        path = Path(parent)
        path.chmod(0o755)
        (path / "backend").symlink_to(ROOT / "backend")
        (path / "bin").mkdir()
        yield path


@pytest.fixture(scope="module")
def server(directory: Path) -> Iterator[Server]:
    # Nobody reads its log, and a full pipe would stop it.
    with serving(directory / "duly_data", DULY_LOG_LEVEL="warning") as server:
        yield server


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
@pytest.mark.parametrize("document", DOCUMENTS)
def test_examples_print_what_is_shown(server: Server, directory: Path, document: str) -> None:
    launcher.write_command(directory / "bin" / "duly", DULY)
    path = f"{directory / 'bin'}:{DULY.parent}:{os.environ['PATH']}"
    own = environment(PATH=path, **launcher.way())

    differences = play(examples_of(document), server.url, directory, own)

    assert not differences, "\n\n".join(differences)


@pytest.mark.slow
@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_example_is_run(document: str) -> None:
    blocks = list(blocks_of(document))

    assert {block.tag for block in blocks} <= TAGS
    assert len(examples_of(document)) >= DOCUMENTS[document]
    # What is shown belongs to an example.
    for block, following in pairwise(blocks):
        if following.tag == "http" and following.text.startswith("HTTP/1.1 2"):
            assert block.tag == "sh", following.place
