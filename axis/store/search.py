"""Finding documents by words, organisations and days.

A word is found where one of the document's begins with it, with or without accents, in either Unicode form: both sides
are folded (`text.search_form`). An index of words (GIN on PostgreSQL, FTS5 on SQLite) gives the documents of rare
words; common ones are met soon enough by whoever walks the list in its order, so each of them is looked at there.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Select,
    String,
    exists,
    func,
    literal,
    or_,
    select,
    text,
    union_all,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from axis.store import schema as s
from axis.store.values import Texts

FEW = 5_000
"""Up to so many documents a search is made from the index of words; more are met in the order of the list."""

_d = s.document.c
_SHORT = 2  # characters
_SEARCH_WORDS = 8
_SEARCH_CHARACTERS = 200
_POSTGRES = text(
    "SELECT document_uid FROM document"
    " WHERE to_tsvector('simple'::regconfig, folded) @@ to_tsquery('simple'::regconfig, :words) LIMIT :most"
)
_SQLITE = text("SELECT DISTINCT document_uid FROM document_words WHERE document_words MATCH :words LIMIT :most")
# The index of words alone answers: a look at every document would take seconds.
_BY_INDEX_ONLY = ("SET LOCAL enable_seqscan = off", "SET LOCAL work_mem = '32MB'")


_IN_ORDER = text("SET LOCAL max_parallel_workers_per_gather = 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is looked for; everything of it has to hold."""

    phrases: tuple[str, ...] = ()  # in search form, without the first blank
    document_uid: str | None = None
    organs: frozenset[str] = frozenset()  # one of them sent or received it
    since: datetime | None = None  # received by the axis from then on
    until: datetime | None = None  # … and before

    def __bool__(self) -> bool:
        return bool(self.phrases or self.document_uid or self.organs or self.since or self.until)

    @property
    def has_number(self) -> bool:
        """Whether a document's number and notation are among it: several words, one of them with a digit."""
        return any(" " in phrase and any(sign.isdigit() for sign in phrase) for phrase in self.phrases)


ANYTHING = Wanted()


class Holds(FunctionElement[bool]):
    """Whether a text has another within it.

    Not by LIKE: PostgreSQL takes long patterns for very rare, and then reads all documents rather than the list.
    """

    inherit_cache = True
    type = Boolean()


@compiles(Holds)
def _instr(element: Holds, compiler: SQLCompiler, **more: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
    return f"instr({compiler.process(element.clauses, **more)}) > 0"


@compiles(Holds, "postgresql")
def _strpos(element: Holds, compiler: SQLCompiler, **more: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
    return f"strpos({compiler.process(element.clauses, **more)}) > 0"


def conditions(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    """What holds of a document (needs `document`); without its parties, which each list compares in its own way."""
    if wanted.document_uid is not None:
        yield _d.document_uid == wanted.document_uid
    if wanted.since is not None:
        yield _d.received_at >= wanted.since
    if wanted.until is not None:
        yield _d.received_at < wanted.until
    for phrase in wanted.phrases:
        yield Holds(_d.folded, f" {phrase}")


@dataclass(frozen=True, slots=True)
class Term:
    """A word for the index; whole: as it stands, not as the beginning of one."""

    word: str
    whole: bool


def terms(phrases: Iterable[str]) -> tuple[tuple[Term, ...], ...]:
    """What to ask the index for, and what else where that leaves too many documents; each of the rest is looked at.

    Within a phrase all words but the last are whole ones. Those with a digit are rare: with what is whole beside them
    they mostly do. Else short beginnings are left out beside longer words: the index takes longest for what begins
    thousands of words, and they hardly narrow what a real word has found.
    """
    every = tuple(
        Term(word, whole=at < len(words) - 1)
        for words in (phrase.split() for phrase in phrases)
        for at, word in enumerate(words)
    )
    whole = tuple(term for term in every if term.whole)
    if any(sign.isdigit() for term in whole for sign in term.word):
        return whole, every
    return (tuple(term for term in every if len(term.word) > _SHORT) or every,)


def candidates(conn: Connection, phrases: Iterable[str]) -> tuple[str, ...] | None:
    """The documents that may have all these words; None when there are no words, or more than `FEW` documents."""
    for asked in filter(None, terms(phrases)):
        uids = _having(conn, asked)
        if len(uids) <= FEW:
            return uids
    return None


def _having(conn: Connection, asked: Iterable[Term]) -> tuple[str, ...]:
    """Documents that have all of it; one more than `FEW` when there are more."""
    if conn.dialect.name == "postgresql":
        for setting in _BY_INDEX_ONLY:
            conn.execute(text(setting))
        words = " & ".join(term.word if term.whole else f"{term.word}:*" for term in asked)
        found = tuple(conn.execute(_POSTGRES, {"words": words, "most": FEW + 1}).scalars())
        conn.execute(text("SET LOCAL enable_seqscan = on"))
        return found
    words = " ".join(f'"{term.word}"' if term.whole else f'"{term.word}"*' for term in asked)
    return tuple(conn.execute(_SQLITE, {"words": words, "most": FEW + 1}).scalars())


def in_order(conn: Connection) -> None:
    """For a walk that ends after a page: several workers would read far ahead of what is wanted."""
    if conn.dialect.name == "postgresql":
        conn.execute(_IN_ORDER)


def listed(conn: Connection, values: Sequence[str]) -> Select[tuple[str]]:
    """Some thousands of values as rows, in one parameter."""
    given = literal(list(values), Texts())
    if conn.dialect.name == "postgresql":
        return select(func.unnest(given, type_=String))
    return select(func.json_each(given).table_valued("value").c.value)


def organ_names(conn: Connection) -> tuple[tuple[str, str], ...]:
    """Every code and name that an organisation has or had, with its code of today: (code or name, organ_id)."""
    o, n, a = s.organ.c, s.organ_name.c, s.organ_alias.c
    every = union_all(
        select(o.organ_id, o.organ_id),
        select(o.name, o.organ_id),
        select(n.name, n.organ_id),
        select(a.alias, a.organ_id),
    )
    return tuple((row[0], row[1]) for row in conn.execute(every))


def matches(asked: str) -> Iterable[ColumnElement[bool]]:
    """One condition per word of a search that a system makes: each occurs somewhere, within words too."""
    d, v = s.document.c, s.delivery.c
    for word in asked[:_SEARCH_CHARACTERS].split()[:_SEARCH_WORDS]:
        named = union_all(
            select(s.organ.c.organ_id).where(_contains(word, s.organ.c.name)),
            select(s.organ_name.c.organ_id).where(_contains(word, s.organ_name.c.name)),
        )
        receiver = or_(_contains(word, v.receiver_organ, v.addressed_as, v.receiver_name), v.receiver_organ.in_(named))
        yield or_(
            d.document_uid == word.upper(),
            _contains(word, d.code, d.code_key, d.subject, d.document_id, d.from_organ, d.sender_name),
            d.from_organ.in_(named),
            exists().where(v.document_uid == d.document_uid, receiver),
        )


def _contains(word: str, *columns: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether any column holds the word.

    SQLite folds the case of ASCII letters only, so Vietnamese ones are looked for as typed, small, capital and
    capitalised, each in both Unicode forms that DMSs write.
    """
    spellings = {
        unicodedata.normalize(form, cased)
        for form in ("NFC", "NFD")
        for cased in (word, word.lower(), word.upper(), word.capitalize())
    }
    distinct = sorted({"".join(c.lower() if c.isascii() else c for c in spelling) for spelling in spellings})
    return or_(*(column.icontains(spelling, autoescape=True) for column in columns for spelling in distinct))
