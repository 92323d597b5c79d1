"""Bodies for second factors."""

from typing import Annotated, Any, Literal

from pydantic import Field

from duly.schemas.base import Id, Instant, Opaque, RequestBody, ResponseBody, Text
from duly.schemas.passkeys import NewPasskey, PasskeyAssertion

FactorType = Annotated[
    Literal["totp", "passkey"],
    Field(description="`totp` is an app that shows a new code every 30 seconds."),
]
FactorName = Annotated[
    str, Text(1, 120), Field(description="To tell factors apart.", examples=["Phone"])
]
Code = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        description="Six digits from the app, or a recovery code. Spaces and dashes are ignored.",
        examples=["123456"],
    ),
]
_RECOVERY_CODES = "Each signs in once, instead of a second factor. They are shown only here."


class FactorCreate(RequestBody):
    """A second factor to add."""

    type: FactorType
    name: FactorName


class FactorConfirmation(RequestBody):
    """Shows that a new factor works: an app by `code`, a passkey by `credential`."""

    code: Code | None = None
    credential: NewPasskey | None = None


class FactorSignIn(RequestBody):
    """The second factor of a sign-in: either `code` or `assertion`."""

    challenge: Annotated[
        Opaque,
        Field(
            description="From `details` of the error `SECOND_FACTOR_REQUIRED`, or from "
            "`/auth/passkey`."
        ),
    ]
    code: Code | None = None
    assertion: PasskeyAssertion | None = None


class FactorRead(ResponseBody):
    """A second factor."""

    id: Id
    type: FactorType
    name: str
    created_at: Instant
    confirmed_at: Annotated[
        Instant | None, Field(description="From when on it is needed to sign in.")
    ]
    last_used_at: Instant | None


class FactorList(ResponseBody):
    """The second factors of the caller, the oldest first."""

    items: list[FactorRead]
    recovery_codes_left: Annotated[
        int, Field(description="How many recovery codes were not used yet.", examples=[10])
    ]


class FactorEnrolment(ResponseBody):
    """A factor that is to be confirmed within 15 minutes."""

    id: Id
    type: FactorType
    name: str
    secret: Annotated[
        str | None, Field(description="For the app, in base 32. It is shown only here.")
    ]
    uri: Annotated[
        str | None, Field(description="The same as an `otpauth` URI, to be shown as a QR code.")
    ]
    options: Annotated[
        dict[str, Any] | None,
        Field(
            description="Of a passkey: what "
            "`PublicKeyCredential.parseCreationOptionsFromJSON()` takes."
        ),
    ]


class PasskeyChallenge(ResponseBody):
    """A challenge that a passkey is to sign."""

    challenge: Annotated[str, Field(description="To be sent to `/auth/factor`.")]
    options: Annotated[
        dict[str, Any],
        Field(description="What `PublicKeyCredential.parseRequestOptionsFromJSON()` takes."),
    ]


class FactorConfirmed(ResponseBody):
    """A factor that is needed to sign in from now on."""

    factor: FactorRead
    recovery_codes: Annotated[
        list[str] | None,
        Field(description=f"With the first factor: ten codes. {_RECOVERY_CODES}"),
    ]


class RecoveryCodes(ResponseBody):
    """New recovery codes, in place of all earlier ones."""

    recovery_codes: Annotated[list[str], Field(description=_RECOVERY_CODES)]
