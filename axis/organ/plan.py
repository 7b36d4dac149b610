"""What the registry is to become: rows that somebody registers, laid over what is known, and checked as a whole.

Nothing is written here: the outcome is a `Changes`, all of it or none. Nobody's history is lost: a new name leaves the
old one behind with the day on which it ended, a code that is no longer used keeps its period.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time

from axis.clock import VIETNAM, local_day
from axis.errors import Code, Malformed, UnknownOrgan, WrongState
from axis.organ.codes import canonical_form
from axis.organ.model import Alias, FormerName, Organ, OrganKind

MAX_CODE_CHARS = 128
_NAMED = 10  # codes that an error names at most
_FORBIDDEN = frozenset(',;|"<>')  # they divide codes in lists


@dataclass(frozen=True, slots=True, kw_only=True)
class OldCode:
    """Another code of an organisation, with the period in which it means it. None: nothing is said of that end."""

    code: str
    valid_from: str | None = None
    valid_until: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OldName:
    """A name that an organisation bore until a day."""

    name: str
    valid_from: str = ""
    valid_until: str
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganRow:
    """An organisation as somebody registers it. None: nothing is said, what is known stays; "": none."""

    code: str
    name: str
    parent: str | None = None
    level: int | None = None
    email: str | None = None
    old_codes: tuple[str | OldCode, ...] = ()  # they go on meaning this organisation; known ones stay
    status: str | None = None  # active | closed
    successor: str | None = None  # of a closed one
    kind: OrganKind | None = None
    closed_on: str | None = None  # of a closed one: since when
    former_names: tuple[OldName, ...] = ()  # known ones stay


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The registry as it is."""

    version: int  # of the configuration
    organs: tuple[Organ, ...]
    aliases: tuple[Alias, ...]
    names: tuple[FormerName, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """When a change is made, by whom, and which version of the configuration it makes."""

    at: datetime
    actor: str
    version: int

    @property
    def day(self) -> str:
        """The day in Vietnam."""
        return local_day(self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What is to be written."""

    added: tuple[Organ, ...] = ()  # links to each other in any order
    changed: tuple[Organ, ...] = ()  # as they become
    aliases_gone: tuple[Alias, ...] = ()
    aliases: tuple[Alias, ...] = ()
    names: tuple[FormerName, ...] = ()
    moved: frozenset[str] = frozenset()  # those among the changed whose parent or status is another now
    unchanged: int = 0

    def __bool__(self) -> bool:
        return bool(self.added or self.changed)


class Plan:
    """Takes rows, then checks the whole. Raises what `changes` says, or at once what is wrong with one row."""

    def __init__(self, known: Known, occasion: Occasion) -> None:
        self.organs = {organ.organ_id: organ for organ in known.organs}
        self._was = dict(self.organs)
        self._occasion = occasion
        self._taken: dict[str, None] = {}
        self._touched: set[str] = set()  # in their codes or names
        self._forms = {canonical_form(code): code for code in self.organs}
        self._aliases: defaultdict[str, list[Alias]] = defaultdict(list)  # by comparison form
        self._aliases_were = set(known.aliases)
        for alias in known.aliases:
            self._aliases[canonical_form(alias.alias)].append(alias)
        self._names = {(name.organ_id, name.valid_until): name for name in known.names}
        self._new_names: list[FormerName] = []

    @property
    def day(self) -> str:
        """Today, in Vietnam."""
        return self._occasion.day

    def take(self, row: OrganRow) -> None:
        """Add one row; the later of two rows of one code counts where both say something."""
        code = _checked_code(row.code, "code")
        known = self.organs.get(code)
        if known is None:
            self._check_new(code)
            known = Organ(organ_id=code, name=_checked_name(code, row.name), created_at=self._occasion.at)
            self._forms[canonical_form(code)] = code
        self._taken[code] = None
        wanted = self._wanted(known, row)
        if known.name not in (wanted.name, *(plain(old.name) for old in row.former_names)):
            self._leave_name(known)
        self.organs[code] = wanted
        for old in row.old_codes:
            self._take_alias(OldCode(code=old) if isinstance(old, str) else old, code)
        for name in row.former_names:
            self._take_name(code, name)

    def aliases_of(self, organ_id: str, code: str) -> tuple[Alias, ...]:
        """The periods in which another code means an organisation, or meant it."""
        return tuple(one for one in self._aliases[canonical_form(code)] if one.organ_id == organ_id)

    def end_alias(self, alias: str, organ_id: str) -> bool:
        """From today on a code no longer means an organisation; one that has not begun to is forgotten.

        Returns whether it did mean it.
        """
        day = self._occasion.day
        found = self._aliases[canonical_form(alias)]
        for index, one in enumerate(found):
            if one.organ_id == organ_id and (not one.valid_until or day < one.valid_until):
                if one.valid_from < day:
                    found[index] = replace(one, valid_until=day)
                else:
                    del found[index]
                self._taken[organ_id] = None
                self._touched.add(organ_id)
                return True
        return False

    def changes(self) -> Changes:
        """Check the whole.

        Raises UnknownOrgan for a parent or successor that nobody knows; WrongState: ORGAN_CYCLE for a loop of either,
        ORGAN_EXISTS for a code that means another organisation, ORGAN_LEVEL for a level that is not below its
        parent's, PARENT_CLOSED for an active one below a closed one, ORGAN_IN_USE for closing one with active ones
        below it.
        """
        self._check_aliases()
        for column in ("parent_id", "successor_id"):
            self._check_links(column)
        self._check_tree()
        return self._outcome()

    def _wanted(self, known: Organ, row: OrganRow) -> Organ:
        """The organisation as the row wants it."""
        successor = known.successor_id if row.successor is None else row.successor or None
        wanted = replace(
            known,
            name=_checked_name(known.organ_id, row.name) if row.name else known.name,
            parent_id=known.parent_id if row.parent is None else row.parent or None,
            level=known.level if row.level is None else row.level,
            email=known.email if row.email is None else plain(row.email) or None,
            status=row.status or known.status,
            successor_id=successor,
            kind=row.kind or known.kind,
        )
        if wanted.is_closed:
            return replace(wanted, closed_at=self._closed_at(known, row.closed_on))
        if row.successor or row.closed_on:
            at = "successor" if row.successor else "closed_on"
            raise WrongState(Code.ORGAN_ACTIVE, f"{known.organ_id} is active", at=at)
        return replace(wanted, successor_id=None, closed_at=None)

    def _closed_at(self, known: Organ, closed_on: str | None) -> datetime:
        if not closed_on:
            return known.closed_at or self._occasion.at
        day = _checked_day(closed_on, known.organ_id, "closed_on")
        if day > self._occasion.day:
            raise Malformed(Code.BAD_REQUEST, f"{known.organ_id}: closed after today", at="closed_on")
        if known.closed_at is not None and local_day(known.closed_at) == day:
            return known.closed_at
        return datetime.combine(date.fromisoformat(day), time(), VIETNAM).astimezone(UTC)

    # ── Codes ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _check_new(self, code: str) -> None:
        """Whether nobody else is known by the code of a new organisation."""
        form = canonical_form(code)
        if form in self._forms:
            raise WrongState(Code.ORGAN_EXISTS, f"{code} is {self._forms[form]} already", at="code")
        meant = next((one for one in self._aliases[form] if self._matters(one)), None)
        if meant is not None:
            raise WrongState(Code.ORGAN_EXISTS, f"{code} is another code of {meant.organ_id}", at="code")

    def _take_alias(self, old: OldCode, organ_id: str) -> None:
        form = canonical_form(_checked_code(old.code, "old_code"))
        if form == canonical_form(organ_id):
            return
        known = self._aliases[form]
        mine = [one for one in known if one.organ_id == organ_id]
        wanted = _period_told(old, organ_id, mine)
        if wanted in mine:
            return
        other = next((one for one in known if one.organ_id != organ_id and one.overlaps(wanted)), None)
        if other is not None:
            detail = f"{old.code} is another code of {other.organ_id} already"
            raise WrongState(Code.ORGAN_EXISTS, detail, at="old_code")
        # One that goes on, or is told more exactly, takes the place of what was known of it.
        self._aliases[form] = [one for one in known if one.organ_id != organ_id or not one.overlaps(wanted)] + [wanted]
        self._touched.add(organ_id)

    def _check_aliases(self) -> None:
        new = {one for known in self._aliases.values() for one in known} - self._aliases_were
        both = sorted(one.alias for one in new if self._matters(one) and canonical_form(one.alias) in self._forms)
        if both:
            raise WrongState(Code.ORGAN_EXISTS, f"registered, and old codes of others: {_some(both)}", at="old_code")

    def _matters(self, alias: Alias) -> bool:
        """Whether a code means its organisation now, or will."""
        return not alias.valid_until or self._occasion.day < alias.valid_until

    # ── Names ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _leave_name(self, known: Organ) -> None:
        """The name that an organisation has borne so far, and until when; one borne for no day is no history."""
        began = max((until for organ_id, until in self._names if organ_id == known.organ_id), default="")
        if known.organ_id in self._was and began < self._occasion.day:
            self._add_name(
                FormerName(
                    organ_id=known.organ_id,
                    name=known.name,
                    valid_from=began,
                    valid_until=self._occasion.day,
                    source=self._occasion.actor,
                )
            )

    def _take_name(self, organ_id: str, old: OldName) -> None:
        name = FormerName(
            organ_id=organ_id,
            name=_checked_name(organ_id, old.name),
            valid_from=_checked_day(old.valid_from, organ_id, "former_names"),
            valid_until=_checked_day(old.valid_until, organ_id, "former_names"),
            source=plain(old.source),
        )
        if not name.valid_from < name.valid_until <= self._occasion.day:
            detail = f"{organ_id}: a former name ends before it begins, or after today"
            raise Malformed(Code.BAD_REQUEST, detail, at="former_names")
        known = self._names.get((organ_id, name.valid_until))
        if known is None:
            self._add_name(name)
        elif known.name != name.name:
            detail = f"{organ_id} was called {known.name} until {known.valid_until}"
            raise WrongState(Code.ORGAN_HISTORY, detail, at="former_names")

    def _add_name(self, name: FormerName) -> None:
        self._names[name.organ_id, name.valid_until] = name
        self._new_names.append(name)
        self._touched.add(name.organ_id)

    # ── The whole ──────────────────────────────────────────────────────────────────────────────────────────────

    def _check_links(self, column: str) -> None:
        at = column.removesuffix("_id")
        links = {organ.organ_id: getattr(organ, column) for organ in self.organs.values()}
        unknown = sorted({to for to in links.values() if to is not None} - set(self.organs))
        if unknown:
            raise UnknownOrgan(Code.NOT_FOUND, _some(unknown), at=at)
        looped = _looped(links)
        if looped:
            raise WrongState(Code.ORGAN_CYCLE, _some(looped), at=at)

    def _check_tree(self) -> None:
        """The rows taken, and what stands directly below them. Older contradictions elsewhere do not stop a change."""
        in_use: list[str] = []
        for organ in self.organs.values():
            if organ.organ_id not in self._taken and organ.parent_id not in self._taken:
                continue
            self._check_level(organ)
            parent = self.organs.get(organ.parent_id or "")
            if parent is None or organ.is_closed or not parent.is_closed:
                continue
            if organ.organ_id in self._taken:
                detail = f"{organ.organ_id} is active below {parent.organ_id}, which is closed"
                raise WrongState(Code.PARENT_CLOSED, detail, at="parent")
            was = self._was.get(parent.organ_id)
            if was is None or not was.is_closed:
                in_use.append(f"{organ.organ_id} below {parent.organ_id}")
        if in_use:
            raise WrongState(Code.ORGAN_IN_USE, f"active: {_some(sorted(in_use))}", at="status")

    def _check_level(self, organ: Organ) -> None:
        above = self.organs.get(organ.parent_id or "")
        while above is not None and above.level is None:
            above = self.organs.get(above.parent_id or "")
        if organ.level is not None and above is not None and above.level is not None and organ.level <= above.level:
            detail = f"{organ.organ_id}: level {organ.level} below {above.organ_id} of level {above.level}"
            raise WrongState(Code.ORGAN_LEVEL, detail, at="level")

    def _outcome(self) -> Changes:
        version = self._occasion.version
        added, changed, moved = [], [], set()
        for code in self._taken:
            organ, was = self.organs[code], self._was.get(code)
            if was is None:
                added.append(replace(organ, version=version))
            elif organ != was or code in self._touched:
                changed.append(replace(organ, version=version))
                if (organ.parent_id, organ.status) != (was.parent_id, was.status):
                    moved.add(code)
        aliases = {one for known in self._aliases.values() for one in known}
        return Changes(
            added=tuple(added),
            changed=tuple(changed),
            aliases_gone=tuple(self._aliases_were - aliases),
            aliases=tuple(aliases - self._aliases_were),
            names=tuple(self._new_names),
            moved=frozenset(moved),
            unchanged=len(self._taken) - len(added) - len(changed),
        )


def _period_told(old: OldCode, organ_id: str, known: Sequence[Alias]) -> Alias:
    """Another code with its period; what is not said of it stays as it is known."""
    latest = max(known, key=lambda one: one.valid_from, default=Alias(alias=old.code, organ_id=organ_id))
    begins, ends = old.valid_from, old.valid_until
    for day in (begins, ends):
        _checked_day(day or "", old.code, "old_code")
    if begins is not None and latest.valid_until and latest.valid_until <= begins:
        return replace(latest, valid_from=begins, valid_until=ends or "")  # it means the organisation once more
    told = replace(
        latest,
        valid_from=latest.valid_from if begins is None else begins,
        valid_until=latest.valid_until if ends is None else ends,
    )
    if told.valid_until and told.valid_until <= told.valid_from:
        raise Malformed(Code.BAD_REQUEST, f"{old.code} ends before it begins", at="old_code")
    return told


def _looped(links: Mapping[str, str | None]) -> list[str]:
    """Codes whose chain of links comes back to itself."""
    safe: set[str] = set()
    for start in links:
        path: dict[str, None] = {}
        at: str | None = start
        while at is not None and at not in safe:
            if at in path:
                return sorted(path)
            path[at] = None
            at = links.get(at)
        safe.update(path)
    return []


def _checked_code(code: str, at: str) -> str:
    if not is_usable_code(code):
        detail = f"a code has 1 to {MAX_CODE_CHARS} characters, no spaces, and none of {''.join(sorted(_FORBIDDEN))}"
        raise Malformed(Code.BAD_REQUEST, detail, at=at)
    return code


def is_usable_code(code: str) -> bool:
    """Whether a text can be an organisation's code. Real codes follow neither form, so no form is asked for."""
    return (
        0 < len(code) <= MAX_CODE_CHARS
        and code.isprintable()
        and not any(c.isspace() or c in _FORBIDDEN for c in code)
        and code == unicodedata.normalize("NFC", code)
    )


def _checked_name(code: str, name: str) -> str:
    line = plain(name)
    if not line:
        raise Malformed(Code.BAD_REQUEST, f"{code} has no name", at="name")
    return line


def plain(text: str) -> str:
    """One line of what can be printed, NFC."""
    printable = "".join(c if c.isprintable() else " " for c in unicodedata.normalize("NFC", text))
    return " ".join(printable.split())


def _checked_day(text: str, code: str, at: str) -> str:
    """An ISO date, or "" as it is."""
    if text and not is_day(text):
        raise Malformed(Code.BAD_REQUEST, f"{code}: {text!r} is no day like 2025-07-01", at=at)
    return text


def is_day(text: str) -> bool:
    """Whether a text is a day of the calendar: `2025-07-01`."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _some(codes: Sequence[str]) -> str:
    """Some of the codes, for an error."""
    more = len(codes) - _NAMED
    return ", ".join(codes[:_NAMED]) + (f" and {more} more" if more > 0 else "")
