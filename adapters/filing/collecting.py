"""Takes what the DMS has for us: only what is complete, each once, and what is wrong is put aside with the reason.

A file is complete when it has stayed the same over two looks and ends as such a file ends; a JSON file, when the
files that it names are there too. Programs that write under another name first and rename are never met half-way:
such names are passed over. One that stays incomplete for too long is judged as it is. What is complete is renamed
into the node's own folder before it is read: the DMS may use the name again at once, and a crash leaves it there to
be taken up. Only once it is durable here does it leave that folder.
"""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import structlog

from adapters.filing.options import FilingOptions, read_statuses
from adapters.filing.place import (
    ERRORS,
    TAKEN,
    WORK,
    Entry,
    EntryKind,
    Gone,
    Place,
    Spot,
    is_finished_name,
    is_left_over,
    listing,
    once,
    read_bytes,
    safe_name,
    same_name,
    write_bytes,
)
from adapters.filing.wishes import MOST_JSON_BYTES, DocumentWish, StatusWish, read_wish, status_package, write_document
from axis.clock import VIETNAM, Clock, to_local
from axis.delivery.peer import Incoming
from axis.edxml.model import Limits
from axis.errors import AxisError, Code, Malformed
from axis.messages import describe
from axis.pieces import file_pieces
from axis.terms import PackageKind

log = structlog.get_logger(__name__)

PACKAGE_ENDINGS: Final = (".edxml", ".xml")
JSON_ENDING: Final = ".json"
STRAY = timedelta(days=1)
"""What no JSON file names is put aside after that time."""

_TAIL_BYTES = 4 << 10
_PACKAGE_END: Final = re.compile(rb"</(?:[\w.-]+:)?edXML\s*>(?:\s|<!--.*?-->|<\?.*?\?>)*\Z", re.DOTALL | re.IGNORECASE)
_JSON_END: Final = re.compile(rb"\}\s*\Z")
_WORK_NAME: Final = re.compile(
    r"(?P<token>(?P<moment>[0-9]{8}-[0-9]{6})-[0-9]{10}[0-9a-f]{4})\.(?P<part>item|file[0-9]+)\..+"
)
_CLEARED_AT_ONCE = 500
_STUCK_SHARE = 4  # a fourth of a batch is for items that did not go before, if there is so much else
_LOOKED_AT_ONCE = 500


@dataclass(slots=True)
class _Look:
    """How a file looked, and since when."""

    size_bytes: int
    modified_at: datetime
    since: datetime
    ends_well: bool | None = None  # None: nobody has looked


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    """Something to be taken: a package, or a JSON file with its files."""

    entry: Entry
    files: tuple[str, ...] = ()  # in the DMS's folder


@dataclass(slots=True)
class _Held:
    """What belongs to an item while it is worked on."""

    files: tuple[str, ...] = ()  # in WORK
    package_id: str | None = None  # of ours, of which it is a receipt
    steady: bool = True


@dataclass(slots=True)
class _Seen:
    """One look at the DMS's folder."""

    now: datetime
    by_name: dict[str, Entry] = field(default_factory=dict)
    wanted: set[str] = field(default_factory=set)  # what JSON files name
    ready: list[_Ready] = field(default_factory=list)


