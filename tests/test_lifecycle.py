"""docs/lifecycle.md names every state, as the code has it."""

import re
from enum import Enum
from pathlib import Path

import pytest

from axis.status.order import Effect
from axis.terms import (
    ActEffect,
    ActKind,
    Answer,
    BusinessType,
    DeliveryState,
    DocumentState,
    Origin,
    Place,
    StatusCode,
    TransportState,
    Urgency,
)

PAGE = Path(__file__).parent.parent / "docs" / "lifecycle.md"


STATES = [TransportState, StatusCode, Effect, DeliveryState, DocumentState, ActKind, ActEffect, Answer]


@pytest.mark.parametrize("words", [*STATES, Place, Origin])
def test_the_page_names_each_state_as_a_word(words: type[Enum]) -> None:
    marked = set(re.findall(r"`([^`]+)`", PAGE.read_text(encoding="utf-8")))
    assert {str(word.value) for word in words} <= marked
    assert words.__name__ in marked


@pytest.mark.parametrize("words", STATES)
def test_the_page_has_one_row_for_each_state_and_no_other(words: type[Enum]) -> None:
    tables = PAGE.read_text(encoding="utf-8").split("\n\n")
    rows = [set(re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)) for table in tables]
    assert {str(word.value) for word in words} in rows


def test_the_page_counts_business_types_and_urgencies() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for kind in BusinessType:
        assert re.search(rf"^\| {kind.value} \| ", text, re.MULTILINE)
    assert re.search(r"\(`Urgency`\):" + "".join(rf"[^,]* {level.value} .*?" for level in Urgency), text, re.DOTALL)
