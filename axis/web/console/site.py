"""The console as one thing: every family of pages with its routes."""

from collections.abc import Sequence

from aiohttp import web

from axis.web.console.auditing import auditor_home
from axis.web.console.boxes import box_routes
from axis.web.console.bundle import bundle_routes
from axis.web.console.composing import compose_routes
from axis.web.console.desk import desk_routes
from axis.web.console.documents import document_routes
from axis.web.console.downloads import download_routes
from axis.web.console.findings import finding_routes
from axis.web.console.history import history_routes
from axis.web.console.home import home_routes
from axis.web.console.journals import journal_routes
from axis.web.console.kpi_page import kpi_routes
from axis.web.console.live import live_routes
from axis.web.console.login import login_routes
from axis.web.console.me import me_routes
from axis.web.console.operator_home import operator_routes
from axis.web.console.organ_pages import organ_routes
from axis.web.console.parts import ConsoleParts
from axis.web.console.past import past_routes
from axis.web.console.people import people_routes
from axis.web.console.policies import policy_routes
from axis.web.console.queue import queue_routes
from axis.web.console.recalling import act_routes
from axis.web.console.render import Pages
from axis.web.console.routes_page import route_routes
from axis.web.console.sessions import Sessions
from axis.web.console.settings_page import setting_routes
from axis.web.console.sso import sso_routes
from axis.web.console.system_pages import system_routes
from axis.web.console.tongue import language_routes
from axis.web.console.trail import trail_routes
from axis.web.console.viewing import viewing_routes


def console_routes(parts: ConsoleParts, pages: Pages) -> Sequence[web.AbstractRouteDef]:
    """Every route of the console: a line per family."""
    sessions = Sessions(parts.store, parts.clock, parts.rules, tls=parts.tls)
    return (
        web.get("/static/{name}", pages.static),
        *language_routes(parts, pages, sessions),
        *login_routes(parts, pages, sessions),
        *sso_routes(parts, pages, sessions),
        *me_routes(parts, pages, sessions),
        *people_routes(parts, pages, sessions),
        *organ_routes(parts, pages, sessions),
        *system_routes(parts, pages, sessions),
        *live_routes(parts, pages, sessions),
        *home_routes(parts, pages, sessions, (auditor_home(parts),)),
        *box_routes(parts, pages, sessions),
        *document_routes(parts, pages, sessions),
        *desk_routes(parts, pages, sessions),
        *compose_routes(parts, pages, sessions),
        *act_routes(parts, pages, sessions),
        *download_routes(parts, pages, sessions),
        *operator_routes(parts, pages, sessions),
        *queue_routes(parts, pages, sessions),
        *route_routes(parts, pages, sessions),
        *policy_routes(parts, pages, sessions),
        *setting_routes(parts, pages, sessions),
        *kpi_routes(parts, pages, sessions),
        *viewing_routes(parts, pages, sessions),
        *trail_routes(parts, pages, sessions),
        *finding_routes(parts, pages, sessions),
        *history_routes(parts, pages, sessions),
        *bundle_routes(parts, pages, sessions),
        *past_routes(parts, pages, sessions),
        *journal_routes(parts, pages, sessions),
    )
