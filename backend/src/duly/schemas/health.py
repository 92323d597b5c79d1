"""Bodies of the health checks."""

from typing import Literal

from duly.schemas.base import ResponseBody


class Health(ResponseBody):
    """The service is available."""

    status: Literal["ok"]
