"""Endpoints are compiled when the application starts: what they cannot use is found then."""

from collections.abc import AsyncIterator
from typing import Annotated

import pytest
from fastapi import APIRouter, Body, Cookie, Depends, Response

from duly.api.routing import CompiledRoute


async def waiting() -> int:
    return 1


async def cleaning_up() -> AsyncIterator[int]:
    yield 1


async def with_a_waiting_dependency(value: Annotated[int, Depends(waiting)]) -> Response:
    return Response(str(value))


async def with_a_cleanup(value: Annotated[int, Depends(cleaning_up)]) -> Response:
    return Response(str(value))


async def with_a_cookie(value: Annotated[str, Cookie()]) -> Response:
    return Response(value)


async def with_two_bodies(
    one: Annotated[dict[str, str], Body()], other: Annotated[dict[str, str], Body()]
) -> Response:
    return Response(str(one) + str(other))


@pytest.mark.parametrize(
    "endpoint", [with_a_waiting_dependency, with_a_cleanup, with_a_cookie, with_two_bodies]
)
def test_unsupported_parameter_is_refused_at_start(endpoint: object) -> None:
    router = APIRouter(route_class=CompiledRoute)

    with pytest.raises(TypeError):
        router.add_api_route("/", endpoint, methods=["POST"])  # type: ignore[arg-type]
