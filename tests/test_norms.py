"""The list of clauses and the code agree: what is cited is listed, what is done is cited where the list says."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
_VIETNAMESE = re.compile(r"(?:QĐ|NĐ|TT|QCVN|Luật [A-ZĐ][\w ]*?) ?(\d{1,3}[/:]20\d\d)")
_ROW = re.compile(r"^\| (?P<clause>[^|]+) \| [^|]+ \| [CSM] \| (?P<state>[^|]+) \| (?P<where>[^|]*) ?\|$")


def _rows() -> list[re.Match[str]]:
    lines = (ROOT / "docs" / "norms.md").read_text(encoding="utf-8").splitlines()
    return [found for line in lines if (found := _ROW.match(line))]


def _cited() -> dict[str, set[str]]:
    """Numbers of norms by the files that cite them behind `Norm:`."""
    cited: dict[str, set[str]] = {}
    for folder in ("axis", "adapters"):
        for path in (ROOT / folder).rglob("*.py"):
            for text in re.findall(r"Norm:(.*(?:\n.*)?)", path.read_text(encoding="utf-8")):
                for number in _VIETNAMESE.findall(text):
                    cited.setdefault(number, set()).add(str(path.relative_to(ROOT)))
    return cited


def test_every_cited_norm_is_listed() -> None:
    listed = {number for row in _rows() for number in _VIETNAMESE.findall(row["clause"])}
    assert _cited().keys() <= listed


@pytest.mark.parametrize("row", _rows(), ids=lambda row: row["clause"])
def test_a_clause_is_done_where_the_list_says_or_says_why_not(row: re.Match[str]) -> None:
    if row["state"].strip() != "done":
        assert row["state"].startswith(("todo:", "not ours"))
        return
    where = row["where"].strip().strip("`")
    numbers = _VIETNAMESE.findall(row["clause"])
    assert numbers
    assert any(where in _cited().get(number, ()) for number in numbers), f"{where} does not cite {row['clause']}"
