"""The certificates that a node lives by and has met, and which of them end soon.

Files are read where they lie, each time: there are few, and a renewed one shows at once. What was met in packages is in
the database; certificates of persons are not looked after here, since their holders and their agencies do that.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Final

from axis.delivery.directory import Directory
from axis.delivery.partner import Partner
from axis.errors import AxisError, Code, Malformed
from axis.ops.access import Access, router_of, trust_folder
from axis.ops.signing import node_signer
from axis.settings import Settings
from axis.store import queries
from axis.trust.certs import (
    Certificate,
    TrustStore,
    days_left,
    parse_certificate,
    read_certificates,
    stated_codes,
    trusted_certificates,
)

GONE_DAYS: Final = 90
"""What has ended longer ago is kept for old documents, and no longer asked after; but for the node's own."""

URGENT_DAYS: Final = 14
_FILE_BYTES = 1 << 20


class Held(StrEnum):
    """How the node knows a certificate."""

    OWN = "own"  # it signs with its key
    TLS = "tls"  # others know the node's server by it
    ANCHOR = "anchor"  # of the trust folder: self-signed
    AUTHORITY = "authority"  # … of an authority
    TRUSTED = "trusted"  # … of a holder
    MAIL = "mail"  # of the authority that the mail servers are judged by
    PARTNER = "partner"  # of the authority that a partner's server is judged by
    MET = "met"  # it came in a package


