"""How what arrived fares there: each step of its workflow that means a status becomes one, for each receiver, in order.

A document's steps are told up to the one that its metadata name; that is moved on once a step is durable in the node
for every receiver, never past one that is not. A status follows from the step alone: told again, it is the same bytes.
A status that the node refuses is noted as a comment, and passed.
"""

import hashlib
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog

from adapters.filing.options import read_statuses
from adapters.filing.wishes import AnsweredForm, StatusWish, status_package
from adapters.mayan import PeerOptions
from adapters.mayan.paper import Papers, listed
from adapters.mayan.server import Mayan, Missing
from adapters.mayan.setup import Setup, Workflow
from adapters.mayan.wire import Filed, Flow, Step, Value, read_document, read_flow, read_step
from axis.edxml.dates import read_date
from axis.errors import AxisError, Code, Malformed, PeerRefused
from axis.exchange.document_form import StaffForm
from axis.messages import describe
from axis.terms import StatusCode
from axis.text import comparison_form, one_line

log = structlog.get_logger(__name__)

_MOST_FLOWS: Final = 200
_MOST_STEPS: Final = 5_000
_WORDS: Final = 400
_ANEW: Final = 200  # rounds after which nothing is taken as known


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A status to be told: of a document, by one of its receivers."""

    document: Filed
    step: Step
    code: StatusCode
    organ_id: str
    values: Mapping[str, Value]

    @property
    def ref(self) -> str:
        """The same for the same step."""
        return f"{self.document.ref}:{self.step.ref}:{self.organ_id}"


@dataclass(slots=True)
class _Line:
    """What waits of one document, in order."""

    waiting: deque[Told] = field(default_factory=deque)


class Reporting:
    """Follows the workflow of what has arrived."""

    def __init__(self, mayan: Mayan, setup: Setup, options: PeerOptions) -> None:
        self._mayan = mayan
        self._setup = setup
        self._papers = Papers(mayan, setup)
        self._options = options
        self._codes = read_statuses(options.states)
        self._told: dict[str, Told] = {}
        self._lines: dict[int, _Line] = {}
        self._seen: dict[int, int] = {}  # the last step of a document that has nothing to tell
        self._turn = 0  # where the next look begins
        self._rounds = 0

    def look_again(self, ref: int) -> None:
        """A document has further receivers."""
        self._seen.pop(ref, None)

    async def due(self) -> list[Told]:
        """What is to be told now; looks at some of the open documents, and at the others the next time."""
        layout = await self._setup.layout()
        self._told.clear()
        self._lines.clear()
        if layout.workflow is None:
            return []
        found: list[Told] = []
        async for document in self._open_ones(layout.tags[self._options.tag_open]):
            try:
                found += await self._due_of(document, layout.workflow)
            except (Missing, PeerRefused) as e:  # taken away meanwhile, or not for us to see: the others are told
                log.warning("mayan_not_followed", ref=document.ref, error=e.detail)
        self._told = {one.ref: one for one in found}
        return found

    def package(self, ref: str) -> bytes:
        """A status as a package. Raises Malformed when the document's metadata do not make one."""
        told = self._named(ref)
        wish = StatusWish(
            kind="status",
            document=_about(told, self._setup.names),
            organ_id=told.organ_id,
            status=told.code.value,
            reason=one_line(told.step.comment or _reason(told), _WORDS),
            staff=StaffForm(staff=one_line(told.step.staff, _WORDS)) if told.step.staff else None,
            at=told.step.at,
        )
        return status_package(wish, self._codes, told.step.at)

    async def confirm(self, ref: str) -> None:
        """The status is durable in the node."""
        await self._pass(self._named(ref))

    async def put_aside(self, ref: str, error: AxisError) -> None:
        """The node refuses the status: noted there, and passed."""
        told = self._named(ref)
        mark = f"[axis {hashlib.sha256(f'{ref}{error.code}'.encode()).hexdigest()[:16]}]"
        words = f"Không gửi được trạng thái {told.code.value} / Status {told.code.value} cannot be sent ({error.code})"
        text = f"{words}\n\n{describe(error, 'vi')}\n\n{describe(error, 'en')}"
        await self._papers.comment(told.document.ref, mark, text)
        await self._papers.tag(told.document.ref, self._options.tag_failed)
        await self._pass(told)

    # ── looking ────────────────────────────────────────────────────────────────────────────────────────────────

    async def _open_ones(self, tag: int) -> AsyncIterator[Filed]:
        """Some of the open documents: each look goes on where the last one ended, and begins anew after the last."""
        portion = min(self._options.look, 100)
        pages = -(-self._options.look // portion)
        path = f"tags/{tag}/documents/"
        for _ in range(pages):
            self._turn += 1
            try:
                answer = await self._mayan.page(path, self._turn, portion, _ordering="datetime_created")
            except Missing:
                self._turn = 0  # fewer pages than before
                return
            for row in answer.rows:
                yield read_document(row)
            if not answer.more:
                self._turn, self._rounds = 0, self._rounds + 1
                if self._rounds % _ANEW == 0:
                    self._seen.clear()  # another node may have put further receivers to a document
                return

    async def _due_of(self, document: Filed, workflow: Workflow) -> list[Told]:
        flow = await self._flow(document, workflow)
        if flow is None or self._seen.get(document.ref) == flow.last_step:
            return []
        values = await self._papers.values(document.ref)
        reported = values["reported"].text.strip() if "reported" in values else ""
        since = int(reported) if reported.isascii() and reported.isdigit() else 0
        path = f"documents/{document.ref}/workflow_instances/{flow.ref}/log_entries/"
        steps = [read_step(row) async for row in self._mayan.each(path, _MOST_STEPS)]
        receivers = listed(values["receivers"].text) if "receivers" in values else ()
        line = _Line()
        for step in sorted(steps, key=lambda one: one.ref):
            code = self._codes.get(comparison_form(step.state or workflow.initial).casefold())
            if step.ref > since and code is not None:
                line.waiting.extend(
                    Told(document=document, step=step, code=code, organ_id=organ_id, values=values)
                    for organ_id in receivers or ("",)
                )
        if line.waiting:
            self._lines[document.ref] = line
        else:
            self._seen[document.ref] = flow.last_step
        return list(line.waiting)

    async def _flow(self, document: Filed, workflow: Workflow) -> Flow | None:
        path = f"documents/{document.ref}/workflow_instances/"
        async for row in self._mayan.each(path, _MOST_FLOWS):
            flow = read_flow(row)
            if flow.workflow_ref == workflow.ref:
                return flow
        return None

    # ── passing ────────────────────────────────────────────────────────────────────────────────────────────────

    def _named(self, ref: str) -> Told:
        if (told := self._told.get(ref)) is None:
            raise Malformed(Code.BAD_FILE, "this status is not due any more", at=ref)
        return told

    async def _pass(self, told: Told) -> None:
        """Move on, if nothing before it is left behind."""
        line = self._lines.get(told.document.ref)
        if line is None or not line.waiting or line.waiting[0].ref != told.ref:
            return  # one before it has not come through: both are met again
        line.waiting.popleft()
        self._told.pop(told.ref, None)
        if any(one.step.ref == told.step.ref for one in line.waiting):
            return  # the other receivers'
        await self._papers.say(told.document, {"reported": str(told.step.ref)})
        if told.step.is_final or told.code is StatusCode.COMPLETED:
            await self._papers.untag(told.document.ref, self._options.tag_open)


def _about(told: Told, names: Mapping[str, str]) -> AnsweredForm:
    """The document, as its sender calls it."""
    texts = {name: value.text for name, value in told.values.items()}
    for needed in ("sender", "document_id", "receivers"):
        if not texts.get(needed, "").strip():
            raise Malformed(Code.BAD_FILE, "it is empty: who is to be told of what?", at=names[needed])
    day = read_date(texts.get("date", ""))
    return AnsweredForm(
        organ_id=texts["sender"],
        document_id=texts["document_id"],
        code=texts.get("code") or None,
        promulgation_date=day,
    )


def _reason(told: Told) -> str:
    """A refusal needs one: the transition's name, where nobody wrote more."""
    return told.step.transition if told.code is StatusCode.REFUSED else ""
