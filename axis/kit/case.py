"""What a case is, and what can come of one."""

from collections.abc import Callable
from dataclasses import dataclass

from axis.kit.facts import Facts
from axis.kit.words import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """The software did what it should."""

    evidence: tuple[Words, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The software did something else."""

    evidence: tuple[Words, ...]
    advice: Words  # what its makers should do


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSeen:
    """Nothing has happened yet that could be judged, or something is still under way."""

    evidence: tuple[Words, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NotApplicable:
    """The way in which the software is connected cannot carry this: it counts neither for nor against it."""

    evidence: tuple[Words, ...]  # why not


Finding = Passed | Failed | NotSeen | NotApplicable


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One thing that a vendor's software has to do."""

    id: str
    title: Words
    task: Words  # what whoever tests it does
    required: bool = True
    weight: int = 1
    judge: Callable[[Facts], Finding]