_OURS: Final = frozenset({Held.OWN, Held.TLS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A certificate and how the node knows it."""

    certificate: Certificate
    role: Held
    purposes: tuple[str, ...] = ()  # of the trust folder
    organ_code: str = ""
    kind: str = ""  # of what was met: agency | timestamp | person | unknown
    partner_id: str = ""  # whose it is, or who serves its organisation


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A certificate that ends soon, or has ended, and has no successor."""

    known: Known
    days: int  # that are left; negative: since it has ended

    @property
    def urgent(self) -> bool:
        """What the node itself rests on fails in a few days, or fails already."""
        return self.known.role is not Held.MET and self.days < URGENT_DAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Endings:
    """What ends soon, the worst first."""

    certificates: tuple[Ending, ...]
    warn_days: int
    problems: tuple[str, ...] = ()  # files that cannot be read, and why

    def of_partner(self, partner_id: str) -> tuple[Ending, ...]:
        """Those of a partner and of the organisations that it serves."""
        return tuple(one for one in self.certificates if one.known.partner_id == partner_id)


async def known_certificates(access: Access) -> list[Known]:
    """Every certificate that the node lives by or has met. Raises Malformed for a file that cannot be read."""
    directory = await access.directory()
    with node_signer(access.settings.signing) as signer:
        own = signer.chain[0] if signer else None
    held = await asyncio.to_thread(lambda: [one for part in _parts(access.settings, directory, own) for one in part()])
    found = {one.certificate.sha256: one for one in held}
    for row in await access.store.read(queries.certificates):
        if row.sha256_hex not in found:
            found[row.sha256_hex] = _met(row.content, row.organ_code, row.kind)
    return list(found.values())


async def ending_certificates(access: Access, directory: Directory, own: Certificate | None, now: datetime) -> Endings:
    """The certificates that end within the time of the settings, or have ended and were not replaced.

    own: the one that the node signs with. What cannot be read is told, and hides nothing else.
    """
    warn_days = access.settings.trust.warn_days
    held, problems = await asyncio.to_thread(_held, access.settings, directory, own)
    since, until = now - timedelta(days=GONE_DAYS), now + timedelta(days=warn_days)
    rows = await access.store.read(partial(queries.certificates_ending, since=since, until=until))
    found = {row.sha256_hex: _met(row.content, row.organ_code, row.kind) for row in rows}
    found |= {one.certificate.sha256: one for one in held}
    last: dict[object, datetime] = {}
    for one in found.values():
        subject = one.certificate.crypto.subject
        last[subject] = max(one.certificate.not_after, last.get(subject, one.certificate.not_after))
    served_by = _served_by(access.settings, directory)
    ending = [
        Ending(known=served_by(one), days=days_left(one.certificate, now))
        for one in found.values()
        if one.certificate.not_after < until
        and (one.role in _OURS or one.certificate.not_after >= since)
        and (one.role in _OURS or last[one.certificate.crypto.subject] == one.certificate.not_after)
    ]
    ending.sort(key=lambda one: (not one.urgent, one.days, one.known.certificate.sha256))
    return Endings(certificates=tuple(ending), warn_days=warn_days, problems=tuple(problems))


def _met(content: bytes, organ_code: str, kind: str) -> Known:
    met = parse_certificate(content)
    code = organ_code or next(iter(stated_codes(met)), "")
    return Known(certificate=met, role=Held.MET, organ_code=code, kind=kind)


def _held(settings: Settings, directory: Directory, own: Certificate | None) -> tuple[list[Known], list[str]]:
    """In a thread: what the files hold, and what is wrong with some of them."""
    found: dict[str, Known] = {}
    problems: list[str] = []
    for part in _parts(settings, directory, own):
        try:
            found |= {one.certificate.sha256: one for one in part()}
        except AxisError as e:
            problems.append(f"{e.at}: {e.detail}" if e.at else e.detail)
    return list(found.values()), problems


def _parts(
    settings: Settings, directory: Directory, own: Certificate | None
) -> Iterator[Callable[[], Iterable[Known]]]:
    """The places where certificates lie, each to be read by itself; of two that hold one, the later one counts."""
    yield from (partial(_of_partner, partner) for partner in directory.partners() if partner.options.get("ca_file"))
    if settings.mail.tls_ca_file is not None:
        yield partial(_of_file, settings.mail.tls_ca_file, Held.MAIL)
    yield partial(_trusted, trust_folder(settings))
    if settings.server.tls_certificate_file is not None:
        yield partial(_of_file, settings.server.tls_certificate_file, Held.TLS)
    if own is not None:
        code = next(iter(stated_codes(own)), "")
        yield lambda: [Known(certificate=own, role=Held.OWN, organ_code=code)]


def _of_partner(partner: Partner) -> list[Known]:
    return _of_file(Path(str(partner.options["ca_file"])), Held.PARTNER, partner.partner_id)


def _of_file(path: Path, role: Held, partner_id: str = "") -> list[Known]:
    """The certificates of a file. Raises Malformed(BAD_FILE)."""
    try:
        with path.open("rb") as file:
            content = file.read(_FILE_BYTES + 1)
    except OSError as e:
        raise Malformed(Code.BAD_FILE, f"cannot be read: {e.strerror}", at=str(path)) from e
    if len(content) > _FILE_BYTES:
        raise Malformed(Code.BAD_FILE, "too large for certificates", at=str(path))
    return [
        Known(certificate=one, role=role, partner_id=partner_id) for one in read_certificates(content, at=str(path))
    ]


def _trusted(folder: Path) -> list[Known]:
    """What lies in the trust folder."""
    try:
        store = trusted_certificates(folder) if folder.is_dir() else TrustStore()
    except OSError as e:
        raise Malformed(Code.BAD_FILE, f"cannot be read: {e.strerror}", at=str(folder)) from e
    purposes: dict[Certificate, list[str]] = {}
    for purpose, certificate in (*store.anchors, *store.intermediates):
        purposes.setdefault(certificate, []).append(purpose)
    return [
        Known(certificate=certificate, role=_role(certificate), purposes=tuple(found))
        for certificate, found in purposes.items()
    ]


def _role(certificate: Certificate) -> Held:
    if certificate.self_signed:
        return Held.ANCHOR
    return Held.AUTHORITY if certificate.is_authority else Held.TRUSTED


def _served_by(settings: Settings, directory: Directory) -> Callable[[Known], Known]:
    """Adds to what was met which partner serves its organisation."""
    router = router_of(settings)

    def partner_of(code: str) -> str:
        canonical = directory.registry.canonical(code)
        if (system_id := directory.route(canonical)) is not None:
            return system_id
        if router.is_ours(directory, canonical):
            return ""
        return next((choice.uplink_id for choice in router.choices(directory, canonical) if choice.usable), "")

    def add(one: Known) -> Known:
        if one.partner_id or not one.organ_code or one.role in _OURS:
            return one
        return replace(one, partner_id=partner_of(one.organ_code))

    return add
