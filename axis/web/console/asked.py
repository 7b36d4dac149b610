"""What the one search box understands: days, organisations, ids, numbers, words; each shown as a chip to remove."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from types import MappingProxyType

from axis.clock import VIETNAM
from axis.store.search import Wanted
from axis.text import plain, search_form
from axis.web.console.language import _

CHARACTERS = 200
_PHRASES = 12
_LONGEST_NAME = 14  # words of an organisation's name
_SAME_NAME = 50  # organisations of one name
_UID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
_DAY = r"(\d{1,2})/(\d{1,2})/(\d{4})"
_SPAN = re.compile(rf"{_DAY}(?:[-–]{_DAY})?")
_MONTH = re.compile(r"(\d{1,2})/(\d{4})")
_QUOTED = re.compile(r"[\"“]([^\"“”]*)[\"”]|(\S+)")
_TO = ("", "den", "to")  # in search form


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Something that was understood."""

    kind: str
    said: str
    without: str  # the search text without it


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A search."""

    text: str
    wanted: Wanted
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Every organisation by its codes and names, in search form."""

    organs: Mapping[str, frozenset[str]]
    called: Mapping[str, str]  # by code, as people read it

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> "Names":
        """From what the registry has: (code or name, organ_id)."""
        organs: dict[str, set[str]] = {}
        called: dict[str, str] = {}
        for text, organ_id in pairs:
            organs.setdefault(search_form(text), set()).add(organ_id)
            if text != organ_id:
                called.setdefault(organ_id, text)
        return cls(
            organs=MappingProxyType({form: frozenset(found) for form, found in organs.items()}),
            called=MappingProxyType(called),
        )


@dataclass(slots=True)
class _Reading:
    """What has been understood so far. places: of each part, the numbers of its words."""

    words: list[str]
    names: Names
    phrases: list[str]
    organs: set[str]
    spoken: list[tuple[str, str, range]]
    uid: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def understand(text: str, names: Names) -> Asked:
    """Read a search. Nothing in it is ever wrong: what is not understood is looked for as words."""
    line = plain(" ".join(text.split()))[:CHARACTERS]
    words = [match[0] for match in _QUOTED.finditer(line)]
    reading = _Reading(words=words, names=names, phrases=[], organs=set(), spoken=[])
    at = 0
    while at < len(words):
        at += _days(reading, at) or _uid(reading, at) or _organ(reading, at) or _word(reading, at)
    wanted = Wanted(
        phrases=tuple(reading.phrases[:_PHRASES]),
        document_uid=reading.uid if reading.spoken or not line else "",  # signs alone are no document's
        organs=frozenset(reading.organs),
        since=reading.since,
        until=reading.until,
    )
    parts = tuple(
        Part(kind=kind, said=said, without=" ".join(word for number, word in enumerate(words) if number not in place))
        for kind, said, place in reading.spoken
    )
    return Asked(text=line, wanted=wanted, parts=parts)


def _days(reading: _Reading, at: int) -> int:
    """How many words are a day, a month or a span of days."""
    words = reading.words
    month = _MONTH.fullmatch(words[at])
    if month and (first := _date(1, int(month[1]), int(month[2]))):
        last = _date(1, first.month % 12 + 1, first.year + first.month // 12)
        _between(reading, first, (last or first) - timedelta(days=1), range(at, at + 1))
        return 1
    span = _SPAN.fullmatch(words[at])
    if span is None or (begin := _date(*map(int, span.groups()[:3]))) is None:
        return 0
    taken, end = 1, begin
    if span[4]:
        end = _date(*map(int, span.groups()[3:])) or begin
    elif (
        at + 2 < len(words) and search_form(words[at + 1]).strip() in _TO and (other := _SPAN.fullmatch(words[at + 2]))
    ):
        end, taken = _date(*map(int, other.groups()[:3])) or begin, 3
    _between(reading, min(begin, end), max(begin, end), range(at, at + taken))
    return taken


def _date(day: int, month: int, year: int) -> date | None:
    try:
        return date(year, month, day) if 1990 <= year <= 2100 else None  # noqa: PLR2004 - beyond are no days of ours
    except ValueError:
        return None


def _between(reading: _Reading, begin: date, end: date, place: range) -> None:
    reading.since = datetime.combine(begin, time(), VIETNAM)
    reading.until = datetime.combine(end + timedelta(days=1), time(), VIETNAM)
    said = f"{begin:%d/%m/%Y}" if begin == end else f"{begin:%d/%m/%Y} – {end:%d/%m/%Y}"
    reading.spoken.append((_("Ngày"), said, place))


def _uid(reading: _Reading, at: int) -> int:
    word = reading.words[at].upper()
    if _UID.fullmatch(word) is None:
        return 0
    reading.uid = word
    reading.spoken.append((_("Mã văn bản"), word, range(at, at + 1)))
    return 1


def _organ(reading: _Reading, at: int) -> int:
    """How many words are the code or the whole name of an organisation; the longest name counts."""
    words, names = reading.words, reading.names
    for length in range(min(_LONGEST_NAME, len(words) - at), 0, -1):
        form = search_form(*(word.strip('"“”') for word in words[at : at + length]))
        found = names.organs.get(form) if form else None
        if found and len(found) <= _SAME_NAME and (length > 1 or " " in form.strip() or _is_code(words[at], found)):
            reading.organs |= found
            code = min(found)
            said = f"{names.called.get(code, code)} ({code})" if len(found) == 1 else names.called.get(code, code)
            reading.spoken.append((_("Của cơ quan"), said, range(at, at + length)))
            return length
    return 0


def _is_code(word: str, found: frozenset[str]) -> bool:
    """A single word is an organisation only when it is written as a code, not when a name is one word."""
    return any(character.isdigit() for character in word) or word.upper() in found


def _word(reading: _Reading, at: int) -> int:
    word = reading.words[at].strip('"“”')
    if phrase := search_form(word).strip():
        reading.phrases.append(phrase)
        numbered = "/" in word and any(character.isdigit() for character in word)
        kind = _("Số, ký hiệu") if numbered else _("Từ")
        reading.spoken.append((kind, word, range(at, at + 1)))
    return 1
