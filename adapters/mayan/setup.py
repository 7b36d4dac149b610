"""What must be set up in Mayan: document type, metadata types, tags, cabinet, workflow. Found by name, made if wished.

Numbers are Mayan's and may change (a tag is removed and made again): what was found is forgotten when a call says that
something is missing.
"""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog

from adapters.checking import Fault, Trouble
from adapters.filing.options import read_statuses
from adapters.mayan import PeerOptions
from adapters.mayan.names import ARRIVED, SENT, read_names, read_tags
from adapters.mayan.server import Mayan
from adapters.mayan.wire import Named, Row, read_named, row_of
from axis.errors import PeerRefused
from axis.terms import StatusCode
from axis.text import comparison_form

log = structlog.get_logger(__name__)

_MOST: Final = 5_000  # of each kind that is listed
_TRIES: Final = 20
_MADE_ALREADY: Final = "400"  # and whatever else it does not take
_COLOR: Final = "#2f6f4f"
_BETWEEN: Final = " / "


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """The workflow whose states are reported."""

    ref: int
    initial: str  # label of the state in which documents begin
    states: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What there is, by name."""

    document_type: Named
    cabinet: int | None
    tags: Mapping[str, int]
    metadata: Mapping[str, int]  # all metadata types there
    workflow: Workflow | None


@dataclass(slots=True)
class _Wants:
    """What is missing."""

    missing: list[str] = field(default_factory=list)

    def say(self) -> None:
        """Raises Trouble(NOT_SET_UP) where anything is."""
        if self.missing:
            raise Trouble(Fault.NOT_SET_UP, f"missing there, or not to be seen: {'; '.join(self.missing)}")


class Setup:
    """Finds what is set up, once for many calls."""

    def __init__(self, mayan: Mayan, options: PeerOptions) -> None:
        self._mayan = mayan
        self._options = options
        self.names = read_names(options.metadata)
        self.status_tags = read_tags(options.status_tags)
        self._layout: Layout | None = None
        self._of_types: dict[int, frozenset[str]] = {}
        self._finding = asyncio.Lock()

    async def layout(self) -> Layout:
        """What there is. Raises Trouble(NOT_SET_UP) with everything that is missing."""
        async with self._finding:
            if self._layout is None:
                self._layout = await self._find_or_make()
            return self._layout

    def forget(self) -> None:
        """Something is not as it was found."""
        self._layout = None
        self._of_types.clear()

    async def names_of(self, type_ref: int) -> frozenset[str]:
        """The metadata types that documents of a type may have."""
        if type_ref not in self._of_types:
            path = f"document_types/{type_ref}/metadata_types/"
            rows = [row async for row in self._mayan.each(path, _MOST)]
            found = (read_named(row_of(row.get("metadata_type")), "name") for row in rows)
            self._of_types[type_ref] = frozenset(one.name for one in found)
        return self._of_types[type_ref]

    async def _find_or_make(self) -> Layout:
        """As `_find`. What another process of ours makes at the moment is refused here, and found at the next look."""
        for _try in range(_TRIES if self._options.make_missing else 0):
            try:
                return await self._find()
            except PeerRefused as e:
                if e.peer_code != _MADE_ALREADY:
                    raise
                self._of_types.clear()
        return await self._find()

    async def _find(self) -> Layout:
        options, wants = self._options, _Wants()
        kinds = await self._named("document_types/")
        metadata = await self._metadata(wants)
        kind = await self._kind(options.document_type, kinds, wants)
        if kind is not None:
            await self._associate(kind, ARRIVED, metadata, wants)
        if options.outgoing_type and (out := await self._kind(options.outgoing_type, kinds, wants)) is not None:
            await self._associate(out, SENT, metadata, wants)
        tags = await self._tags(wants)
        cabinet = await self._cabinet(wants) if options.cabinet else None
        workflow = await self._workflow(wants) if options.workflow else None
        wants.say()
        assert kind is not None  # noqa: S101 - else it was missing
        return Layout(document_type=kind, cabinet=cabinet, tags=tags, metadata=metadata, workflow=workflow)

    async def _named(self, path: str, name: str = "label") -> dict[str, Named]:
        """Everything of a kind, by its name as it is compared."""
        rows = [row async for row in self._mayan.each(path, _MOST)]
        found = (read_named(row, name) for row in rows)
        return {comparison_form(one.name): one for one in found}

    async def _make(self, path: str, body: Mapping[str, object], name: str = "label") -> Named:
        made = read_named(row_of(await self._mayan.post(path, body)), name)
        log.info("mayan_made", kind=path.strip("/"), ref=made.ref)
        return made

    async def _kind(self, label: str, kinds: Mapping[str, Named], wants: _Wants) -> Named | None:
        if (found := kinds.get(comparison_form(label))) is not None:
            return found
        if self._options.make_missing:
            return await self._make("document_types/", {"label": label})
        wants.missing.append(f"document type “{label}”")
        return None

    async def _metadata(self, wants: _Wants) -> dict[str, int]:
        there = {name: one.ref for name, one in (await self._named("metadata_types/", "name")).items()}
        for name in sorted(set(self.names.values()) - there.keys()):
            if self._options.make_missing:
                there[name] = (await self._make("metadata_types/", {"name": name, "label": name}, "name")).ref
            else:
                wants.missing.append(f"metadata type “{name}”")
        return there

    async def _associate(self, kind: Named, fields: Collection[str], there: Mapping[str, int], wants: _Wants) -> None:
        """Documents of the type may have these metadata."""
        has = await self.names_of(kind.ref)
        needed = {name for one, name in self.names.items() if one in fields and name in there}
        for name in sorted(needed - has):
            if self._options.make_missing:
                body = {"metadata_type_id": there[name], "required": False}
                await self._mayan.post(f"document_types/{kind.ref}/metadata_types/", body)
            else:
                wants.missing.append(f"metadata type “{name}” of document type “{kind.name}”")
        self._of_types.pop(kind.ref, None)

    async def _tags(self, wants: _Wants) -> dict[str, int]:
        options, there = self._options, await self._named("tags/")
        tags: dict[str, int] = {}
        wished = (options.tag_send, options.tag_sent, options.tag_failed, options.tag_open, *self.status_tags.values())
        for label in dict.fromkeys(wished):
            if (found := there.get(comparison_form(label))) is not None:
                tags[label] = found.ref
            elif options.make_missing:
                tags[label] = (await self._make("tags/", {"label": label, "color": _COLOR})).ref
            else:
                wants.missing.append(f"tag “{label}”")
        return tags

    async def _cabinet(self, wants: _Wants) -> int | None:
        """The cabinet at the end of the path."""
        there = _by_path([row async for row in self._mayan.each("cabinets/", _MOST)])
        parts = [part.strip() for part in self._options.cabinet.split("/")]
        parent: int | None = None
        for depth in range(1, len(parts) + 1):
            path = _BETWEEN.join(parts[:depth])
            found = there.get(comparison_form(path))
            if found is None and self._options.make_missing:
                found = (await self._make("cabinets/", {"label": parts[depth - 1], "parent": parent})).ref
            if found is None:
                wants.missing.append(f"cabinet “{path}”")
                return None
            parent = found
        return parent

    async def _workflow(self, wants: _Wants) -> Workflow | None:
        """The workflow, and whether the states that the options name are its."""
        found = (await self._named("workflow_templates/")).get(comparison_form(self._options.workflow))
        if found is None:
            wants.missing.append(f"workflow “{self._options.workflow}”")
            return None
        rows = [row async for row in self._mayan.each(f"workflow_templates/{found.ref}/states/", _MOST)]
        labels = {comparison_form(read_named(row).name).casefold(): read_named(row).name for row in rows}
        for word in read_statuses(self._options.states):
            if word not in set(StatusCode) and comparison_form(word) not in labels:
                wants.missing.append(f"state “{word}” of workflow “{self._options.workflow}”")
        initial = next((read_named(row).name for row in rows if row.get("initial")), "")
        return Workflow(ref=found.ref, initial=initial, states=tuple(labels.values()))


def _by_path(rows: Collection[Row]) -> dict[str, int]:
    """All cabinets by their paths, those within others too."""
    found: dict[str, int] = {}
    waiting = list(rows)
    while waiting:
        row = waiting.pop()
        one = read_named(row, "full_path")
        found[comparison_form(one.name)] = one.ref
        children = row.get("children")
        waiting += [child for child in children if isinstance(child, dict)] if isinstance(children, list) else []
    return found
