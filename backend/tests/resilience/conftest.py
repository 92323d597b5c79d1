"""A real server, for all tests here that do it no harm."""

from collections.abc import Iterator

import pytest

from tests.support.servers import Server, serving


@pytest.fixture(scope="session")
def server(dsn: str) -> Iterator[Server]:
    with serving(dsn, workers=2) as server:
        yield server
