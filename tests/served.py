"""An application served inside a test as `axis serve` serves it."""

from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer


class Served(TestServer):
    """aiohttp's test server ends a handler whose caller has left; the node, and this server, let it come to its end."""

    __test__ = False

    async def _make_runner(self, **kwargs: Any) -> web.BaseRunner:
        return await super()._make_runner(**(kwargs | {"handler_cancellation": False}))
