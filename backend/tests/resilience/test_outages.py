"""The database is away for a while and comes back."""

import time
from pathlib import Path

import httpx
import pytest

from duly.database import embedded, migrations
from tests.support.programs import until
from tests.support.servers import serving


@pytest.mark.long
def test_service_is_back_soon_after_a_long_outage_of_the_database(tmp_path: Path) -> None:
    with embedded.opened(tmp_path / "data") as database:
        dsn = embedded.embedded_dsn(tmp_path / "data")
        migrations.upgrade(dsn)
        with serving(dsn, workers=1, DULY_REQUEST_TIMEOUT="2") as server:
            database.stop()
            # The pool tries again after 1, 2, 4, … seconds. With its own default, it would now
            # wait until the 63rd second.
            gone_until = time.monotonic() + 35
            while time.monotonic() < gone_until:
                assert httpx.get(f"{server.url}/health/ready", timeout=30).status_code == 503

            database.start_again(lambda: False)
            began = time.monotonic()
            until(lambda: httpx.get(f"{server.url}/health/ready", timeout=30).is_success)
            assert time.monotonic() - began < 15
