"""The agency's side of the courier: opens what the node sent, lays it out to be read, and makes the answer.

It needs the key file and nothing else: no database, no network. What it lays out:

    DIR/courier.json      which file this was (its manifest), for the answer
    DIR/index.html        what came, for people
    DIR/packages/ID.edxml the packages, exactly as they were sent
    DIR/files/ID/…        the files of each, under harmless names
    DIR/outgoing/         where the agency's own packages and statuses are put before `reply`

Ids and digests are the node's, so that an agency whose line returns meanwhile fetches the same packages under the same
ids. Opening the same file again changes nothing. Which numbers were opened is kept beside the key file, so that
another file under the number of one that was opened is noticed, and a missing one too.
"""

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from axis.clock import to_local
from axis.courier.bundle import Bundle, write_bundle
from axis.courier.keys import KeyFile
from axis.courier.model import MANIFEST_BYTES, Direction, Item, Manifest, read_manifest
from axis.edxml.dates import write_timestamp
from axis.edxml.model import (
    DocumentPackage,
    Limits,
    Package,
    Party,
    ResponseFor,
    StatusHeader,
    StatusPackage,
)
from axis.edxml.reader import read
from axis.edxml.writer import to_bytes
from axis.edxml.zips import as_it_was
from axis.errors import Code, Malformed, NotAllowed, NotFound, WrongState
from axis.terms import PackageKind, StatusCode
from axis.text import file_name, plain

_KEY_BYTES = 1 << 20
_PIECE_BYTES = 256 << 10
_RECORD: Final = "courier.json"
_PACKAGES, _FILES, _OUTGOING = "packages", "files", "outgoing"
_SEEN_ENDING = ".opened"
_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """What was opened."""

    manifest: Manifest
    opened_before: bool
    missing: tuple[int, ...]  # numbers of files before this one that were never opened here; at most a few
    unreadable: tuple[str, ...]  # packages whose files could not be taken out; they lie there whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer that was made."""

    acknowledged: tuple[str, ...]
    damaged: tuple[str, ...]  # packages that are missing or changed in the folder: not acknowledged
    sent: int
    size_bytes: int


def read_key(path: Path) -> KeyFile:
    """The agency's key file. Raises Malformed(BAD_FILE)."""
    if path.stat().st_size > _KEY_BYTES:
        raise Malformed(Code.BAD_FILE, "not a courier's key file", at=str(path))
    return KeyFile.from_text(path.read_text(encoding="utf-8"))


def open_bundle(source: Path, key_path: Path, out: Path, now: datetime) -> Laid:
    """Lay a file from the node out in a new folder; one that is broken anywhere leaves nothing.

    Raises Malformed and NotAllowed as `courier.bundle`, NotAllowed(COURIER_EXPIRED), WrongState(COURIER_CONFLICT) when
    another file of its number was opened before, Malformed(BAD_FILE) when the folder holds something else.
    """
    key = read_key(key_path)
    fresh = out.with_name(f".{out.name}.{secrets.token_hex(4)}")
    with source.open("rb") as file:
        bundle = Bundle(file, key.keys, key.node_identity)
        manifest = bundle.manifest
        _check(manifest, key, now)
        seen = _read_seen(key_path)
        known = seen.get(manifest.sequence)
        if known not in {None, bundle.manifest_sha256}:
            raise WrongState(Code.COURIER_CONFLICT, f"number {manifest.sequence}")
        (fresh / _PACKAGES).mkdir(parents=True)
        try:
            for item, pieces in bundle.packages():
                _write(fresh / _PACKAGES / f"{item.package_id}.edxml", pieces)
            unreadable = _lay_out(fresh, manifest, key)
            _take_place(fresh, out, manifest)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    _write_seen(key_path, {**seen, manifest.sequence: bundle.manifest_sha256})
    return Laid(
        manifest=manifest,
        opened_before=known is not None,
        missing=_missing(manifest, seen),
        unreadable=unreadable,
    )


def _check(manifest: Manifest, key: KeyFile, now: datetime) -> None:
    if manifest.direction is not Direction.OUT or manifest.system_id != key.system_id:
        raise NotAllowed(Code.COURIER_FOREIGN, "not from the node to this agency")
    if now >= manifest.expires_at:
        raise NotAllowed(Code.COURIER_EXPIRED, f"since {manifest.expires_at.isoformat()}")


def _missing(manifest: Manifest, seen: Mapping[int, str]) -> tuple[int, ...]:
    """The file before this one, when it was packed and never opened here."""
    previous = manifest.previous
    return (previous,) if previous and previous not in seen else ()


# ── laying out ─────────────────────────────────────────────────────────────────────────────────────────────────


