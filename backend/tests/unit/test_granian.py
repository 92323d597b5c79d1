"""What `duly.server` and `duly.workers` use of Granian beyond its public API.

If a release of Granian changes any of it, read the new code, adapt `duly.server`, and then the
figures here.
"""

import inspect
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from granian.server.common import AbstractServer, AbstractWorker
from granian.server.mp import MPServer, WorkerProcess

from duly import server
from duly.core.config import Settings
from duly.workers import Pipes


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (MPServer.serve, ["self", "spawn_target", "target_loader", "wrap_loader"]),
        (AbstractServer.shutdown, ["self", "exit_code"]),
        (AbstractServer._serve_loop, ["self", "spawn_target", "target_loader"]),
        (AbstractServer._reload, ["self", "spawn_target", "target_loader"]),
        (AbstractServer._spawn_workers, ["self", "spawn_target", "target_loader"]),
        (
            AbstractServer._respawn_workers,
            ["self", "workers", "spawn_target", "target_loader", "delay"],
        ),
    ],
)
def test_method_of_granian_takes_the_parameters_that_duly_knows(
    function: Callable[..., Any], parameters: list[str]
) -> None:
    assert list(inspect.signature(function).parameters) == parameters


@pytest.mark.parametrize(
    ("code", "digest"),
    [
        # Replaced by `_Server._serve_loop`, which must do what it does.
        (AbstractServer._serve_loop, "123ffa1d2e47"),
        # Their steps are what `_Server` relies on.
        (AbstractServer._serve, "556b027a04da"),
        (AbstractServer._spawn_workers, "bc6ae40021d8"),
        (AbstractServer._respawn_workers, "164f5281ce93"),
        (AbstractServer.signal_handler_interrupt, "e9efe050e7e2"),
        (AbstractServer.signal_handler_reload, "8d88cc8590fc"),
        (AbstractWorker._watcher, "5c2a53f123c7"),
        (WorkerProcess._spawn, "b139771c9fd9"),
        # Its arguments are what `workers.work` takes apart.
        (MPServer._spawn_worker, "87b0a0e68f39"),
    ],
)
def test_code_of_granian_that_duly_relies_on_is_unchanged(
    code: Callable[..., Any], digest: str
) -> None:
    assert sha256(inspect.getsource(code).encode()).hexdigest()[:12] == digest


def test_server_has_the_attributes_of_granian_that_duly_uses(settings: Settings) -> None:
    made = server._granian(settings, Pipes())

    assert not made.interrupt_signal
    assert not made.reload_signal
    assert not made.main_loop_interrupt.is_set()
    assert made.wrks == []
    assert callable(made._spawn_asgi_lifespan_worker)
