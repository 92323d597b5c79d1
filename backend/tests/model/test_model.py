"""The service against its model, for as many steps as there is time in a run of all tests."""

import random

from duly.core.config import Settings
from tests.hostile.attacked_account import UNLIMITED
from tests.model.modelling import run
from tests.model.service import service


def test_random_histories_of_two_users_match_the_model(settings: Settings) -> None:
    seed = random.randrange(2**32)
    with service(settings.model_copy(update=UNLIMITED)) as running:
        steps = run(running, seed, examples=6, length=50)

    assert steps >= 120, seed
