"""The switch of the language: a form in the head that sets a cookie and leads back to the page it came from."""

from collections.abc import Sequence

from aiohttp import web

from axis.web.console.addresses import local_path
from axis.web.console.language import COOKIE, known
from axis.web.console.parts import ConsoleParts
from axis.web.console.render import Pages
from axis.web.console.sessions import Sessions, read_form

_YEAR_S = 365 * 24 * 3600


class Tongue:
    """The handler."""

    def __init__(self, *, tls: bool) -> None:
        self._secure = tls

    async def switch(self, request: web.Request) -> web.StreamResponse:
        """POST /language: from now on the pages speak the language that the form names.

        It needs no session and no token: what another site's form could do with it harms nobody.
        """
        form = await read_form(request)
        response = web.HTTPSeeOther(local_path(form.get("next", "")))
        if (language := known(form.get("lang"))) is not None:
            response.set_cookie(
                COOKIE, language, path="/", max_age=_YEAR_S, secure=self._secure, httponly=True, samesite="Lax"
            )
        raise response


def language_routes(parts: ConsoleParts, _pages: Pages, _sessions: Sessions) -> Sequence[web.AbstractRouteDef]:
    """The route of the switch."""
    return (web.post("/language", Tongue(tls=parts.tls).switch),)
