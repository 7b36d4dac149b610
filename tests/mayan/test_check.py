"""`axis adapter check` on a Mayan, in words that its administrator understands. On double or real one."""

from typing import Any

import pytest

import adapters.mayan
from adapters.base import PeerParts
from adapters.checking import Fault, Step, check_partner
from axis.clock import SystemClock
from axis.delivery.partner import Partner
from tests.mayan.city import DMS, options
from tests.mayan.conftest import MakeCity
from tests.mayan.line import Answer, Line

PARTS = PeerParts(clock=SystemClock())


def partner(url: str, token: str = "x", **more: Any) -> Partner:
    chosen = options(Line(target="", url=url), token, **more).model_dump(exclude={"token"})
    return Partner(partner_id=DMS, adapter="mayan", options=chosen, secrets={"token": token})


async def fault(who: Partner) -> tuple[Step, Fault | None, str]:
    found = (await check_partner(adapters.mayan, who, PARTS)).found[-1]
    return found.step, found.fault, found.words


@pytest.mark.timeout(600)
async def test_check_says_what_is_wrong(new_city: MakeCity) -> None:
    city = await new_city()
    url, token = city.line.url, city.options.token.get_secret_value()
    mark = city.options.tag_send.removeprefix("axis-send")
    who = partner(url, token, mark=mark)
    findings = await check_partner(adapters.mayan, who, PARTS)
    assert findings.good, findings.found
    assert [one.step for one in findings.found][-3:] == [Step.LOG_IN, Step.SET_UP, Step.WRITE]
    assert await city.filed() == []
    assert (await fault(partner(url, "wrong", mark=mark)))[:2] == (Step.LOG_IN, Fault.LOGIN_REFUSED)
    strange = partner(url, token, mark=mark, workflow="Không có", make_missing=False)
    step, what, words = await fault(strange)
    assert (step, what) == (Step.SET_UP, Fault.NOT_SET_UP)
    assert "workflow “Không có”" in words
    odd = partner(url, token, mark=mark, states="Vào kho=03")
    assert "state “vào kho”" in (await fault(odd))[2]
    city.line.answers["POST documents/[0-9]+/files/"] = Answer(status=202)
    slow = partner(url, token, mark=mark, upload_wait_s=0.05)
    step, what, words = await fault(slow)
    assert step is Step.WRITE
    assert "workers" in words
    assert await city.filed() == []
