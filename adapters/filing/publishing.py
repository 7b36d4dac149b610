"""Brings packages to the DMS: files beside each other, the last of which says that all are there; each once.

The last file (the JSON, or the package itself where no JSON is wanted) is staged in the node's own folder; then it is
noted that it was; then it is renamed into the DMS's folder. So after a crash the three cases tell themselves apart:
no note, nothing was seen, begin anew; note and staged file, rename it; note alone, the DMS has seen it, and nothing
is done. What has been noted also says for whom the package was, so that further receivers of it get it once, and
nobody twice.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import structlog

from adapters.checking import Fault, Trouble
from adapters.filing.options import FilingOptions, read_statuses
from adapters.filing.place import (
    SENT,
    Gone,
    Place,
    Spot,
    listing,
    read_bytes,
    write,
    write_bytes,
)
from adapters.filing.telling import Laid, laid_files, sidecar, write_json
from axis.clock import Clock
from axis.delivery.peer import Bytes, Outgoing, ReceiverState, Recipient, Sent
from axis.edxml.model import Limits
from axis.edxml.reader import read
from axis.errors import Malformed, PeerRefused
from axis.pieces import file_pieces
from axis.terms import StatusCode
from axis.text import one_line

log = structlog.get_logger(__name__)

_NOTE_BYTES = 4 << 20
_REASON_BYTES, _REASON_CHARACTERS = 4 << 10, 300
_MOST_PARTS = 1000  # times that one package came for further receivers
_NOTES_DAYS = 90  # longer than anything is tried or asked after
_FORGOTTEN_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class _Note:
    """What was noted of a package that was laid out."""

    stem: str
    receivers: tuple[str, ...]
    last: str  # the file that the DMS waits for
    files: tuple[str, ...]  # the others


class Publisher:
    """Lays packages out in a place."""

    def __init__(self, place: Place, options: FilingOptions, clock: Clock, scratch: Path, limits: Limits) -> None:
        self._place = place
        self._options = options
        self._clock = clock
        self._scratch = scratch
        self._limits = limits
        words = read_statuses(options.statuses)
        by_code = {code: word for word, code in reversed(list(words.items())) if word != code.value}
        self._words: dict[StatusCode, str] = by_code  # of several words for one code the first

    async def send(self, outgoing: Outgoing, content: Bytes) -> Sent:
        """Lay a package out for those of its receivers that it was not laid out for yet."""
        served: set[str] = set()
        stem = outgoing.package_id
        async for note in self._notes(outgoing.package_id):
            await self._appear(note)
            if not await self._has_failed(note):
                served.update(note.receivers)
            stem = _stem(outgoing.package_id, _number(note.stem) + 1)
        receivers = tuple(one for one in outgoing.receivers if one.organ_id not in served)
        if receivers or not served:
            await self._lay_out(outgoing, content, receivers, stem)
        return Sent(ref=outgoing.package_id)

    async def receivers(self, package_id: str) -> tuple[ReceiverState, ...]:
        """For whom the DMS has taken a package, and for whom it says that it cannot."""
        states: dict[str, ReceiverState] = {}
        async for note in self._notes(package_id):
            reason = await self._failure(note)
            taken = reason is None and await self._is_taken(note)
            for code in note.receivers:  # laid out again, it is the last time that counts
                states[code] = ReceiverState(
                    organ_code=code, acknowledged=taken, failed=reason is not None, words=reason or ""
                )
        return tuple(states.values())

    async def taken(self, package_id: str) -> None:
        """The DMS has said something of the package, so it has it."""
        async for note in self._notes(package_id):
            await self._note_taken(note)

    async def forget(self) -> None:
        """Remove notes that nothing is asked of any more, a portion at a time."""
        before = self._clock.now() - timedelta(days=_NOTES_DAYS)
        old = [entry for entry in await listing(self._place, SENT) if entry.modified_at < before]
        for entry in old[:_FORGOTTEN_AT_ONCE]:
            await self._place.remove(Spot(SENT, entry.name))

    # ── laying out ─────────────────────────────────────────────────────────────────────────────────────────────

    async def _lay_out(self, outgoing: Outgoing, content: Bytes, receivers: Sequence[Recipient], stem: str) -> None:
        async with self._folder() as folder:
            source = folder / "package"
            with source.open("wb") as copy:
                async for chunk in content():
                    await asyncio.to_thread(copy.write, chunk)
            told, laid = await asyncio.to_thread(self._open, outgoing, source, receivers, stem)
            files = [one.file for one in laid]
            for one in laid:
                await self._write(one.file, one.path, one.size_bytes)
            package = f"{stem}.edxml"
            if not self._options.sidecar:
                note = _Note(stem=stem, receivers=_codes(receivers), last=package, files=tuple(files))
                staged = Spot(SENT, f"{stem}.staged")
                await write(self._place, staged, file_pieces(source), outgoing.size_bytes)
            else:
                await self._write(package, source, outgoing.size_bytes)
                note = _Note(stem=stem, receivers=_codes(receivers), last=f"{stem}.json", files=(package, *files))
                await write_bytes(self._place, Spot(SENT, f"{stem}.staged"), write_json(told))
        noted = {"receivers": note.receivers, "last": note.last, "files": note.files}
        await write_bytes(self._place, Spot(SENT, f"{stem}.note"), write_json(noted))
        await self._appear(note)

    async def _write(self, name: str, path: Path, size_bytes: int) -> None:
        await write(self._place, Spot(self._options.to_dms, name), file_pieces(path), size_bytes)

    async def _appear(self, note: _Note) -> None:
        """The last file comes into the DMS's folder, if it has not done so."""
        await self._place.move(Spot(SENT, f"{note.stem}.staged"), Spot(self._options.to_dms, note.last))

    def _open(
        self, outgoing: Outgoing, source: Path, receivers: Sequence[Recipient], stem: str
    ) -> tuple[dict[str, Any], tuple[Laid, ...]]:
        """Read the package, and its files where they lie beside it."""
        spool = source.parent if self._options.attachments else None
        try:
            package = read(source, limits=self._limits, spool_dir=spool)
            laid = laid_files(package, stem, self._limits) if spool else ()
            told = sidecar(outgoing, package, receivers, self._words)
        except Malformed as e:
            raise PeerRefused(f"the stored package cannot be taken apart: {e}") from e
        told["package"] = f"{stem}.edxml"
        told["files"] = [
            {"file": one.file, "name": one.name, "media_type": one.media_type, "size_bytes": one.size_bytes}
            for one in laid
        ]
        return told, laid

    @asynccontextmanager
    async def _folder(self) -> AsyncIterator[Path]:
        folder = TemporaryDirectory(prefix="filing-", dir=self._scratch)
        try:
            yield Path(folder.name)
        finally:
            await asyncio.shield(asyncio.to_thread(folder.cleanup))

    # ── what was laid out, and taken ───────────────────────────────────────────────────────────────────────────

    async def _notes(self, package_id: str) -> AsyncIterator[_Note]:
        """Everything that was noted of a package, in order."""
        for number in range(1, _MOST_PARTS):
            stem = _stem(package_id, number)
            try:
                raw = await read_bytes(self._place, Spot(SENT, f"{stem}.note"), _NOTE_BYTES)
            except Gone:
                return
            yield _read_note(stem, raw)

    async def _is_taken(self, note: _Note) -> bool:
        place, to_dms = self._place, self._options.to_dms
        if await place.stat(Spot(SENT, f"{note.stem}.taken")) is not None:
            return True
        if await place.stat(Spot(SENT, f"{note.stem}.staged")) is not None:
            return False
        if self._options.acknowledge == "removed":
            return await place.stat(Spot(to_dms, note.last)) is None
        if await place.stat(Spot(to_dms, f"{note.stem}.ok")) is None:
            return False
        await self._note_taken(note)
        return True

    async def _has_failed(self, note: _Note) -> bool:
        """Whether it is on record that the DMS could not take it; a later receipt outdoes that."""
        if await self._place.stat(Spot(SENT, f"{note.stem}.taken")) is not None:
            return False
        return await self._place.stat(Spot(SENT, f"{note.stem}.failed")) is not None

    async def _failure(self, note: _Note) -> str | None:
        """Why the DMS could not take it, in its words; None: it does not say so."""
        if await self._place.stat(Spot(SENT, f"{note.stem}.taken")) is not None:
            return None
        recorded, said = Spot(SENT, f"{note.stem}.failed"), Spot(self._options.to_dms, f"{note.stem}.failed")
        raw = await self._words_at(said)
        if raw is None:
            raw = await self._words_at(recorded)
            return None if raw is None else _reason(raw)
        # On record before anything is cleared away; what it said goes last, so that a crash leaves nothing behind.
        await write_bytes(self._place, recorded, raw)
        for name in (note.last, *note.files, said.name):
            await self._place.remove(Spot(self._options.to_dms, name))
        return _reason(raw)

    async def _words_at(self, spot: Spot) -> bytes | None:
        try:
            return await read_bytes(self._place, spot, _REASON_BYTES)
        except Gone:
            return None

    async def _note_taken(self, note: _Note) -> None:
        """That it was taken is noted before anything is cleared away."""
        await write_bytes(self._place, Spot(SENT, f"{note.stem}.taken"), b"")
        if self._options.acknowledge == "ok":
            for name in (note.last, *note.files, f"{note.stem}.ok"):
                await self._place.remove(Spot(self._options.to_dms, name))


def _reason(raw: bytes) -> str:
    return one_line(raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace"), _REASON_CHARACTERS)


def _codes(receivers: Sequence[Recipient]) -> tuple[str, ...]:
    return tuple(one.organ_id for one in receivers)


def _stem(package_id: str, number: int) -> str:
    """A package's name in the place; it has another one for each time that it comes for further receivers."""
    return package_id if number == 1 else f"{package_id}-{number}"


def _number(stem: str) -> int:
    return int(stem.rpartition("-")[2]) if "-" in stem else 1


def _read_note(stem: str, raw: bytes) -> _Note:
    try:
        noted = json.loads(raw)
        return _Note(
            stem=stem,
            receivers=tuple(map(str, noted["receivers"])),
            last=str(noted["last"]),
            files=tuple(map(str, noted["files"])),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as e:
        raise Trouble(Fault.OTHER, f"{SENT}/{stem}.note is not as the node left it") from e
