"""Mayan, the line or the node's process ends at any call: nothing is lost, and nothing is there twice."""

import os
import time
from collections.abc import Awaitable
from contextlib import suppress

import pytest

from axis.edxml.reader import read
from axis.errors import PeerRefused, PeerUnreachable
from tests.exchange.harness import a_document, a_file, a_status
from tests.mayan.city import ORGAN, SAID, SENDER, MayanCity
from tests.mayan.clerk import STATES
from tests.mayan.conftest import MakeCity
from tests.mayan.real import VARIABLE, RealMayan

REAL = bool(os.environ.get(VARIABLE))
on_the_double = pytest.mark.skipif(REAL, reason="every call in turn: on the double")
PDF = b"%PDF-1.4 ..."
FILES = (a_file(PDF, "công văn.pdf"), a_file(b"\x89PNG....", "sơ đồ.png"))


@pytest.fixture
def sqlite_alone(request: pytest.FixtureRequest) -> None:
    """What breaks is the line, not the store: one of them is enough for dozens of tries."""
    if "sqlite" not in request.node.name:
        pytest.skip("on SQLite alone")


async def try_to(step: Awaitable[object]) -> None:
    """Do it; the line may break."""
    with suppress(PeerUnreachable, PeerRefused):
        await step


@on_the_double
@pytest.mark.usefixtures("sqlite_alone")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("after", [False, True])
async def test_a_line_that_breaks_at_any_call_of_a_push_leaves_one_whole_document(
    city: MayanCity, *, after: bool
) -> None:
    await city.arrives(a_document(ORGAN, number="1", files=FILES))
    calls = len(city.line.calls)
    city.line.calls.clear()
    await city.arrives(a_document(ORGAN, number="2", files=FILES))
    calls = len(city.line.calls)
    assert calls > 20
    for number in range(1, calls + 1):
        city.line.broken(number, after=after)
        accepted = await city.arrives(a_document(ORGAN, number=str(100 + number), files=FILES))
        city.line.whole()
        if number % 2:
            await city.restart()
        await city.later(seconds=40)
        assert await city.node.states(accepted) == {ORGAN: "acknowledged"}, number
    documents = await city.filed()
    assert len(documents) == calls + 2
    for one in documents:
        said = await city.clerk.metadata(one["id"])
        assert await city.clerk.count_files(one["id"]) == 3
        assert set(await city.clerk.files(one["id"])) == {"công văn.pdf", "sơ đồ.png", f"{said['package']}.edxml"}
        assert await city.clerk.tags(one["id"]) == {city.options.tag_open}


@on_the_double
@pytest.mark.usefixtures("sqlite_alone")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("after", [False, True])
async def test_a_line_that_breaks_at_any_call_of_a_look_loses_no_document_and_no_step(
    city: MayanCity, *, after: bool
) -> None:
    number, done = 0, 0
    while not done:
        number += 1
        accepted = await city.arrives(a_document(ORGAN, number=str(number)))
        filed = (await city.filed())[-1]["id"]
        for state in STATES[1:3]:
            await city.clerk.move(filed, state)
        ref = await city.clerk.write(
            city.options.outgoing_type, "Văn bản", SAID | {"code": f"{number}/SXD"}, {"a.pdf": PDF}
        )
        await city.clerk.tag(ref, city.options.tag_send)
        city.line.broken(number, after=after)
        before = len(city.line.calls)
        await try_to(city.inbox.poll())
        done = len(city.line.calls) - before < number
        city.line.whole()
        await city.restart()
        await city.inbox.poll()
        assert await city.clerk.tags(ref) == {city.options.tag_sent}, number
        assert (await city.node.statuses(accepted))[ORGAN] == "04", number
        assert (await city.clerk.metadata(filed))["reported"], number
        taken = [read(raw).header for raw in await city.node.take(SENDER)]
        codes = sorted(getattr(header, "status_code", "document") for header in taken)
        assert codes == ["01", "03", "04", "document"], number
        for state in STATES[3:]:
            await city.clerk.move(filed, state)
        await city.inbox.poll()
        await city.node.take(SENDER)
        assert await city.inbox.poll() == 0
    assert number > 15


@on_the_double
@pytest.mark.usefixtures("sqlite_alone")
@pytest.mark.timeout(600)
async def test_a_line_that_breaks_at_any_call_of_a_status_makes_one_comment(city: MayanCity) -> None:
    ref = await city.clerk.write(city.options.outgoing_type, "Văn bản", SAID, {"a.pdf": PDF})
    await city.clerk.tag(ref, city.options.tag_send)
    await city.inbox.poll()
    (raw,) = await city.node.take(SENDER)
    package = read(raw)
    number, done = 0, False
    while not done:
        number += 1
        city.line.broken(number, after=bool(number % 2))
        before = len(city.line.calls)
        await city.node.send(SENDER, a_status(package, "03", "H24.11", description=f"lần {number}."))  # type: ignore[arg-type]
        await city.push()
        done = len(city.line.calls) - before < number
        city.line.whole()
        await city.later(seconds=40)
        said = await city.clerk.comments(ref)
        assert sum(f"lần {number}." in one for one in said) == 1, number
    assert (await city.clerk.metadata(ref))["status"] == "H24.11=03"


@on_the_double
async def test_a_file_that_the_workers_are_slow_with_is_waited_for_and_kept_once(new_city: MakeCity) -> None:
    city = await new_city(upload_wait_s=0.05)
    real_list = r"GET documents/[0-9]+/files/$"
    from tests.mayan.line import Answer  # noqa: PLC0415 - here alone

    city.line.answers[real_list] = Answer(body=b'{"count": 0, "next": null, "previous": null, "results": []}')
    accepted = await city.arrives(a_document(ORGAN, files=FILES))
    assert await city.node.states(accepted) == {ORGAN: "retrying"}
    await city.later(seconds=40)  # handed over once more
    city.line.whole()
    await city.later(seconds=40)
    assert await city.node.states(accepted) == {ORGAN: "acknowledged"}
    (document,) = await city.filed()
    assert await city.clerk.count_files(document["id"]) == 3


@pytest.mark.skipif(not REAL, reason="`make test-mayan`")
@pytest.mark.timeout(900)
async def test_mayan_is_killed_in_the_middle_and_nothing_is_lost(
    city: MayanCity, real_mayan: tuple[RealMayan, str]
) -> None:
    mayan, _ = real_mayan
    uploads: list[str] = []

    def kill_at_the_second(call: str) -> None:
        if call.startswith("POST") and call.endswith("/files/"):
            uploads.append(call)
            if len(uploads) == 2:
                mayan.kill()

    city.line.before = kill_at_the_second
    accepted = await city.arrives(a_document(ORGAN, files=FILES))
    assert len(uploads) == 2
    assert await city.node.states(accepted) == {ORGAN: "retrying"}
    with pytest.raises(PeerUnreachable):
        await city.inbox.poll()
    city.line.whole()
    began = time.monotonic()
    mayan.start()
    print(f"Mayan answers again after {time.monotonic() - began:.0f} s")  # noqa: T201 - the report's
    await city.restart()
    await city.later(seconds=40)
    assert await city.node.states(accepted) == {ORGAN: "acknowledged"}
    (document,) = await city.filed()
    assert await city.clerk.count_files(document["id"]) == 3
    await city.clerk.move(document["id"], STATES[1])
    assert await city.inbox.poll() == 2
    assert (await city.node.statuses(accepted))[ORGAN] == "03"
