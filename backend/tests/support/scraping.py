"""The metrics of a running server, as Prometheus reads them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.support import programs
from tests.support.programs import until
from tests.support.servers import Server, free_port, serving


@dataclass
class Scraped:
    """A server with metrics."""

    server: Server
    url: str

    @property
    def text(self) -> str:
        response = httpx.get(self.url, timeout=30)
        assert response.status_code == 200
        return response.text

    def value(self, name: str, **labels: str) -> float | None:
        """The sum of the samples with these labels; None if there are none."""
        found = [
            value
            for other, own, value in samples(self.text)
            if other == name and labels.items() <= own.items()
        ]
        return sum(found) if found else None

    def comes_to(self, expected: float, name: str, **labels: str) -> None:
        """Wait until a value is as expected: workers write values down once a second."""
        until(lambda: self.value(name, **labels) == expected)


def samples(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """The samples of an answer: name, labels and value."""
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value


@contextmanager
def scraped_embedded(data_dir: Path) -> Iterator[str]:
    """The address of the metrics of a server of two workers with an embedded database."""
    port = str(free_port())
    with programs.serving(data_dir, DULY_METRICS_PORT=port, DULY_WORKERS="2"):
        yield f"http://127.0.0.1:{port}/metrics"


@contextmanager
def scraped(dsn: str, workers: int = 2, **settings: str) -> Iterator[Scraped]:
    """A server with metrics on the loopback, ended with the block."""
    port = str(free_port())
    with serving(dsn, workers=workers, DULY_METRICS_PORT=port, **settings) as server:
        yield Scraped(server, f"http://127.0.0.1:{port}/metrics")