def _lay_out(fresh: Path, manifest: Manifest, key: KeyFile) -> tuple[str, ...]:
    """The files of each package, the page, the record. Returns the packages whose files could not be taken out."""
    (fresh / _OUTGOING).mkdir()
    unreadable = []
    listed: dict[str, tuple[str, ...]] = {}
    for item in manifest.items:
        try:
            listed[item.package_id] = _take_apart(fresh, item)
        except Malformed:  # a ZIP that swells, or what the node took and this version does not
            shutil.rmtree(fresh / _FILES / item.package_id, ignore_errors=True)
            unreadable.append(item.package_id)
    (fresh / "index.html").write_text(_page(manifest, key, listed), encoding="utf-8")
    (fresh / _RECORD).write_bytes(manifest.to_bytes())
    return tuple(unreadable)


def _take_apart(fresh: Path, item: Item) -> tuple[str, ...]:
    if item.kind is not PackageKind.DOCUMENT:
        return ()
    folder = fresh / _FILES / item.package_id
    folder.mkdir(parents=True)
    scratch = fresh / "scratch"
    scratch.mkdir()
    try:
        package = read(fresh / _PACKAGES / f"{item.package_id}.edxml", limits=_LIMITS, spool_dir=scratch)
        names: list[str] = []
        for file in package.attachments if isinstance(package, DocumentPackage) else ():
            assert isinstance(file.content, Path)  # noqa: S101 - read with a spool_dir
            inner = as_it_was(file, file.content, _LIMITS)
            name = f"{len(names) + 1:02} {file_name(inner.name)}"
            inner.path.rename(folder / name)
            names.append(name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return tuple(names)


def _page(manifest: Manifest, key: KeyFile, listed: Mapping[str, Sequence[str]]) -> str:
    environment = Environment(
        loader=PackageLoader("axis.ops"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: plain(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    ordered = sorted(manifest.items, key=lambda item: -item.urgency)
    return environment.get_template("courier.html").render(
        manifest=manifest,
        node=key.node,
        organs=key.organs,
        items=[(item, listed.get(item.package_id, ())) for item in ordered],
        created_at=f"{to_local(manifest.created_at):%H:%M ngày %d/%m/%Y}",
        expires_at=f"{to_local(manifest.expires_at):%d/%m/%Y}",
        urgencies={1: "Khẩn", 2: "Thượng khẩn", 3: "Hỏa tốc", 4: "Hỏa tốc hẹn giờ"},
    )


def _take_place(fresh: Path, out: Path, manifest: Manifest) -> None:
    """Give the finished folder its name; a folder that holds this very file already keeps what was added to it."""
    if not out.exists():
        fresh.rename(out)
        return
    if read_record(out) != manifest:
        raise Malformed(Code.BAD_FILE, "the folder holds something else", at=str(out))


def _write(path: Path, pieces: Iterator[bytes]) -> None:
    with path.open("xb") as file:
        for piece in pieces:
            file.write(piece)


def read_record(folder: Path) -> Manifest:
    """Which file was laid out in a folder. Raises Malformed(BAD_FILE)."""
    record = folder / _RECORD
    try:
        with record.open("rb") as file:
            return read_manifest(file.read(MANIFEST_BYTES))
    except FileNotFoundError as e:
        raise Malformed(Code.BAD_FILE, "nothing was opened here", at=str(folder)) from e
    except Malformed as e:
        raise Malformed(Code.BAD_FILE, "not the record of a courier's file", at=str(record)) from e


# ── what was opened before ─────────────────────────────────────────────────────────────────────────────────────


def _read_seen(key_path: Path) -> dict[int, str]:
    """By number, the manifest of each file that was opened with this key."""
    path = key_path.with_name(key_path.name + _SEEN_ENDING)
    try:
        return {int(number): str(digest) for number, digest in json.loads(path.read_text(encoding="utf-8")).items()}
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError) as e:
        raise Malformed(Code.BAD_FILE, "not the list of opened files", at=str(path)) from e


def _write_seen(key_path: Path, seen: Mapping[int, str]) -> None:
    path = key_path.with_name(key_path.name + _SEEN_ENDING)
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(json.dumps(dict(sorted(seen.items())), indent=1), encoding="utf-8")
    fresh.replace(path)


# ── answering ──────────────────────────────────────────────────────────────────────────────────────────────────


def write_status(folder: Path, key_path: Path, package_id: str, said: "StatusSaid") -> Path:
    """Put a status on a package that was opened here among what goes out. Returns its file.

    Raises NotFound for a package that is not here, WrongState when it carries no document or is for several of the
    agency's organisations and none was named, Malformed(FIELD_INVALID) for a refusal without a reason.
    """
    key, manifest = read_key(key_path), read_record(folder)
    item = next((one for one in manifest.items if one.package_id == package_id), None)
    if item is None:
        raise NotFound(Code.NOT_FOUND, package_id)
    if item.kind is not PackageKind.DOCUMENT:
        raise WrongState(Code.STATUS_UNMATCHED, f"{package_id} carries no document")
    if said.code is StatusCode.REFUSED and not said.reason.strip():
        raise Malformed(Code.FIELD_INVALID, "02 needs a reason", at="Description")
    receiver = said.organ or (item.receivers[0] if len(item.receivers) == 1 else "")
    if receiver not in item.receivers:
        raise WrongState(Code.UNKNOWN_RECEIVER, f"one of: {', '.join(item.receivers)}")
    package = read(folder / _PACKAGES / f"{package_id}.edxml", limits=_LIMITS)
    assert isinstance(package, DocumentPackage)  # noqa: S101 - the manifest says so, and its digest was checked
    names = {organ.code: organ.name for organ in key.organs}
    raw = to_bytes(_status(package, Party(organ_id=receiver, organ_name=names.get(receiver)), said))
    (folder / _OUTGOING).mkdir(exist_ok=True)
    path = folder / _OUTGOING / f"trang-thai-{said.code}-{hashlib.sha256(raw).hexdigest()[:16]}.edxml"
    path.write_bytes(raw)
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusSaid:
    """A status as somebody at the agency says it."""

    code: StatusCode
    reason: str = ""
    organ: str = ""  # for which organisation; needed when a package is for several
    at: datetime


def _status(package: DocumentPackage, sender: Party, said: StatusSaid) -> StatusPackage:
    header = package.header
    response_for = ResponseFor(
        organ_id=header.sender.organ_id,
        code=header.code.text or None,
        document_id=header.document_id,
        promulgation_date=header.promulgation.promulgation_date,
    )
    return StatusPackage(
        header=StatusHeader(
            sender=sender,
            response_for=response_for,
            status_code=said.code.value,
            description=said.reason or None,
            timestamp=write_timestamp(said.at),
        )
    )


def make_reply(folder: Path, key_path: Path, out: Path, now: datetime, good_for: timedelta) -> Reply:
    """Make the answer: what has come whole is acknowledged, what lies in `outgoing` goes along, documents first.

    Raises Malformed(BAD_FILE) for a file in `outgoing` that is no package; an existing file is never overwritten.
    """
    key, opened = read_key(key_path), read_record(folder)
    if out.exists():
        raise Malformed(Code.BAD_FILE, "there is a file of this name already", at=str(out))
    whole, damaged = _sort(folder, opened)
    outgoing = sorted(_outgoing(folder), key=lambda one: (one[1].kind is PackageKind.STATUS, one[0].name))
    now = now.replace(microsecond=0)
    manifest = Manifest(
        direction=Direction.REPLY,
        system_id=key.system_id,
        sequence=opened.sequence,
        previous=0,
        created_at=now,
        expires_at=now + good_for,
        items=tuple(item for _, item in outgoing),
        acknowledged=whole,
    )
    fresh = out.with_name(f".{out.name}.{secrets.token_hex(4)}")
    try:
        with fresh.open("xb") as file:
            contents = (_file_pieces(path) for path, _ in outgoing)
            write_bundle(manifest, contents, key.keys, key.node_identity, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(out)
    finally:
        fresh.unlink(missing_ok=True)
    return Reply(acknowledged=whole, damaged=damaged, sent=len(outgoing), size_bytes=out.stat().st_size)


def _sort(folder: Path, opened: Manifest) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The packages that lie here as they were sent, and those that do not."""
    whole: list[str] = []
    damaged: list[str] = []
    for item in opened.items:
        path = folder / _PACKAGES / f"{item.package_id}.edxml"
        is_whole = path.is_file() and _digest(path) == item.sha256
        (whole if is_whole else damaged).append(item.package_id)
    return tuple(whole), tuple(damaged)


def _outgoing(folder: Path) -> Iterator[tuple[Path, Item]]:
    place = folder / _OUTGOING
    for path in sorted(place.iterdir()) if place.is_dir() else ():
        if not path.name.startswith("."):
            yield path, _outgoing_item(path)


def _outgoing_item(path: Path) -> Item:
    try:
        package: Package = read(path, limits=_LIMITS)
    except Malformed as e:
        raise Malformed(Code.BAD_FILE, f"no package: {e}", at=str(path)) from e
    header = package.header
    item = Item(package_id="", kind=package.kind, size_bytes=path.stat().st_size, sha256=_digest(path))
    if isinstance(package, DocumentPackage):
        code = package.header.code.text or package.header.document_id
        return replace(item, sender=header.sender.organ_id, code=code, subject=package.header.subject or "")
    about = package.header.response_for
    code = f"{package.header.status_code} {about.code or about.document_id or ''}"
    return replace(item, sender=header.sender.organ_id, code=code.strip())


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    for piece in _file_pieces(path):
        digest.update(piece)
    return digest.hexdigest()


def _file_pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece
