"""What somebody would probably do next, going by what there is: so that a few steps get far into the rules.

Most of what is drawn blindly misses: an answer where nobody asked, a recall to somebody who never had the document.
"""

import random
from collections.abc import Sequence
from typing import Any

from tests.exchange.model import Model, Paper

Do = tuple[Any, ...]
WORDS = ("repeat", "recall", "recall", "update", "update", "replace", "anew", "status", "status", "answer", "ask")


def likely(model: Model, done: Sequence[Do], word: str, which: int) -> Do | None:
    """An operation of this kind that fits; which decides among several. None: none fits."""
    pick = random.Random(which)
    papers = [editions[-1] for editions in model.papers.values()]
    if word == "repeat":
        return pick.choice(done) if done else None
    if word == "answer":
        asked = [(target.number, organ) for organ in _everybody(model) for _, target in model.all_open(organ)]
        return ("answer", *pick.choice(asked), pick.random() < 0.5) if asked else None
    if not papers:
        return None
    paper = pick.choice(papers)
    having = sorted(paper.receipts)
    if word == "recall":
        return ("recall", (paper.number,), _of(pick, having), pick.randrange(2))
    if word == "update":
        return _update(pick, paper, having)
    if word in ("replace", "anew"):
        return _replace(pick, paper, having, anew=word == "anew")
    if word == "status":
        return ("status", paper.number, pick.choice(having), pick.choice(("01", "02", "03", "06")))
    return ("ask", paper.number, pick.choice(having))


def _update(pick: random.Random, paper: Paper, having: Sequence[str]) -> Do:
    """It removes some, puts removed ones on the list again, or says something else."""
    removed = [organ for organ in having if paper.receipts[organ].state == "removed"]
    out = frozenset([pick.choice(having)]) if pick.random() < 0.4 else frozenset()
    back = frozenset(removed) - out if pick.random() < 0.6 else frozenset()
    return ("update", paper.number, _of(pick, having), back, out, pick.choice(("s0", "s1", "s2")))


def _replace(pick: random.Random, paper: Paper, having: Sequence[str], *, anew: bool) -> Do:
    """Another document takes its place, for some or for all; or a further edition of it."""
    number = paper.number if anew else (paper.number + pick.choice((1, 2))) % 5
    listed = frozenset([pick.choice(having)]) if pick.random() < 0.5 else frozenset()
    return ("replace", number, ((paper.number, listed),), listed | _of(pick, having))


def _of(pick: random.Random, having: Sequence[str]) -> frozenset[str]:
    """All of them, or one."""
    return frozenset(having) if pick.random() < 0.6 else frozenset([pick.choice(having)])


def _everybody(model: Model) -> list[str]:
    return sorted({way.organ for way in model.ways})
