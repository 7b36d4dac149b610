"""The switch of the language: a form in the head that leads back to the page it came from.

The browser keeps the choice in a cookie, and the account of who is logged in keeps it for every other browser.
"""

from collections.abc import Sequence

from aiohttp import web

from axis.store import accounts
from axis.web.console.addresses import local_path
from axis.web.console.language import known
from axis.web.console.parts import ConsoleParts
from axis.web.console.render import Pages
from axis.web.console.sessions import CSRF_FIELD, Sessions, check_csrf, read_form


class Tongue:
    """The handler."""

    def __init__(self, parts: ConsoleParts, sessions: Sessions) -> None:
        self._store = parts.store
        self._sessions = sessions

    async def switch(self, request: web.Request) -> web.StreamResponse:
        """POST /language: from now on the pages speak the language that the form names.

        It needs no session, and no token of whoever has none: what another site's form could do with it harms nobody.
        """
        form = await read_form(request)
        visitor = await self._sessions.find(request)
        response = web.HTTPSeeOther(local_path(form.get("next", "")))
        language = known(form.get("lang"))
        if visitor is not None:
            check_csrf(request, form.get(CSRF_FIELD, ""), visitor.csrf_token)
            if language is not None:
                account_id = visitor.account_id
                await self._store.write(lambda conn: accounts.set_language(conn, account_id, language))
        self._sessions.keep_language(response, language)
        raise response


def language_routes(parts: ConsoleParts, _pages: Pages, sessions: Sessions) -> Sequence[web.AbstractRouteDef]:
    """The route of the switch."""
    return (web.post("/language", Tongue(parts, sessions).switch),)
