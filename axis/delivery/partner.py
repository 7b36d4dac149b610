"""A partner: somebody to whom this node pushes packages, whatever the dialect.

An uplink (another axis, from the settings) and a system with an adapter (from the database) are both partners, under
one kind of id: the two never share one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """Whom an adapter calls, and how. What options and secrets there are, the adapter says."""

    partner_id: str
    adapter: str  # entry point in the group axis.adapters
    options: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedStep:
    """How one step went when a partner was tried out."""

    title: tuple[str, str]  # in Vietnamese and in English
    good: bool | None  # None: left out
    words: str  # technical, safe to show


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was found when a partner was tried out."""

    good: bool
    steps: tuple[CheckedStep, ...]
    advice: tuple[tuple[str, str], ...]  # what to do, in Vietnamese and in English
