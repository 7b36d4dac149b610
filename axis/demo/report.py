"""Shows a demo: a table of document × verdict × receiver × status × time on a terminal, plain lines elsewhere."""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from axis.clock import to_local
from axis.demo.ledger import Expected, StatusArrival
from axis.terms import StatusCode
from axis.trust.model import Overall
from axis.trust.words import OVERALL
from axis.web.console.words import STATUS

_COLUMNS = (
    (StatusCode.ARRIVED,),
    (StatusCode.REFUSED, StatusCode.ACCEPTED),
    (StatusCode.ASSIGNED,),
    (StatusCode.IN_PROGRESS,),
    (StatusCode.COMPLETED,),
    (StatusCode.AGREED, StatusCode.DECLINED),
)
_VERDICT_TONES = {
    Overall.VALID: "green",
    Overall.VALID_WITH_WARNINGS: "yellow",
    Overall.INVALID: "red",
    Overall.INDETERMINATE: "yellow",
}
_TONES = {StatusCode.REFUSED: "red", StatusCode.DECLINED: "red", StatusCode.COMPLETED: "green"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SentLine:
    """A document of the demo that was handed in."""

    document_id: str
    number: str
    note: str  # what is special about it
    sender: str
    receivers: tuple[str, ...]  # who is to answer
    at: datetime


class Report:
    """Follows a demo. A context manager: the table lives inside it."""

    def __init__(self, names: Mapping[str, str], console: Console | None = None) -> None:
        """names: organisation code → name."""
        self._names = names
        self._console = console or Console()
        self._sent: dict[str, SentLine] = {}
        self._verdicts: dict[str, Overall] = {}
        self._came: dict[tuple[str, str, StatusCode], datetime] = {}
        self._live = Live(console=self._console, get_renderable=self._table, refresh_per_second=8)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def show_sent(self, line: SentLine) -> None:
        """A document was handed in."""
        self._sent[line.document_id] = line
        receivers = ", ".join(line.receivers)
        self._print(f"{_time(line.at)} sent {line.number} {line.sender} -> {receivers} ({line.note})")

    def show_status(self, status: StatusArrival) -> None:
        """A status came back to the sender."""
        self._came.setdefault((status.document_id, status.organ, status.status), status.at)
        number = self._number(status.document_id)
        name = self._names.get(status.organ, "")
        self._print(
            f"{_time(status.at)} status {status.status} {number} {status.organ} {name}: {STATUS[status.status].word}"
        )

    def show_verdict(self, document_id: str, verdict: Overall) -> None:
        """What a node has found of a document's signatures."""
        self._verdicts[document_id] = verdict
        self._print(f"verdict {self._number(document_id)} {verdict}: {OVERALL[verdict][0]}")

    def _number(self, document_id: str) -> str:
        line = self._sent.get(document_id)
        return line.number if line else document_id

    def show_missing(self, missing: Iterable[Expected]) -> None:
        """What should have come back and did not."""
        for one in sorted(missing):
            number = self._number(one.document_id)
            self._console.print(Text(f"missing: status {one.status} of {one.organ} on {number}", style="red"))

    def _print(self, text: str) -> None:
        """A line off a terminal; on one the table shows it."""
        if not self._console.is_terminal:
            self._console.print(Text(text), soft_wrap=True)

    def _table(self) -> Table:
        table = Table(title="Trạng thái đã về đến nơi gửi (giây kể từ khi gửi)", title_justify="left", box=None)
        table.add_column("Văn bản", overflow="fold", min_width=14)
        table.add_column("Nơi nhận", overflow="ellipsis", no_wrap=True)
        table.add_column("Chữ ký", overflow="fold", max_width=20)
        table.add_column("Gửi lúc", no_wrap=True)
        for codes in _COLUMNS:
            table.add_column("/".join(codes), justify="right", no_wrap=True)
        for line in self._sent.values():
            for position, receiver in enumerate(line.receivers):
                table.add_row(*self._cells(line, receiver, first=position == 0))
        return table

    def _cells(self, line: SentLine, receiver: str, *, first: bool) -> list[Text]:
        verdict = self._verdicts.get(line.document_id) if first else None
        name = unicodedata.normalize("NFC", self._names.get(receiver, receiver))
        cells = [
            Text.assemble((line.number, "bold"), ("\n" + line.note, "dim")) if first else Text(""),
            Text(name),
            Text(OVERALL[verdict][0], style=_VERDICT_TONES.get(verdict, "")) if verdict else Text(""),
            Text(_time(line.at) if first else ""),
        ]
        for codes in _COLUMNS:
            came = [(code, self._came.get((line.document_id, receiver, code))) for code in codes]
            shown = [(code, at) for code, at in came if at is not None]
            text = " ".join(
                (f"{code}: " if len(codes) > 1 else "") + f"{(at - line.at).total_seconds():.1f}" for code, at in shown
            )
            cells.append(Text(text, style=_TONES.get(shown[-1][0], "") if shown else ""))
        return cells


def _time(at: datetime) -> str:
    return f"{to_local(at):%H:%M:%S}"
