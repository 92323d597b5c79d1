"""`duly user`: the operator's commands for accounts."""

import getpass
import os
import sys
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from duly.cli.common import with_context
from duly.core.errors import StartupError, ValidationFailed
from duly.database.values import Row
from duly.runtime.context import Context
from duly.services import account_creation, account_list, operators, user_data
from duly.utils.files import replacing
from duly.utils.sizes import readable

commands = typer.Typer(help="Manage accounts.", no_args_is_help=True, rich_markup_mode=None)

Account = Annotated[
    str, typer.Argument(metavar="EMAIL|ID", help="The account's email address, or its id.")
]


@commands.command("create")
def create_user(
    email: Annotated[
        str | None,
        typer.Argument(
            metavar="EMAIL", help="The account's email address. Optional with --issuer."
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="The user's name.")] = None,
    issuer: Annotated[
        str | None,
        typer.Option(
            metavar="ISSUER", help="Where the user signs in, instead of with a password."
        ),
    ] = None,
    subject: Annotated[
        str | None,
        typer.Option(metavar="SUBJECT", help="The user's id there: `sub` of the tokens."),
    ] = None,
) -> None:
    """Create an account. Prompts for the password, or reads it from standard input.

    With --issuer and --subject, it has no password: the user signs in at that issuer or provider.

    Example: duly user create ada@example.com --name Ada

    Example: duly user create --issuer https://accounts.google.com --subject 1234567890
    """
    if (issuer is None) != (subject is None):
        raise ValidationFailed("--issuer and --subject must be given together.")
    if issuer is None and email is None:
        raise ValidationFailed("EMAIL must be given, or --issuer and --subject.")

    async def create(context: Context) -> UUID:
        if issuer is not None and subject is not None:
            return await account_creation.create_user_of_issuer(
                context, issuer, subject, email, name
            )
        return await account_creation.create_user(context, email or "", _read_password(), name)

    print(f"created {with_context(create)}")


@commands.command("set-password")
def set_password(account: Account) -> None:
    """Set a new password, end all sessions and delete all API tokens of the account.

    Prompts for the password, or reads it from standard input.

    Example: duly user set-password ada@example.com
    """

    async def change(context: Context) -> int:
        return await operators.set_password(context, account, _read_password())

    ended = with_context(change)
    print(f"set the password of {account} and ended its sessions ({ended})")


@commands.command("reset-link")
def create_reset_link(account: Account) -> None:
    """Print a link with which the user sets a new password. It works once, within 30 minutes.

    It begins with DULY_PUBLIC_URL, or without that setting with the address that Duly listens on.

    Example: duly user reset-link ada@example.com
    """

    async def create(context: Context) -> str:
        link = await operators.reset_link(context, account)
        if context.settings.public_url is None:
            print(
                "DULY_PUBLIC_URL is not set: the link has the address that Duly listens on. Set it "
                "to the URL at which users reach Duly.",
                file=sys.stderr,
            )
        return link

    print(with_context(create))


@commands.command("remove-factors")
def remove_factors(account: Account) -> None:
    """Remove all second factors and recovery codes of a user who has lost them.

    Find out first that it is the user who asks: afterwards, the password alone signs in.

    Example: duly user remove-factors ada@example.com
    """
    removed = with_context(lambda context: operators.remove_factors(context, account))
    print(f"removed the second factors of {account} ({removed})")


@commands.command("list")
def list_users() -> None:
    """List all accounts: id, date, state, address, and where users without a password sign in.

    Example: duly user list
    """

    async def show(context: Context) -> None:
        async for user in account_list.list_users(context):
            state = "disabled" if user["is_disabled"] else "enabled"
            fields = [
                user["id"],
                f"{user['created_at']:%Y-%m-%d}",
                f"{state:8}",
                user["email"] or "-",
            ]
            if user["identities"] is not None:
                fields.append(user["identities"])
            print(*fields, sep="  ")

    with_context(show)


@commands.command("disable")
def disable_user(account: Account) -> None:
    """Disable sign-in for an account, end its sessions and reject its API tokens.

    Example: duly user disable ada@example.com
    """
    with_context(lambda context: operators.disable_user(context, account))
    print(f"disabled {account}")


@commands.command("enable")
def enable_user(account: Account) -> None:
    """Re-enable sign-in and API tokens for a disabled account.

    Example: duly user enable ada@example.com
    """
    with_context(lambda context: operators.enable_user(context, account))
    print(f"enabled {account}")


@commands.command("export")
def export_user(
    account: Account,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="Where to write it; standard output by default."),
    ] = None,
) -> None:
    """Write all data of an account as JSON, as the user can export it.

    Example: duly user export ada@example.com ada.json
    """
    try:
        if file is None:
            with_context(
                lambda context: user_data.export_user(context, account, sys.stdout.buffer)
            )
            sys.stdout.buffer.flush()
            return
        with replacing(file) as draft, draft.open("wb") as opened:
            size = with_context(lambda context: user_data.export_user(context, account, opened))
    except OSError as error:
        if file is None:
            # The interpreter would try again to write what is left, and report that, too.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        place = file or "standard output"
        raise StartupError(f"cannot write to {place}: {error.strerror}") from None
    print(f"exported {account} to {file} ({readable(size)})")


@commands.command("delete")
def delete_user(
    account: Account,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete an account and all its data, at once and for good. Asks first.

    Example: duly user delete ada@example.com
    """

    def confirm(user: Row) -> None:
        if not yes:
            name = user["email"] or user["id"]
            typer.confirm(f"Delete {name} and everything in it for good?", abort=True, err=True)

    with_context(lambda context: user_data.delete_user(context, account, confirm))
    print(f"deleted {account}")


def _read_password() -> str:
    return getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
