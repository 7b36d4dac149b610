"""The cases are judged right: a good software passes them all, and for each there is one that fails it."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import timedelta

import pytest

from axis.kit.case import Failed, NotApplicable, NotSeen, Passed
from axis.kit.cases import CASES
from axis.kit.codes import Partner
from axis.kit.report import has_passed
from axis.kit.sending import SENDING
from axis.kit.session import Standing, Wish, judge
from tests.kit.conftest import play
from tests.kit.dms import ClientLine, Manners


def failed(standing: Standing) -> dict[str, str]:
    """What failed, and the advice."""
    return {case.id: one.advice.en for case, one in standing.findings if isinstance(one, Failed)}


def not_seen(standing: Standing) -> set[str]:
    return {case.id for case, one in standing.findings if isinstance(one, NotSeen)}


@pytest.mark.parametrize("front", ["vxp", "api"])
async def test_a_good_software_passes_every_case(front: str, wish_of: Callable[..., Wish]) -> None:
    standing = await play(wish_of(front), Manners())
    assert not failed(standing)
    assert not not_seen(standing)
    assert has_passed(standing)
    assert all(one.evidence for _, one in standing.findings if isinstance(one, Passed))


async def test_our_own_client_keeps_at_it_by_itself(wish_of: Callable[..., Wish]) -> None:
    manners = Manners(after_silence="never")  # whatever is sent again, the client sends
    standing = await play(wish_of("api"), manners, make_line=ClientLine)
    assert not failed(standing)
    assert not not_seen(standing)


async def test_a_stock_soap_client_passes_what_its_front_can_carry(wish_of: Callable[..., Wish]) -> None:
    acts = {"own-recall", "own-update", "own-replace"}  # optional; this one makes none
    manners = Manners(acts=False, signs=False, steps=("03", "04", "05", "06"), by_receipt=True)
    standing = await play(wish_of("edoc"), manners, lambda standing: not_seen(standing) == acts)
    assert not failed(standing)
    assert not_seen(standing) == acts
    assert has_passed(standing)
    never = {case.id for case, one in standing.findings if isinstance(one, NotApplicable)}
    assert never == {"bad-signature", "form", "signed", "receive-odd"}


# What a software does wrong, which cases it fails for that, and a word of the advice. Those of one run do not meddle
# with each other: every other case passes.
DOES_WRONG = Manners(
    with_file=False,
    apart=True,
    replaces_unknown=True,
    signs=False,
    bare=True,
    after_silence="new",
    waits_s=0.3,
    patience_s=1.0,
    steps=("01", "04", "03", "05", "06"),
    reason="",
    checks_signatures=False,
    knows_repeats=False,
    refuses=frozenset({"misaddressed", "several", "names", "odd", "large"}),
)
WRONG = {
    "send": "no file",
    "send-several": "one package that names all of them",
    "own-replace": "does not name what it replaces",
    "form": "QCVN 102",
    "signed": "unsigned",
    "lost-answer": "has become two",
    "late-answer": "has become two",
    "retry-after": "asks for 1 s",
    "steps": "01, 04, 03",
    "receive-several": "not refuse it",
    "receive-names": "not refuse it",
    "receive-odd": "not refuse it",
    "receive-large": "not refuse it",
    "misaddressed": "the reason in its Description",
    "bad-signature": "changed after it was signed",
    "again": "sent twice",
}


async def test_a_software_that_does_things_wrong_fails_for_just_these(wish_of: Callable[..., Wish]) -> None:
    standing = await play(wish_of("vxp"), DOES_WRONG)
    assert not not_seen(standing)
    check(standing, WRONG)


# What it leaves undone is found when the time for it is over.
LEAVES_UNDONE = Manners(
    several=False,
    after_silence="never",
    steps=("01", "03"),
    acknowledges=("document", "act"),
    forgets_repeats=True,
    answers_acts=frozenset(),
    silent_about=frozenset({"several", "names", "odd", "misaddressed", "replace"}),
    fails=frozenset({"large"}),
)
UNDONE = {
    "statuses": "fetch and acknowledge",
    "refusal": "fetch and acknowledge",
    "doubled-status": "fetch and acknowledge",
    "partner-down": "fetch and acknowledge",
    "own-recall": "fetch and acknowledge",
    "own-update": "fetch and acknowledge",
    "lost-answer": "send the very same package again",
    "busy": "keep the package",
    "steps": "04, 05, 06 are missing",
    "receive-several": "has to send status 01",
    "receive-names": "has to send status 01",
    "receive-odd": "has to send status 01",
    "receive-large": "has to acknowledge",
    "misaddressed": "refused by status 02",
    "recall": "15 (agreed) or 16",
    "update": "15 (agreed) or 16",
    "replace": "has to send status 01",
    "again": "has to acknowledge",
    "acknowledge": "has to acknowledge",
}


async def test_what_a_software_leaves_undone_fails_when_its_time_is_over(wish_of: Callable[..., Wish]) -> None:
    never = {"send-several", "retry-after"}

    at_work = await play(wish_of("api"), LEAVES_UNDONE, lambda standing: not_seen(an_hour_later(standing)) == never)
    assert set(failed(at_work)) <= {"receive-large"}  # it says itself that it could not read that one
    standing = an_hour_later(at_work)
    assert not_seen(standing) == never
    check(standing, UNDONE)


def ends_as(wrong: dict[str, str], never: AbstractSet[str]) -> Callable[[Standing], bool]:
    """Whether these have failed and those were not seen, if nothing more happens."""

    def is_done(standing: Standing) -> bool:
        later = an_hour_later(standing)
        return failed(later).keys() == wrong.keys() and not_seen(later) == never

    return is_done


def an_hour_later(standing: Standing) -> Standing:
    """How the cases stand if nothing more happens."""
    facts = standing.facts
    return judge(replace(facts, now=facts.now + timedelta(hours=1)), standing.front, standing.started_at)


async def test_a_software_that_mixes_up_what_it_has_fails_for_just_these(wish_of: Callable[..., Wish]) -> None:
    manners = Manners(unread=True, forgets=frozenset({"plain"}), sends=(Partner.OK,), several=False, acts=False)
    wrong = {"acknowledge": "had not downloaded", "receive": "has to acknowledge"}
    never = {case.id for case in SENDING} - {"send", "statuses", "form", "signed"}
    at_work = await play(wish_of("vxp"), manners, ends_as(wrong, never))
    standing = an_hour_later(at_work)
    assert not_seen(standing) == never
    check(standing, wrong)


def check(standing: Standing, wrong: dict[str, str]) -> None:
    """Just these cases have failed, with these words."""
    told = failed(standing)
    assert set(told) == set(wrong)
    for case, words in wrong.items():
        assert words in told[case], case
    assert not has_passed(standing)


def test_each_case_can_fail() -> None:
    assert {*WRONG, *UNDONE, "receive"} == {case.id for case in CASES}
