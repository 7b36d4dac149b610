"""Where a receiver is reached: by a system connected here, by another axis, or not at all.

An organisation's own system, else its nearest ancestor's; a code outside our tree goes to the uplink whose prefix is
the longest that fits, else to the default one. What is inside our tree never goes up.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from axis.delivery.directory import Directory
from axis.errors import Code, Rejected, UnknownOrgan
from axis.organ.codes import canonical_form, is_within
from axis.terms import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkPrefixes:
    """An uplink and the codes it is for; no prefix: every code that no other uplink claims."""

    uplink_id: str
    prefixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where one receiver of a package is reached."""

    organ: str  # canonical code
    addressed_as: str  # the code in the package
    place: Place
    uplink_id: str | None = None
    name: str | None = None  # of the organisation, where registered
    succeeded: bool = False  # addressed_as is closed, and `organ` took over from it


class Router:
    """The rules of one node. Knows no database: the directory is handed in with each question."""

    def __init__(self, prefixes: Sequence[str], uplinks: Sequence[UplinkPrefixes]) -> None:
        """prefixes: codes of the trees that this node holds whole: what is below and not registered does not exist."""
        self._prefixes = tuple(canonical_form(prefix) for prefix in prefixes)
        self._uplinks = tuple(uplinks)

    def is_ours(self, directory: Directory, code: str) -> bool:
        """Whether a code belongs to this node: it has a system here, or lies within our tree."""
        canonical = directory.registry.canonical(code)
        return directory.route(canonical) is not None or any(is_within(canonical, p) for p in self._prefixes)

    def route(self, directory: Directory, code: str) -> Destination:
        """Where a receiver of a local sender's package is reached.

        Raises UnknownOrgan(UNKNOWN_RECEIVER) when the code leads nowhere, Rejected(RECEIVER_CLOSED) when it names a
        closed organisation that nobody succeeds.
        """
        local = self.route_inward(directory, code)
        if local.place is Place.LOCAL:
            return local
        uplink_id = self._uplink_for(local.organ)
        if uplink_id is not None and not self.is_ours(directory, code):
            return Destination(
                organ=local.organ, addressed_as=code, place=Place.UPLINK, uplink_id=uplink_id, name=local.name
            )
        if local.name is not None:  # registered, and nobody serves it yet: it waits here, visibly
            return Destination(organ=local.organ, addressed_as=code, place=Place.LOCAL, name=local.name)
        raise UnknownOrgan(Code.UNKNOWN_RECEIVER, code)

    def route_inward(self, directory: Directory, code: str) -> Destination:
        """Where a receiver of a package from an uplink is reached: here, or elsewhere (then only recorded)."""
        resolved = directory.registry.resolve(code)
        if resolved is None:
            return Destination(organ=canonical_form(code), addressed_as=code, place=Place.ELSEWHERE)
        organ = resolved.organ
        if organ.is_closed:
            raise Rejected(Code.RECEIVER_CLOSED, code)
        here = self.is_ours(directory, organ.organ_id)
        return Destination(
            organ=organ.organ_id,
            addressed_as=code,
            place=Place.LOCAL if here else Place.ELSEWHERE,
            name=organ.name,
            succeeded=resolved.succeeded,
        )

    def _uplink_for(self, code: str) -> str | None:
        fits = [
            (len(prefix), uplink.uplink_id)
            for uplink in self._uplinks
            for prefix in uplink.prefixes
            if is_within(code, canonical_form(prefix))
        ]
        if fits:
            return max(fits)[1]
        return next((uplink.uplink_id for uplink in self._uplinks if not uplink.prefixes), None)
