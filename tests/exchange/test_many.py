"""What takes time for each receiver is done beside the event loop when there are many."""

import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from axis.delivery.backoff import Backoff
from axis.delivery.partner import Partner
from axis.delivery.peer import Bytes, Incoming, Outgoing, ReceiverState, Sent
from axis.exchange.outbox import Outbox, OutboxPolicy
from axis.exchange.partners import Partners
from axis.exchange.sending import SendingPolicy
from axis.store.hot import Hot
from tests.exchange.harness import UPLINK, Node, a_document

MANY = tuple(f"G{number:04}" for number in range(2_000))


async def test_few_are_worked_out_here_and_many_in_a_thread(node: Node) -> None:
    here = threading.get_ident()
    assert await node.context.work_out(100, threading.get_ident) == here
    assert await node.context.work_out(101, threading.get_ident) != here


@dataclass
class Line:
    """A partner that has everything, and says so of every second receiver."""

    sent: list[str] = field(default_factory=list)
    polls = False
    tells_receivers = True

    async def send(self, outgoing: Outgoing, content: Bytes) -> Sent:
        assert b"".join([chunk async for chunk in content()])
        self.sent.append(outgoing.package_id)
        return Sent(ref=outgoing.package_id)

    async def receivers(self, ref: str) -> tuple[ReceiverState, ...]:
        assert ref == self.sent[0]
        return tuple(ReceiverState(organ_code=code, acknowledged=True) for code in MANY[::2])

    async def poll(self) -> tuple[Incoming, ...]:
        return ()

    def fetch(self, item: Incoming) -> AsyncIterator[bytes]:
        raise NotImplementedError(item)

    async def confirm(self, item: Incoming, *, ok: bool) -> None:
        raise NotImplementedError(item, ok)

    async def health(self) -> None:
        """Always well."""

    async def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
def rows_made_here(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the writes that were put together on the event loop."""
    here, sizes = threading.get_ident(), []
    make = Hot.__init__

    def watched(self: Hot, **parts: tuple[object, ...]) -> None:
        if threading.get_ident() == here:
            sizes.append(sum(map(len, parts.values())))
        make(self, **parts)  # type: ignore[arg-type]

    monkeypatch.setattr(Hot, "__init__", watched)
    return sizes


async def test_a_document_to_many_is_never_put_together_on_the_event_loop(
    node: Node, rows_made_here: list[int]
) -> None:
    line = Line()
    policy = OutboxPolicy(sending=SendingPolicy(backoff=Backoff(jitter=0), ask=Backoff(delays_s=(10,), jitter=0)))
    partners = Partners(node.directory, [Partner(partner_id=UPLINK, adapter="line")], lambda _: line)  # type: ignore[arg-type, return-value]
    outbox = Outbox(node.context, partners, policy)
    accepted = await node.send("dms-yte", a_document(*MANY))
    await outbox.work()
    assert set((await node.states(accepted)).values()) == {"handed_over"}
    node.clock.advance(seconds=60)
    await outbox.work()
    states = await node.states(accepted)
    assert [states[code] for code in MANY[:2]] == ["acknowledged", "handed_over"]
    assert max(rows_made_here, default=0) < 100


async def test_receivers_that_a_repeat_adds_are_never_put_together_on_the_event_loop(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, made = threading.get_ident(), []
    first = await node.send("dms-yte", a_document("H24.15"))
    new_id = type(node.context).new_id
    monkeypatch.setattr(
        type(node.context), "new_id", lambda self: (made.append(threading.get_ident() == here), new_id(self))[1]
    )
    again = await node.send("dms-yte", a_document("H24.15", *MANY))
    assert again.package_id == first.package_id
    assert len(await node.deliveries(first)) == 2_001
    assert sum(made) < 10
    assert len(made) > 4_000
