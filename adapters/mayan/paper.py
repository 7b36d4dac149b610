"""One document there: its metadata, tags and comments are brought to what they should be, whatever they are."""

from collections.abc import Iterable, Mapping
from typing import Final

from adapters.mayan.server import Mayan
from adapters.mayan.setup import Setup
from adapters.mayan.wire import Filed, Value, read_document, read_value

_MOST_VALUES: Final = 500
_MOST_COMMENTS: Final = 2_000


class Papers:
    """Reads and changes documents. Every change may be repeated."""

    def __init__(self, mayan: Mayan, setup: Setup) -> None:
        self._mayan = mayan
        self._setup = setup

    async def document(self, ref: int) -> Filed:
        """The document. Raises Missing."""
        return read_document(await self._mayan.get(f"documents/{ref}/"))

    async def values(self, ref: int) -> dict[str, Value]:
        """Its metadata that are ours, by field."""
        fields = {name: field for field, name in self._setup.names.items()}
        rows = [read_value(row) async for row in self._mayan.each(f"documents/{ref}/metadata/", _MOST_VALUES)]
        return {fields[one.name]: one for one in rows if one.name in fields}

    async def say(self, document: Filed, wanted: Mapping[str, str], there: Mapping[str, Value] | None = None) -> None:
        """Bring metadata to these texts; what the document's type does not have is left out."""
        if there is None:
            there = await self.values(document.ref)
        allowed = await self._setup.names_of(document.type_ref)
        metadata = (await self._setup.layout()).metadata
        for field, text in wanted.items():
            name = self._setup.names.get(field)
            known = there.get(field)
            if name is None or name not in allowed or (known.text if known else "") == text:
                continue
            if known is None:
                body = {"metadata_type_id": metadata[name], "value": text}
                await self._mayan.post(f"documents/{document.ref}/metadata/", body)
            else:
                await self._mayan.patch(f"documents/{document.ref}/metadata/{known.ref}/", {"value": text})

    async def tag(self, ref: int, *labels: str) -> None:
        """It bears these tags."""
        tags = (await self._setup.layout()).tags
        for label in labels:
            await self._mayan.post(f"documents/{ref}/tags/attach/", {"tag": tags[label]})

    async def untag(self, ref: int, *labels: str) -> None:
        """It does not bear them."""
        tags = (await self._setup.layout()).tags
        for label in labels:
            await self._mayan.post(f"documents/{ref}/tags/remove/", {"tag": tags[label]})

    async def comment(self, ref: int, mark: str, text: str) -> None:
        """It has this comment, once. mark: what it is known by; it stands at its end."""
        path = f"documents/{ref}/comments/"
        async for row in self._mayan.each(path, _MOST_COMMENTS):
            if str(row.get("text", "")).rstrip().endswith(mark):
                return
        await self._mayan.post(path, {"text": f"{text}\n\n{mark}"})


def listed(text: str) -> tuple[str, ...]:
    """Codes, divided by commas, semicolons or blanks."""
    return tuple(dict.fromkeys(text.replace(",", " ").replace(";", " ").split()))


def joined(codes: Iterable[str]) -> str:
    """The same as a text."""
    return ", ".join(dict.fromkeys(codes))
