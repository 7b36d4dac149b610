"""What a certificate's name says of its holder, and how far a signature reaches into its file.

Names of certificates are a stranger's text in RFC 4514 form; what does not follow it is shown as it is.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from axis.trust.model import Coverage
from axis.web.console.language import _, grouped

_PARTS: Final = re.compile(r"(?:^|[,+])\s*([A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+)=((?:\\.|[^,+\\])*)")
_ESCAPED: Final = re.compile(r"\\(?:([0-9A-Fa-f]{2})|(.))")
_COMMON, _TITLE = ("CN", "2.5.4.3"), ("T", "title", "2.5.4.12")
_BYTES: Final = re.compile(r"([0-9]{1,15}) byte")
_WHOLE: Final = 1000  # the width of the bar
_NAME_CHARACTERS = 4_000  # of a certificate's name that are looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A piece of the bar, in thousandths of the file."""

    start: int
    width: int
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """What a signature covers, drawn over its file's revisions."""

    text: str
    spans: tuple[Span, ...]
    ends: tuple[int, ...]  # where a revision of the file ends, in thousandths


def common_name(subject: str) -> str:
    """The holder's name; all of it where it has none."""
    return _attribute(subject, _COMMON) or subject


def title(subject: str) -> str:
    """The holder's position, where the certificate tells one."""
    return _attribute(subject, _TITLE)


def _attribute(name: str, kinds: Sequence[str]) -> str:
    for kind, value in _PARTS.findall(name[:_NAME_CHARACTERS]):
        if kind in kinds:
            return _unescaped(value)
    return ""


def _unescaped(value: str) -> str:
    """The text of an attribute, where a backslash stands before a character, or before a byte in hexadecimal."""

    def plain_bytes(found: re.Match[str]) -> bytes:
        return bytes.fromhex(found[1]) if found[1] else found[2].encode()

    parts, end = [], 0
    for found in _ESCAPED.finditer(value):
        parts += [value[end : found.start()].encode(errors="replace"), plain_bytes(found)]
        end = found.end()
    return b"".join([*parts, value[end:].encode(errors="replace")]).decode(errors="replace").strip()


def covers(signatures: Sequence[Mapping[str, Any]], size_bytes: int | None) -> list[Cover | None]:
    """How far each signature of one file reaches; none where the verdict does not tell.

    size_bytes: of the file, where it is known. A PDF grows by revisions, and each signature covers the file as far as
    its own.
    """
    reaches = [_reach(one) for one in signatures]
    total = max([size_bytes or 0, *(reach for reach in reaches if reach is not None)])
    whole = [one.get("coverage") == Coverage.WHOLE_FILE for one in signatures]
    ends = sorted(
        {total if all_of_it else reach for reach, all_of_it in zip(reaches, whole, strict=True) if reach is not None}
        | ({total} if total else set())
    )
    return [
        _cover(one, total if all_of_it else reach, (total, ends))
        for one, reach, all_of_it in zip(signatures, reaches, whole, strict=True)
    ]


def _reach(one: Mapping[str, Any]) -> int | None:
    found = _BYTES.fullmatch(str(one.get("covered", "")))
    return int(found[1]) if found else None


def _cover(one: Mapping[str, Any], reach: int | None, file: tuple[int, Sequence[int]]) -> Cover | None:
    total, ends = file
    if one.get("coverage") == Coverage.WHOLE_FILE:
        spans = (Span(start=0, width=_WHOLE, tone="green"),)
        marks = tuple(_share(end, total) for end in ends[:-1]) if total else ()
        return Cover(text=_("toàn bộ tệp"), spans=spans, ends=marks)
    if one.get("coverage") != Coverage.WHOLE_REVISION or not reach or not total:
        return None
    filled = _share(reach, total)
    changed = bool(one.get("changed_after_signing"))
    rest = Span(start=filled, width=_WHOLE - filled, tone="red" if changed else "slate")
    revision = sum(1 for end in ends if end <= reach)
    text = _(
        "{share} % của tệp: phiên bản {number} trong {count}",
        share=grouped(round(100 * reach / total)),
        number=grouped(revision),
        count=grouped(len(ends)),
    )
    spans = (Span(start=0, width=filled, tone="green"), *((rest,) if rest.width else ()))
    return Cover(text=text, spans=spans, ends=tuple(_share(end, total) for end in ends[:-1]))


def _share(part: int, total: int) -> int:
    """In thousandths; what is there at all is seen."""
    return min(_WHOLE, max(1, _WHOLE * part // total))
