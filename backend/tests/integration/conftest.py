"""What tests of the command line need."""

import secrets
from pathlib import Path
from uuid import uuid4

import pytest


@pytest.fixture
def commanded(
    clean_environment: pytest.MonkeyPatch, dsn: str, tmp_path: Path
) -> pytest.MonkeyPatch:
    """An environment in which commands work on the database of the run."""
    clean_environment.chdir(tmp_path)
    clean_environment.setenv("DATABASE_URL", dsn)
    clean_environment.setenv("DULY_SECRET_KEY", secrets.token_hex(32))
    clean_environment.setenv("DULY_BCRYPT_COST", "4")
    return clean_environment


@pytest.fixture
def email() -> str:
    return f"{uuid4()}@example.com"
