"""The files and names in CONTRIBUTING.md exist."""

import re

from tests.support.documents import ROOT

SOURCE = ROOT / "backend" / "src" / "duly"
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def cells(text: str) -> list[str]:
    """The code in a cell of a table."""
    return re.findall(r"`([^`]+)`", text)


def test_table_of_rules_names_functions_of_the_files() -> None:
    rows = re.findall(r"^\| [^|]+ \| (`[^|]+\.py`) \| (`[^|]+`) \|$", TEXT, re.MULTILINE)

    assert len(rows) >= 12
    for files, names in rows:
        source = "".join((SOURCE / file).read_text(encoding="utf-8") for file in cells(files))
        for name in cells(names):
            assert re.search(rf"^ *(async def|def|class) {name}\b", source, re.MULTILINE), name


def test_every_file_of_the_steps_exists() -> None:
    steps = TEXT[TEXT.index("## Add a resource type") : TEXT.index("## Style")]
    files = {code for code in cells(steps) if re.fullmatch(r"\w+/[\w/]+\.py", code)}

    assert len(files) >= 12
    for file in files:
        assert (SOURCE / file).exists() or (ROOT / "backend" / file).exists(), file
