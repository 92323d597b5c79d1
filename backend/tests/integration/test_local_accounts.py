"""`DULY_LOCAL_ACCOUNTS=false`: nobody registers or signs in with a password."""

from pathlib import Path

from duly.core.config import Settings
from tests.support.accounts import API, Account, error_code
from tests.support.instances import running
from tests.support.issuers import bearer, issuing, table, write_issuers
from tests.support.operations import operations_of


async def test_every_operation_that_signs_in_is_rejected(
    settings: Settings, address: str, alice: Account
) -> None:
    async with running(settings, address, local_accounts=False) as client:
        app = client._transport.app  # type: ignore[attr-defined]  # ASGI's
        operations = [
            operation
            for operation in operations_of(app)
            if operation.path.startswith(f"{API}/auth/")
            and not operation.path.startswith((f"{API}/auth/oidc", f"{API}/auth/factor"))
            and not operation.spec["security"]
        ]
        assert {"register", "login", "login_with_form", "refresh"} <= {
            operation.id for operation in operations
        }
        token = {"refresh_token": alice.session["refresh_token"]}
        credentials = {"email": alice.email, "password": alice.password}
        for operation in operations:
            body = token if operation.id == "refresh" else credentials
            response = await client.request(operation.method, operation.url, json=body)
            assert response.status_code == 403, operation.id
            assert error_code(response) == "LOCAL_ACCOUNTS_DISABLED"
    # Refused is not ended.
    assert (await alice.sign_in_again()).id == alice.id


async def test_tokens_of_issuers_are_accepted(
    settings: Settings, address: str, tmp_path: Path
) -> None:
    with issuing() as issuer:
        file = write_issuers(tmp_path / "issuers.toml", table(issuer))
        async with running(settings, address, local_accounts=False, issuers=file) as client:
            response = await client.get(f"{API}/users/me", headers=bearer(issuer.token()))

    assert response.status_code == 200


async def test_access_token_of_a_session_is_valid_until_it_expires(
    settings: Settings, address: str, alice: Account
) -> None:
    async with running(settings, address, local_accounts=False) as client:
        there = Account(client, alice.email, alice.password, alice.session)
        assert (await there.get("/users/me")).status_code == 200
