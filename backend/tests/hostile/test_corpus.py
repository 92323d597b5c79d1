"""The corpus, thrown at every field, parameter, header and path segment of every operation.

`make hostile` throws all of it; `make test` a part, another each time.
"""

import random
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from duly.core.config import Settings
from tests.hostile.attacked_account import UNLIMITED, AttackedAccount, connect
from tests.hostile.attacks import attacks_on
from tests.support.instances import running
from tests.support.known_provider import know_provider, write_provider
from tests.support.postbox import settings_for

SHARE = 0.02


@pytest.fixture
async def attacked(
    settings: Settings, dsn: str, address: str, tmp_path: Path
) -> AsyncIterator[AttackedAccount]:
    # Nobody listens there: mail waits.
    unlimited = settings_for(
        settings.model_copy(update=UNLIMITED),
        dsn,
        9,
        mail_account_limit="99999/second",
        sign_in_providers=write_provider(tmp_path),
    )
    async with running(unlimited, address) as client, await connect(dsn) as connection:
        transport = client._transport
        assert isinstance(transport, httpx.ASGITransport)
        # They write by themselves, and all rows are compared.
        context = transport.app.state.context  # type: ignore[attr-defined]  # the application
        know_provider(transport.app)  # type: ignore[arg-type]  # the application
        await context.mailer.close()
        await context.failed_sign_ins.close()
        attacked = AttackedAccount(transport.app, client, connection)
        await attacked.begin()
        yield attacked


@pytest.mark.slow
async def test_every_operation_can_be_exercised(attacked: AttackedAccount) -> None:
    """What no good request is known for is not attacked either: then this fails, not silently."""
    for operation in attacked.sampler.operations:
        await attacked.begin(operation)
        answer = await attacked.send(attacked.sampler_of(operation).sample(operation))
        assert answer.status < 400, (operation.id, answer)


@pytest.mark.slow
async def test_every_input_is_attacked(attacked: AttackedAccount) -> None:
    for operation in attacked.sampler.operations:
        places = {attack.place for attack in attacks_on(attacked.sampler_of(operation), operation)}
        for item in operation.spec.get("parameters", ()):
            assert f"{item['in']}.{item['name']}" in places
        assert ("body" in places, "header.authorization" in places) == (True, True)
        if operation.body_type is not None:
            names = attacked.sampler.body(operation)
            assert {f"body.{name}" for name in names} <= places


@pytest.mark.slow
async def test_every_operation_withstands_every_attack(
    attacked: AttackedAccount, run_seed: int, pytestconfig: pytest.Config
) -> None:
    rng, share = random.Random(run_seed), pytestconfig.getoption("share") or SHARE
    sent = 0
    for operation in attacked.sampler.operations:
        await attacked.begin(operation)
        for attack in attacks_on(attacked.sampler_of(operation), operation):
            if rng.random() < share:
                await attacked.strike(attack)
                sent += 1
    assert sent > 0
    sys.stderr.write(f"{sent} attacks, seed {run_seed}\n")