class Collector:
    """Takes packages from a place."""

    def __init__(self, place: Place, options: FilingOptions, clock: Clock, scratch: Path, limits: Limits) -> None:
        self._place = place
        self._options = options
        self._clock = clock
        self._scratch = scratch
        self._limits = limits
        self._statuses = read_statuses(options.statuses)
        self._looks: dict[str, _Look] = {}
        self._held: dict[str, _Held] = {}
        self._tries: dict[str, int] = {}  # of items in WORK: how often they were fetched, and did not go

    async def poll(self) -> tuple[Incoming, ...]:
        """What can be taken now, at most a batch: what another process left, what is new, what did not go before.

        Items that do not go, however many, leave most of a batch to others; the least tried among them come first.
        """
        work = await self._left_over()
        for name in self._held:
            self._did_not_go(name)
        self._held.clear()
        self._tries = {name: self._tries[name] for name in work if name in self._tries}
        stuck = sorted(self._tries, key=lambda name: (self._tries[name], name))
        batch = self._options.batch
        most = batch - min(len(stuck), batch // _STUCK_SHARE)
        items = [name for name in work if name not in self._tries][:most]
        if len(items) < most:
            items += await self._claim(most - len(items))
        items += stuck[: batch - len(items)]
        return tuple(Incoming(ref=name, kind=PackageKind.DOCUMENT) for name in items)

    @asynccontextmanager
    async def fetch(self, item: Incoming) -> AsyncIterator[AsyncIterator[bytes]]:
        """The item's package: its own bytes, or what is composed of it. Raises Malformed when it cannot be read."""
        self._held[item.ref] = held = _Held()
        spot = Spot(WORK, item.ref)
        before = await self._place.stat(spot)
        if before is None or before.kind is not EntryKind.FILE:
            raise Malformed(Code.BAD_FILE, "it is not there any more, or no plain file", at=item.ref)
        try:
            if item.ref.lower().endswith(JSON_ENDING):
                async with self._composed(item.ref, before, held) as pieces:
                    yield pieces
            else:
                async with self._place.read(spot) as pieces:
                    yield self._steadily(pieces, spot, before, held)
        except Gone as e:
            raise Malformed(Code.BAD_FILE, "it is not there any more", at=item.ref) from e

    def receipt_of(self, item: Incoming) -> str | None:
        """The package of ours of which a fetched item is a receipt, if it is one."""
        return self._held.get(item.ref, _Held()).package_id

    async def confirm(self, item: Incoming) -> None:
        """The item is durable here."""
        held = self._held.pop(item.ref, _Held())
        # The item first: files alone are cleared away, an item alone would be read again, without them.
        for name in (item.ref, *held.files):
            await self._put_away(name)

    async def put_aside(self, item: Incoming, error: AxisError) -> None:
        """The item could not be taken: it goes where people look, with the reason in words."""
        held = self._held.pop(item.ref, _Held())
        if not held.steady:
            self._did_not_go(item.ref)
            return  # it is still being written: another look
        await self._quarantine(Spot(WORK, item.ref), item.ref, error)
        for name in held.files or await self._files_of(item.ref):
            await self._place.move(Spot(WORK, name), Spot(ERRORS, name))

    def _did_not_go(self, name: str) -> None:
        self._tries[name] = self._tries.get(name, 0) + 1

    async def clear(self) -> None:
        """Remove what has been kept long enough, and what writes that were cut off left behind; a portion at a time."""
        now = self._clock.now()
        kept = now - timedelta(days=self._options.keep_days)
        old = [Spot(TAKEN, entry.name) for entry in await listing(self._place, TAKEN) if _taken_at(entry) < kept]
        for folder in (self._options.to_dms, ERRORS, WORK):
            found = await listing(self._place, folder)
            old += [
                Spot(folder, entry.name) for entry in found if is_left_over(entry) and entry.modified_at < now - STRAY
            ]
        for spot in old[:_CLEARED_AT_ONCE]:
            await self._place.remove(spot)

    # ── looking ────────────────────────────────────────────────────────────────────────────────────────────────

    async def _left_over(self) -> list[str]:
        """Items that were claimed and not finished, the oldest claim first. Files whose item is done follow it."""
        items: list[str] = []
        tokens: set[str] = set()
        files: list[tuple[str, str]] = []
        for entry in sorted(await listing(self._place, WORK), key=lambda one: one.name):
            match = _WORK_NAME.fullmatch(entry.name)
            if match is None:
                continue
            if match["part"] == "item":
                items.append(entry.name)
                tokens.add(match["token"])
            else:
                files.append((match["token"], entry.name))
        if orphans := [name for token, name in files if token not in tokens]:
            await self._follow(orphans)
        return items

    async def _follow(self, files: Sequence[str]) -> None:
        """Files whose item is done go where it went."""
        aside = {entry.name.partition(".")[0] for entry in await listing(self._place, ERRORS)}
        for name in files:
            if name.partition(".")[0] in aside:
                await self._place.move(Spot(WORK, name), Spot(ERRORS, name))
            else:
                await self._put_away(name)

    async def _claim(self, most: int) -> list[str]:
        """Rename what is complete into our folder."""
        seen = _Seen(now=self._clock.now())
        found = await listing(self._place, self._options.from_dms)
        seen.by_name = {entry.name: entry for entry in found}
        self._looks = await asyncio.to_thread(_looks_now, found, self._looks, seen.now)
        claimed: list[str] = []
        for number, entry in enumerate(found):
            if len(claimed) >= most:
                return claimed
            if number % _LOOKED_AT_ONCE == 0:
                await asyncio.sleep(0)  # many that are not ready yet must not hold the loop
            if not is_finished_name(entry.name) or entry.kind is EntryKind.FOLDER or not self._settled(entry, seen.now):
                continue
            ready = await self._ready(entry, seen)
            if ready is not None and (name := await self._take(ready, len(claimed), seen.now)) is not None:
                claimed.append(name)
        await self._put_strays_aside(found, seen)
        return claimed

    def _settled(self, entry: Entry, now: datetime) -> bool:
        """Whether it has stayed the same since a former look, for long enough."""
        since = self._looks[entry.name].since
        return since < now and now - since >= timedelta(seconds=self._options.settle_s)

    def _is_late(self, entry: Entry, now: datetime) -> bool:
        return now - self._looks[entry.name].since >= timedelta(seconds=self._options.patience_s)

    async def _ready(self, entry: Entry, seen: _Seen) -> _Ready | None:
        name = entry.name.lower()
        if not name.endswith((*PACKAGE_ENDINGS, JSON_ENDING)):
            return None
        if entry.kind is EntryKind.OTHER:
            error = Malformed(Code.BAD_FILE, "a link, or something else that is no plain file: it is not followed")
            await self._quarantine(Spot(self._options.from_dms, entry.name), _item_name(entry.name, 0, seen.now), error)
            return None
        late = self._is_late(entry, seen.now)
        if not late and not await self._ends_well(entry):
            return None
        if not name.endswith(JSON_ENDING):
            return _Ready(entry=entry)
        return await self._ready_json(entry, seen, late=late)

    async def _ends_well(self, entry: Entry) -> bool:
        look = self._looks[entry.name]
        if look.ends_well is None:
            start = max(entry.size_bytes - _TAIL_BYTES, 0)
            try:
                spot = Spot(self._options.from_dms, entry.name)
                tail = await read_bytes(self._place, spot, _TAIL_BYTES + 1, start=start)
            except Gone:
                return False
            pattern = _JSON_END if entry.name.lower().endswith(JSON_ENDING) else _PACKAGE_END
            look.ends_well = pattern.search(tail.replace(b"\0", b"")) is not None
        return look.ends_well

    async def _ready_json(self, entry: Entry, seen: _Seen, *, late: bool) -> _Ready | None:
        """With its files; without them, when it cannot be read: what is wrong is found again when it is fetched."""
        try:
            raw = await read_bytes(self._place, Spot(self._options.from_dms, entry.name), MOST_JSON_BYTES + 1)
            wish = read_wish(raw)
        except Gone:
            return None
        except Malformed:
            return _Ready(entry=entry)
        if not isinstance(wish, DocumentWish):
            return _Ready(entry=entry)
        there = [_find(file.file, seen.by_name) for file in wish.files]
        seen.wanted.update(name for name in there if name is not None)
        complete = all(name is not None and self._settled(seen.by_name[name], seen.now) for name in there)
        if not complete and not late:
            return None
        return _Ready(entry=entry, files=tuple(name or "" for name in there))

    async def _take(self, ready: _Ready, number: int, now: datetime) -> str | None:
        """The item first, then its files: an item whose files are still to come is completed when it is fetched."""
        name = _item_name(ready.entry.name, number, now)
        if not await self._place.move(Spot(self._options.from_dms, ready.entry.name), Spot(WORK, name)):
            return None
        for place, file in enumerate(ready.files):
            if file:
                await self._bring(name, place, file)
        return name

    async def _bring(self, item: str, number: int, file: str) -> None:
        await self._place.move(Spot(self._options.from_dms, file), Spot(WORK, _file_name(item, number, file)))

    async def _put_strays_aside(self, found: Sequence[Entry], seen: _Seen) -> None:
        """What is no package and what no JSON file names, once it has lain there for long."""
        for number, entry in enumerate(found):
            if number % _LOOKED_AT_ONCE == 0:
                await asyncio.sleep(0)
            if (
                entry.kind is not EntryKind.FOLDER
                and is_finished_name(entry.name)
                and not entry.name.lower().endswith((*PACKAGE_ENDINGS, JSON_ENDING))
                and entry.name not in seen.wanted
                and seen.now - self._looks[entry.name].since >= STRAY
            ):
                error = Malformed(Code.BAD_FILE, "no JSON file names it, and it is no package (.edxml, .xml, .json)")
                await self._quarantine(
                    Spot(self._options.from_dms, entry.name), _item_name(entry.name, 0, seen.now), error
                )

    # ── reading ────────────────────────────────────────────────────────────────────────────────────────────────

    async def _steadily(
        self, pieces: AsyncIterator[bytes], spot: Spot, before: Entry, held: _Held
    ) -> AsyncIterator[bytes]:
        """The bytes, if the file stays the same meanwhile: whoever has it open still writes to it."""
        size_bytes = 0
        async for piece in pieces:
            size_bytes += len(piece)
            if size_bytes > before.size_bytes:
                break  # it may grow as fast as it is read
            yield piece
        after = await self._place.stat(spot)
        held.steady = after == before and size_bytes == before.size_bytes
        if not held.steady:
            raise Malformed(Code.TRUNCATED_UPLOAD, "it changed while it was read", at=spot.name)

    @asynccontextmanager
    async def _composed(self, item: str, entry: Entry, held: _Held) -> AsyncIterator[AsyncIterator[bytes]]:
        raw = await read_bytes(self._place, Spot(WORK, item), MOST_JSON_BYTES + 1)
        if not raw:
            raise Malformed(Code.EMPTY_BODY, at=item)
        wish = read_wish(raw)
        if isinstance(wish, StatusWish):
            held.package_id = wish.package_id
            yield once(status_package(wish, self._statuses, entry.modified_at))
            return
        folder = TemporaryDirectory(prefix="filing-", dir=self._scratch)
        try:
            paths = await self._download(item, wish, Path(folder.name), held)
            out = Path(folder.name) / "package"
            await asyncio.to_thread(write_document, wish, paths, out, self._limits)
            async with aclosing(file_pieces(out)) as pieces:
                yield pieces
        finally:
            await asyncio.shield(asyncio.to_thread(folder.cleanup))

    async def _download(self, item: str, wish: DocumentWish, folder: Path, held: _Held) -> list[Path]:
        """The document's files, each of which may still lie in the DMS's folder after a crash."""
        there = {_number_of(name): name for name in await self._files_of(item)}
        if any(number not in there for number in range(len(wish.files))):
            by_name = {entry.name: entry for entry in await listing(self._place, self._options.from_dms)}
            for number, file in enumerate(wish.files):
                if number not in there and (name := _find(file.file, by_name)) is not None:
                    await self._bring(item, number, name)
                    there[number] = _file_name(item, number, name)
        held.files = tuple(there.values())
        paths = []
        for number, file in enumerate(wish.files):
            if number not in there:
                raise Malformed(Code.ATTACHMENT_ABSENT, file.file, at=f"files[{number}].file")
            paths.append(await self._copy(Spot(WORK, there[number]), folder / f"{number}", file.file))
        return paths

    async def _copy(self, spot: Spot, path: Path, name: str) -> Path:
        try:
            async with self._place.read(spot) as pieces:
                with path.open("wb") as out:
                    async for piece in pieces:
                        await asyncio.to_thread(out.write, piece)
        except Gone as e:
            raise Malformed(Code.ATTACHMENT_ABSENT, f"{name}: no plain file") from e
        return path

    async def _files_of(self, item: str) -> list[str]:
        token = item.partition(".")[0]
        found = (entry.name for entry in await listing(self._place, WORK))
        return [name for name in found if name.startswith(f"{token}.file")]

    # ── putting away ───────────────────────────────────────────────────────────────────────────────────────────

    async def _put_away(self, name: str) -> None:
        if self._options.keep_days:
            await self._place.move(Spot(WORK, name), Spot(TAKEN, name))
        else:
            await self._place.remove(Spot(WORK, name))

    async def _quarantine(self, spot: Spot, name: str, error: AxisError) -> None:
        """The reason first: what lies among the errors always has one beside it."""
        await write_bytes(self._place, Spot(ERRORS, f"{name}.error.txt"), self._reason(name, error))
        await self._place.move(spot, Spot(ERRORS, name))
        log.warning("file_put_aside", name=name, code=error.code)

    def _reason(self, name: str, error: AxisError) -> bytes:
        original = name.split(".", 2)[-1]
        from_dms = self._options.from_dms
        text = f"""Tệp / File: {original}
Lúc / At: {self._clock.now().astimezone(VIETNAM):%d/%m/%Y %H:%M:%S}
Mã lỗi / Code: {error.code}

{describe(error, "vi")}
Cách xử lý: sửa theo hướng dẫn trên, đặt tệp đúng trở lại thư mục {from_dms}, rồi xóa tệp này và tệp lỗi.
Trục không đọc lại tệp trong thư mục {ERRORS}.

{describe(error, "en")}
What to do: put it right, lay the correct file into {from_dms} again, then delete this note and the faulty file.
The node does not look into {ERRORS} again.
"""
        return text.encode("utf-8", "replace")


def _looks_now(found: Sequence[Entry], before: Mapping[str, _Look], now: datetime) -> dict[str, _Look]:
    """How each file looks, and since when it has looked so."""
    looks: dict[str, _Look] = {}
    for entry in found:
        look = before.get(entry.name)
        if look is None or (look.size_bytes, look.modified_at) != (entry.size_bytes, entry.modified_at):
            look = _Look(entry.size_bytes, entry.modified_at, now)
        looks[entry.name] = look
    return looks


def _find(wanted: str, by_name: Mapping[str, Entry]) -> str | None:
    """The name under which a file lies there: as it was written, else the one that is the same letters."""
    if wanted in by_name:
        return wanted
    alike = [name for name in by_name if same_name(name) == same_name(wanted)]
    return alike[0] if len(alike) == 1 else None


def _file_name(item: str, number: int, name: str) -> str:
    return f"{item.partition('.')[0]}.file{number}.{safe_name(name)}"


def _number_of(name: str) -> int:
    return int(name.split(".", 2)[1].removeprefix("file"))


def _item_name(name: str, number: int, now: datetime) -> str:
    """Sorts by the claim and its place therein; two nodes never make the same one."""
    moment = f"{to_local(now):%Y%m%d-%H%M%S}-{now.microsecond:06}{number:04}"
    return f"{moment}{secrets.token_hex(2)}.item.{safe_name(name)}"


def _taken_at(entry: Entry) -> datetime:
    """When it was claimed; its own time is the DMS's word."""
    match = _WORK_NAME.fullmatch(entry.name)
    if match is None:
        return entry.modified_at
    return datetime.strptime(match["moment"], "%Y%m%d-%H%M%S").replace(tzinfo=VIETNAM)
