"""The language of a page: Vietnamese as it is written in the code, English from `locale/en/*.po`.

The Vietnamese sentence is its own key. `_("còn {days} ngày", days=3)` says it in the language of the page that is being
made; `N_("Đã đến")` marks a sentence of a constant, which is said where it is shown. Placeholders are named and
plain. Where English needs two words for one of ours, what follows a `¦` tells them apart, and is
never shown. Nothing that a stranger wrote goes through here as a sentence, only as the value of a placeholder.
"""

import re
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from babel.messages.pofile import read_po

from axis.errors import Internal
from axis.messages import Language

COOKIE: Final = "lang"
DEFAULT: Final[Language] = "vi"
NAMES: Final[Mapping[Language, str]] = MappingProxyType({"vi": "Tiếng Việt", "en": "English"})
"""The languages, each by its own name."""

_RANGE = re.compile(r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q=\s*([01](?:\.[0-9]{0,3})?)\s*)?")
_RANGES = 20  # of an Accept-Language header that are looked at

_current: ContextVar[Language] = ContextVar("page_language", default=DEFAULT)


def current() -> Language:
    """The language of the page that is being made."""
    return _current.get()


def speak(language: Language) -> None:
    """Make this the language of everything that the running request says."""
    _current.set(language)


def known(text: str | None) -> Language | None:
    """The language of this code; None when it is none of ours."""
    return next((language for language in NAMES if language == text), None)


def _(sentence: str, **named: object) -> str:
    """The sentence in the page's language, with its placeholders filled."""
    said = _shown(sentence) if current() == DEFAULT else english().get(sentence, (_shown(sentence),))[0]
    return said.format_map(named) if named else said


def _shown(sentence: str) -> str:
    return sentence.partition("¦")[0]


def n_(sentence: str, count: int, **named: object) -> str:
    """A sentence that holds a count as `{n}`; English says it in another way for one."""
    said = sentence
    if current() != DEFAULT:
        one, many = english().get(sentence, (sentence, sentence))
        said = one if count == 1 else many
    return said.format_map({"n": grouped(count), **named})


def N_(sentence: str) -> str:  # noqa: N802 - the name that gettext's tools know
    """Mark a sentence that is said elsewhere."""
    return sentence


def grouped(value: int) -> str:
    """A whole number with the thousands of the page's language: 1.234 or 1,234."""
    text = f"{value:,}"
    return text.replace(",", ".") if current() == DEFAULT else text


@cache
def english() -> Mapping[str, tuple[str, str]]:
    """Every English sentence by its Vietnamese one: for one, and for any other count."""
    return MappingProxyType(read_catalogues(_catalogues()))


def read_catalogues(sources: Iterable[Traversable]) -> dict[str, tuple[str, str]]:
    """The sentences of some `.po` files. Raises Internal when two of them say one sentence in two ways."""
    sentences: dict[str, tuple[str, str]] = {}
    for source in sources:
        with source.open("rb") as file:
            catalogue = read_po(file, locale="en", abort_invalid=True)
        for message in catalogue:
            key = message.id if isinstance(message.id, str) else message.id[0]
            forms = (message.string,) if isinstance(message.string, str) else tuple(message.string or ())
            pair = (forms[0], forms[-1]) if forms else ("", "")
            if key and pair[0] and sentences.setdefault(key, pair) != pair:
                raise Internal(f"{source.name} says {key!r} in another way than a file before it")
    return sentences


def asked_for(request: web.Request) -> Language:
    """The language that a request asks for: by the cookie of the switch, else by what the browser prefers."""
    chosen = known(request.cookies.get(COOKIE))
    return chosen or _preferred(request.headers.get(hdrs.ACCEPT_LANGUAGE, ""))


def _preferred(header: str) -> Language:
    """The first of our languages by a browser's preference; ours when it names neither.

    Norm: RFC 9110.
    """
    found: list[tuple[float, Language]] = []
    for part in header.split(",")[:_RANGES]:
        match = _RANGE.fullmatch(part)
        language = known(match[1].lower()) if match else None
        if match and language:
            found.append((float(match[2] or 1), language))
    best = max((weight for weight, _language in found), default=0.0)
    return next((language for weight, language in found if weight == best and weight > 0), DEFAULT)


@web.middleware
async def choose_language(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Set the language before anything is said; who is logged in may have chosen another."""
    speak(asked_for(request))
    return await handler(request)


def _catalogues() -> list[Traversable]:
    folder = files("axis.web.console") / "locale" / "en"
    return sorted((one for one in folder.iterdir() if one.name.endswith(".po")), key=lambda one: one.name)
