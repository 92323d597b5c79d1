"""Requests that may be repeated: under an `Idempotency-Key`, a repeat gets the first response."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, TypeVar

from fastapi import Depends, Response

from duly.api.deps import Context, IdempotencyKey, Scope
from duly.api.requests import Request
from duly.core.scopes import Scopes
from duly.database.scope import UserScope
from duly.records import changes, commands
from duly.records.commands import Operation
from duly.records.creation import Created
from duly.records.types import ResourceType
from duly.schemas.base import RequestBody
from duly.services import idempotency
from duly.services.idempotency import StoredResponse
from duly.utils.encoding import encode
from duly.utils.etags import etag

Result = TypeVar("Result")


class OncePerKey:
    """Runs the work of a request once per `Idempotency-Key`; without a key, once per request."""

    def __init__(
        self, context: Context, scope: Scope, request: Request, key: IdempotencyKey = None
    ) -> None:
        self._context, self._scope, self._request, self._key = context, scope, request, key

    async def create(
        self, kind: ResourceType, body: RequestBody, operation: Operation[Created]
    ) -> Response:
        """Create a resource."""

        async def read_again(scope: UserScope) -> Created:
            return await changes.read(scope, kind, operation.resource_id), False

        work = partial(commands.run, command=operation)
        return await self.run(body, work, self._render_created, read_again)

    async def run(
        self,
        body: RequestBody,
        work: Callable[[UserScope], Awaitable[Result]],
        render: Callable[[Result], StoredResponse],
        read_again: Callable[[UserScope], Awaitable[Result]] | None = None,
        *,
        missing: Scopes = frozenset(),
    ) -> Response:
        """Do `work`, or return the response that it had before under the same key.

        `read_again` reads the result for a repeat, if the response was too long to be stored.
        Because of scopes that are `missing`, the response may differ from that of another token; so
        neither of the two requests repeats the other.
        """
        if self._key is None:
            response = render(await work(self._scope))
        else:
            response = await idempotency.once(
                self._scope,
                self._context.flights,
                _rendered(work, render),
                route=self._request.route_name,
                key=self._key,
                # Only what was sent: in a change, null is not the same as absent.
                body=body.model_dump(exclude_unset=True)
                | ({"missing": sorted(missing)} if missing else {}),
                again=read_again and _rendered(read_again, render),
            )
        headers = {"Idempotency-Replayed": "true"} if response.is_replay else {}
        return Response(
            response.body,
            response.status,
            {**response.headers, **headers},
            media_type="application/json",
        )

    def _render_created(self, created: Created) -> StoredResponse:
        resource, is_new = created
        headers = {"ETag": etag(resource["version"])}
        if is_new:
            headers["Location"] = f"{self._request.scope['path']}/{resource['id']}"
        return StoredResponse(201 if is_new else 200, headers, encode(resource))


Once = Annotated[OncePerKey, Depends()]


def _rendered(
    work: Callable[[UserScope], Awaitable[Result]], render: Callable[[Result], StoredResponse]
) -> idempotency.Work:
    async def rendered(scope: UserScope) -> StoredResponse:
        return render(await work(scope))

    return rendered
