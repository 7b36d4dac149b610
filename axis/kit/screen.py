"""The checklist on a terminal, live; elsewhere a line for each change."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from axis.kit.case import Case, Failed, Finding, NotApplicable, NotSeen, Passed
from axis.kit.report import OUTCOMES
from axis.kit.session import Standing

_TONES: dict[type[Finding], str] = {Passed: "green", Failed: "red", NotSeen: "dim", NotApplicable: "dim"}
_MARKS: dict[type[Finding], str] = {Passed: "✓", Failed: "✗", NotSeen: "·", NotApplicable: "–"}


class Screen:
    """Follows a run. A context manager: the table lives inside it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._shown: dict[str, type[Finding]] = {}

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, standing: Standing) -> None:
        """How the cases stand now."""
        changed = [(case, one) for case, one in standing.findings if self._shown.get(case.id, NotSeen) is not type(one)]
        first = not self._shown
        self._shown = {case.id: type(finding) for case, finding in standing.findings}
        if self._live is None:
            for case, finding in changed:
                self._console.print(_line(case, finding), soft_wrap=True)
        elif changed or first:
            self._live.update(_table(standing), refresh=True)


def _line(case: Case, finding: Finding) -> Text:
    word = OUTCOMES[type(finding)][1].vi
    text = f"{_MARKS[type(finding)]} {case.id}: {word} – {case.title.vi}"
    if isinstance(finding, Failed):
        text += f". {finding.advice.vi}"
    return Text(text, style=_TONES[type(finding)])


def _table(standing: Standing) -> Table:
    table = Table(box=None, padding=(0, 1), show_header=False)
    for case, finding in standing.findings:
        kind = type(finding)
        note = finding.advice.vi if isinstance(finding, Failed) else case.task.vi if kind is NotSeen else ""
        title = case.title.vi if case.required else f"{case.title.vi} (tùy chọn)"
        table.add_row(Text(_MARKS[kind], style=_TONES[kind]), Text(title), Text(note, style=_TONES[kind]))
    return table
