"""The node's HTTP application: middlewares, health, the console, and the fronts that are handed in.

It knows no protocol of the outside: the composition root hands in the fronts' routes.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from axis.clock import Clock
from axis.exchange.rest import Rest
from axis.ops.disk import DiskWatch
from axis.settings import Limits
from axis.store import webhooks
from axis.store.queries import count_overdue, owed_checks
from axis.web.console.language import choose_language
from axis.web.console.parts import ConsoleParts
from axis.web.console.render import Pages
from axis.web.console.site import console_routes
from axis.web.health import Check, Health, limits_handler, store_checks
from axis.web.middleware import catch_errors, identify, limit_time, locate, log_access, mark_started, safe_headers

FORM_BYTES: Final = 64 * 1024  # a body that is read whole; fronts stream theirs


@dataclass(frozen=True, slots=True, kw_only=True)
class WebParts:
    """What the application is built from."""

    console: ConsoleParts  # with the store, the clock and the settings that the pages need
    disk: DiskWatch
    node_name: str
    limits: Limits
    more_limits: Mapping[str, float] = field(default_factory=dict)  # published beside them, the unit in the name
    longest_request_s: float = 600.0
    trusted_proxies: Sequence[str] = ()  # whose X-Forwarded-For counts
    extra_routes: Sequence[web.AbstractRouteDef] = ()  # of the fronts
    extra_checks: Sequence[Check] = ()  # for /health/ready
    partners: Callable[[], Mapping[str, object]] = dict  # how each one fares, there too
    rest: Rest = field(default_factory=Rest)  # whether the node only reads

    @property
    def clock(self) -> Clock:
        """The node's clock."""
        return self.console.clock


def build_app(parts: WebParts) -> web.Application:
    """The application, ready to be served.

    Serve it with aiohttp's own access log off: `log_access` writes the one line per request.
    """
    app = web.Application(client_max_size=FORM_BYTES)
    pages = Pages(app, parts.node_name, parts.rest)
    app.middlewares.extend(
        (
            locate(parts.trusted_proxies),
            identify(parts.clock),
            log_access,
            choose_language,
            catch_errors(pages.error),
            limit_time(parts.longest_request_s),
        )
    )
    app.on_response_prepare.extend((mark_started, safe_headers(tls=parts.console.tls)))
    checks = (*store_checks(parts.console.store), *parts.extra_checks)
    store = parts.console.store
    owed: Mapping[str, Callable[[], Awaitable[Mapping[str, int]]]] = {
        "signature_checks_owed": lambda: store.read(owed_checks),
        "deadlines_overdue": lambda: store.read(count_overdue),
        "webhooks_disabled": lambda: store.read(webhooks.count_disabled),
    }
    health = Health(
        checks,
        parts.disk,
        parts.clock,
        owed=owed,
        partners=parts.partners,
        maintenance=lambda: parts.rest.current,
    )
    app.on_cleanup.append(health.close)
    app.add_routes(
        (
            web.get("/health/live", health.live),
            web.get("/health/ready", health.ready),
            web.get("/limits", limits_handler(parts.limits, parts.more_limits)),
            *console_routes(parts.console, pages),
            *parts.extra_routes,
        )
    )
    return app
