"""Short stories of documents, step by step: each gets to one corner of the rules that chance seldom gets to.

A step is an operation (`likely.Do`), or what a system does with all that waits for it. The machine plays them between
the steps that it draws, on a document that may have a history of its own, and compares after every step.
"""

from collections.abc import Callable, Sequence

from tests.exchange.likely import Do

Story = Callable[[int, str, str], Sequence[Do]]  # a document's number, a receiver and another one


def _recall(number: int, *organs: str, variant: int = 0) -> Do:
    return ("recall", (number,), frozenset(organs), variant)


def _update(number: int, *organs: str, back: str = "", out: str = "", text: str = "s1") -> Do:
    added, removed = (frozenset({organ} - {""}) for organ in (back, out))
    return ("update", number, frozenset(organs), added, removed, text)


def _replace(number: int, old: int, *organs: str, listed: str = "") -> Do:
    return ("replace", number, ((old, frozenset({listed} - {""})),), frozenset(organs))


def _send(number: int, *organs: str) -> Do:
    return ("send", number, frozenset(organs))


def _declined(n: int, a: str, b: str) -> list[Do]:
    """What it says between the recall and its 16 counts after all; a second recall takes the document back again."""
    told: list[Do] = [("take", a), _recall(n, a, b), ("status", n, a, "03"), ("answer", n, a, False)]
    return [_send(n, a, b), *told, ("status", n, a, "06"), _recall(n, a, variant=1), ("answer", n, a, True)]


def _agreed(n: int, a: str, b: str) -> list[Do]:
    """A further recall of what is back already asks again, and changes nothing."""
    return [_send(n, a, b), ("take", a), _recall(n, a), ("answer", n, a, True), _recall(n, a, variant=1)]


def _asked_twice(n: int, a: str, b: str) -> list[Do]:
    """The older question is answered first."""
    asked = [("ask", n, a), _recall(n, a, b), ("answer", n, a, False), ("answer", n, a, True)]
    return [_send(n, a, b), ("take", a), *asked]


def _requested(n: int, a: str, b: str) -> list[Do]:
    """The receiver gives back what it had not fetched yet."""
    return [_send(n, a), ("ask", n, a), ("answer", n, a, True), ("take", a), _send(n, a, b)]


def _given_up(n: int, a: str, b: str) -> list[Do]:
    """A document that its system cannot take; its repeat opens it again."""
    return [_send(n, a, b), ("fail", a), ("fail", a), _send(n, a, b), ("take", a)]


def _act_given_up(n: int, a: str, b: str) -> list[Do]:
    """A recall that a system cannot take; its repeat opens it again, a repeated document does not."""
    failed = [("fail", a), ("fail", a)]
    return [_send(n, a, b), ("take", a), _recall(n, a), *failed, _send(n, a, b), _recall(n, a)]


def _recalled_and_repeated(n: int, a: str, b: str) -> list[Do]:
    """Refused, then taken back: its repeat brings it to nobody again."""
    refused = [("take", a), ("status", n, a, "02"), ("take", SENDER)]
    return [_send(n, a, b), *refused, _recall(n, a), _send(n, a, b)]


def _failed_and_recalled(n: int, a: str, b: str) -> list[Do]:
    """What its system wants listed again, when it was taken back meanwhile, is not."""
    return [_send(n, a, b), ("fetch", a), _recall(n, a), ("initial", a), ("take", a)]


def _refused(n: int, a: str, b: str) -> list[Do]:
    """Sent again after the sender's system has read the refusal."""
    return [
        _send(n, a, b),
        ("take", a),
        ("status", n, a, "02"),
        ("take", SENDER),
        _send(n, a, b),
        ("status", n, a, "03"),
    ]


def _too_late(n: int, a: str, b: str) -> list[Do]:
    """Statuses in an order of their own."""
    said: list[Do] = [("status", n, a, "05"), ("status", n, a, "01"), ("status", n, a, "06"), ("status", n, a, "03")]
    return [_send(n, a, b), *said]


def _anew(n: int, a: str, b: str) -> list[Do]:
    """A status is about the edition that was fetched; an act is about the latest one."""
    edition = _replace(n, n, a, b)
    return [_send(n, a, b), ("take", a), edition, ("status", n, a, "03"), _recall(n, b), ("take", a)]


def _off_and_on(n: int, a: str, b: str) -> list[Do]:
    """An update removes a receiver, a later one puts it on the list again; a recall is for good."""
    out, back = _update(n, b, out=a), _update(n, b, back=a, text="s2")
    again = [_update(n, b, back=a, text="s0"), _update(n, b, out=a, text="s2"), ("status", n, a, "03")]
    return [_send(n, a, b), out, _recall(n, a), back, _send(n, a, b), *again]


def _brought(n: int, a: str, b: str) -> list[Do]:
    """An update of what was taken back brings it to one more, and says something else: neither counts."""
    return [_send(n, a), ("take", a), _recall(n, a), _update(n, a, b, text="s2"), ("status", n, b, "03")]


def _before_it(n: int, a: str, b: str) -> list[Do]:
    """An update that comes before its document; its repeat, for others, applies it for those whom it reached."""
    return [_update(n, a, text="s2"), _send(n, b), _update(n, b, text="s2"), ("status", n, a, "03"), ("take", a)]


def _replaced(n: int, a: str, b: str) -> list[Do]:
    """A replacement for one of two; then a recall of what was replaced, and a replacement of what was recalled."""
    after = [_recall(n, a), _replace((n + 21) % NUMBERS, n, a, b)]
    return [_send(n, a, b), ("take", a), _replace((n + 20) % NUMBERS, n, a, b, listed=a), *after]


def _repeated(n: int, a: str, b: str) -> list[Do]:
    """Each comes twice."""
    return [_send(n, a), _send(n, a, b), _recall(n, b), _recall(n, b), _recall(n, a, b), ("take", a)]


def _forbidden(n: int, a: str, b: str) -> list[Do]:
    """Others have no say."""
    return [_send(n, a, b), *(("forbidden", n, what) for what in ("recall", "update", "ask", "code"))]


def _under_way(n: int, a: str, _: str) -> list[Do]:
    """Recalled before the push, and while the bytes are under way to the other axis."""
    return [_send(n, a, ABOVE), _recall(n, ABOVE), ("push", "ok", None)]


def _caught_in_flight(n: int, a: str, _: str) -> list[Do]:
    return [("push", "ok", None), _send(n, a, ABOVE), ("push", "ok", _recall(n, a, ABOVE))]


def _fetched_all_the_same(n: int, a: str, b: str) -> list[Do]:
    """The bytes were under way to the system when the recall came."""
    return [_send(n, a, b), _recall(n, a), ("done", a), _update(n, b, out=b)]


NUMBERS = 40  # of documents; a replacement's own is far from the one that it replaces
SENDER = "H24.11"
ABOVE = "G22"  # behind another axis
STORIES: tuple[Story, ...] = (
    _declined,
    _agreed,
    _asked_twice,
    _requested,
    _given_up,
    _act_given_up,
    _recalled_and_repeated,
    _failed_and_recalled,
    _refused,
    _too_late,
    _anew,
    _off_and_on,
    _brought,
    _before_it,
    _replaced,
    _repeated,
    _forbidden,
    _under_way,
    _caught_in_flight,
    _fetched_all_the_same,
)
