"""The file of sign-in providers: what it may say, and the line for whatever it may not."""

from pathlib import Path
from typing import Any

import pytest

from duly.core.config import load_settings
from duly.core.discovery import read_metadata
from duly.core.errors import StartupError
from duly.core.sign_in_providers import read_sign_in_providers
from duly.core.trust_files import URL
from tests.support.issuers import ABSENT, write_tables

GOOGLE = {
    "name": "google",
    "title": "Google",
    "issuer": "https://accounts.google.com",
    "client_id": "an-id",
    "client_secret": "a-secret",
}


def write(tmp_path: Path, **changes: Any) -> Path:
    fields = {name: value for name, value in {**GOOGLE, **changes}.items() if value is not ABSENT}
    return write_tables(tmp_path / "providers.toml", "provider", fields)


def refusal(path: Path) -> str:
    """The line with which a file is refused."""
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # the line is checked by the tests
        read_sign_in_providers(path)
    line = str(refused.value)
    assert "\n" not in line
    assert "a-secret" not in line
    return line


def test_most_fields_have_defaults(tmp_path: Path) -> None:
    [google] = read_sign_in_providers(write(tmp_path))

    assert google.discovery_url == "https://accounts.google.com/.well-known/openid-configuration"
    assert google.scopes == "openid email profile"
    assert google.token_endpoint_auth_method is None
    assert google.return_to == frozenset()
    assert google.create_accounts
    assert "a-secret" not in repr(google)


def test_every_field_is_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from-a-file\n")
    path = write(
        tmp_path,
        client_secret=ABSENT,
        client_secret_file="secret",
        token_endpoint_auth_method="client_secret_post",
        scopes="openid",
        return_to=["com.example.app:/signed-in"],
        create_accounts=False,
    )

    [google] = read_sign_in_providers(path)

    assert google.client_secret == "from-a-file"
    assert google.token_endpoint_auth_method == "client_secret_post"
    assert google.scopes == "openid"
    assert google.return_to == {"com.example.app:/signed-in"}
    assert not google.create_accounts


def test_public_client_has_no_secret(tmp_path: Path) -> None:
    [google] = read_sign_in_providers(write(tmp_path, client_secret=ABSENT))

    assert (google.client_secret, google.token_endpoint_auth_method) == (None, "none")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("name", value) for value in (ABSENT, "", "Google", "a/b", "exchange", "x" * 33, 7)),
        *(("title", value) for value in (ABSENT, "", " ", "a\nb", "x" * 61, 7)),
        *(
            ("issuer", value)
            for value in (
                ABSENT,
                "accounts.google.com",
                "http://accounts.google.com",
                "https://accounts.google.com?a=b",
                "https://accounts.google.com?",
                "https://a@accounts.google.com",
                "https://accounts.google.com#a",
            )
        ),
        *(("client_id", value) for value in (ABSENT, "", "a b", 7)),
        *(("client_secret", value) for value in ("", "a b", 7, "x" * 4097)),
        *(
            ("token_endpoint_auth_method", value)
            for value in ("none", "private_key_jwt", 7, ["none"])
        ),
        *(("scopes", value) for value in ("", "email", "openid  email", 'openid "', 7)),
        *(
            ("return_to", value)
            for value in (
                [],
                "com.example.app:/signed-in",
                ["/signed-in"],
                ["com.example.app:/signed-in#a"],
                ["com.example.app:/signed in"],
                ["javascript:alert(1)"],
                ["JavaScript:alert(1)"],
                ["data:text/html,a"],
                [f"com.example.app:/{'x' * 1024}"],
            )
        ),
        ("create_accounts", "yes"),
    ],
    ids=ascii,
)
def test_wrong_value_is_refused_with_its_field(tmp_path: Path, field: str, value: Any) -> None:
    line = refusal(write(tmp_path, **{field: value}))

    assert line.startswith("provider 1")
    assert f": {field} must be " in line


def test_unknown_field_is_refused(tmp_path: Path) -> None:
    assert "provider 1 (google): colour is not one of name," in refusal(
        write(tmp_path, colour="red")
    )


def test_two_providers_of_one_name_are_refused(tmp_path: Path) -> None:
    path = write_tables(tmp_path / "providers.toml", "provider", GOOGLE, GOOGLE)

    assert refusal(path).startswith("provider 2 (google): name must be unique")


def test_method_without_a_secret_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, client_secret=ABSENT, token_endpoint_auth_method="client_secret_basic")

    assert "token_endpoint_auth_method must be absent" in refusal(path)


@pytest.mark.parametrize("content", [None, b"", b" \n", b"a b", b"\xff"], ids=repr)
def test_secret_file_must_have_a_secret(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    path = write(tmp_path, client_secret=ABSENT, client_secret_file="secret")

    line = refusal(path)
    assert "client_secret_file " in line
    assert content is not None or f" {tmp_path / 'secret'} cannot be read: No such file" in line


def test_secret_is_in_one_place(tmp_path: Path) -> None:
    assert "only one of client_secret and client_secret_file" in refusal(
        write(tmp_path, client_secret_file="secret")
    )


@pytest.mark.parametrize(
    ("public_url", "line"),
    [
        (None, "DULY_PUBLIC_URL: required with DULY_SIGN_IN_PROVIDERS"),
        (
            "http://duly.example.org",
            f"DULY_PUBLIC_URL: with DULY_SIGN_IN_PROVIDERS, must be {URL}",
        ),
    ],
)
def test_providers_need_a_public_url_that_is_safe(
    clean_environment: pytest.MonkeyPatch, tmp_path: Path, public_url: str | None, line: str
) -> None:
    clean_environment.chdir(tmp_path)
    with pytest.raises(StartupError) as refused:
        load_settings(sign_in_providers=write(tmp_path), public_url=public_url)

    assert str(refused.value) == line


@pytest.mark.parametrize("public_url", ["https://duly.example.org/tasks", "http://127.0.0.1:8000"])
def test_providers_with_a_safe_public_url_are_accepted(
    clean_environment: pytest.MonkeyPatch, tmp_path: Path, public_url: str
) -> None:
    clean_environment.chdir(tmp_path)

    settings = load_settings(sign_in_providers=write(tmp_path), public_url=public_url)

    assert settings.public_url == public_url


@pytest.mark.parametrize(
    ("given", "shown"), [('"https://other"', "https://other"), ("7", "missing")]
)
def test_description_of_another_issuer_is_refused_with_both_names(given: str, shown: str) -> None:
    with pytest.raises(ValueError, match="issuer") as refused:
        read_metadata(f'{{"issuer": {given}}}'.encode(), "https://accounts.google.com")

    assert str(refused.value) == (
        f"the file has the issuer https://accounts.google.com, but the provider's is {shown}"
    )
