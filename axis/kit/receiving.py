"""Cases of a vendor's software that receives."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime

from axis.kit import told
from axis.kit.case import Case, Failed, Finding, NotSeen, Passed
from axis.kit.facts import Facts, codes
from axis.kit.letters import LetterId
from axis.kit.words import Words
from axis.store.records import Consignment, StatusEvent
from axis.terms import StatusCode, TransportState

STEPS = (
    StatusCode.ARRIVED,
    StatusCode.ACCEPTED,
    StatusCode.ASSIGNED,
    StatusCode.IN_PROGRESS,
    StatusCode.COMPLETED,
)
_TAKES_ON = frozenset(STEPS[1:])  # words by which a receiver takes a document on

_ACKNOWLEDGE = Words(
    "Sau khi lưu xong gói tin, phần mềm phải xác nhận (VXP: updateStatus done; REST: acknowledge done), kể cả khi đã "
    "nhận gói đó trước đây.",
    "Once the package is stored the software has to acknowledge it (VXP: updateStatus done; REST: acknowledge done), "
    "also when it has had that package before.",
)


def _taken(facts: Facts, one: Consignment | None) -> Finding:
    """Whether the vendor has fetched a package and acknowledged it."""
    if one is None:
        return NotSeen()
    evidence = (told.hand_over(one), *told.failures(one))
    if one.state is TransportState.ACKNOWLEDGED:
        return Passed(evidence=evidence)
    if one.failures or (one.handed_over_at and facts.is_over(one.handed_over_at, facts.limits.retry_s)):
        return Failed(evidence=evidence, advice=_ACKNOWLEDGE)
    return NotSeen(evidence=evidence)


def _received(letter: LetterId) -> Callable[[Facts], Finding]:
    def judge(facts: Facts) -> Finding:
        return _taken(facts, facts.letter(letter))

    return judge


def _taken_on(facts: Facts, one: Consignment | None, said: tuple[StatusEvent, ...]) -> Finding:
    """Whether a document was acknowledged and then taken on."""
    taken = _taken(facts, one)
    if one is None or not isinstance(taken, Passed):
        return taken
    evidence = (*taken.evidence, *told.statuses(said))
    if StatusCode.REFUSED in codes(said):
        return Failed(
            evidence=evidence,
            advice=Words(
                "Văn bản này hợp lệ: phần mềm phải đọc được và tiếp nhận (01, 03), không từ chối.",
                "This document is good: the software has to read it and take it on (01, 03), not refuse it.",
            ),
        )
    if said:
        return Passed(evidence=evidence)
    return _waiting(facts, one.acknowledged_at, evidence, _SAY_SOMETHING)


_SAY_SOMETHING = Words(
    "Sau khi nhận văn bản, phần mềm phải gửi trạng thái 01 (đã đến), rồi 03 khi văn thư tiếp nhận.",
    "After it has received a document the software has to send status 01 (arrived), then 03 when a clerk registers it.",
)


def _waiting(facts: Facts, since: datetime | None, evidence: tuple[Words, ...], advice: Words) -> Finding:
    """Not done yet: failed when the time for it is over."""
    if since is not None and facts.is_over(since, facts.limits.answer_s):
        return Failed(evidence=evidence, advice=advice)
    return NotSeen(evidence=evidence)


def _reads(letter: LetterId) -> Callable[[Facts], Finding]:
    def judge(facts: Facts) -> Finding:
        return _taken_on(facts, facts.letter(letter), facts.said_of(letter))

    return judge


def judge_steps(facts: Facts) -> Finding:
    """01, 03, 04, 05, 06 about one document, in this order."""
    one = facts.letter(LetterId.PLAIN)
    events = tuple(event for event in facts.said_of(LetterId.PLAIN) if event.status_code in STEPS)
    if one is None or not events:
        return (
            NotSeen() if one is None else _waiting(facts, one.acknowledged_at, (told.hand_over(one),), _SAY_SOMETHING)
        )
    first = tuple(dict.fromkeys(codes(events)))
    evidence = told.statuses(events)
    if first != tuple(sorted(first)) or (first[-1] is StatusCode.COMPLETED and first != STEPS):
        return Failed(
            evidence=evidence,
            advice=Words(
                f"Thứ tự phải là 01, 03, 04, 05, 06, không bỏ bước; phần mềm đã gửi {', '.join(first)}.",
                f"The order has to be 01, 03, 04, 05, 06, leaving none out; the software sent {', '.join(first)}.",
            ),
        )
    if first == STEPS:
        return Passed(evidence=evidence)
    missing = ", ".join(step for step in STEPS if step not in first)
    advice = Words(f"Còn thiếu trạng thái {missing}.", f"Statuses {missing} are missing.")
    return _waiting(facts, events[-1].received_at, evidence, advice)


def judge_misaddressed(facts: Facts) -> Finding:
    """A misaddressed document is refused, with a reason. Norm: NĐ 30/2020/NĐ-CP Art. 21(2)."""
    one = facts.letter(LetterId.MISADDRESSED)
    if one is None:
        return NotSeen()
    events = facts.said_of(LetterId.MISADDRESSED)
    evidence = (told.hand_over(one), *told.statuses(events))
    refusals = [event for event in events if event.status_code == StatusCode.REFUSED]
    if any((event.description or "").strip() for event in refusals):
        return Passed(evidence=evidence)
    if refusals:
        return Failed(
            evidence=evidence,
            advice=Words(
                "Trạng thái 02 phải kèm lý do từ chối trong phần mô tả (Description).",
                "Status 02 has to bear the reason in its Description.",
            ),
        )
    advice = Words(
        "Văn bản gửi nhầm phải bị từ chối bằng trạng thái 02 kèm lý do.",
        "A misaddressed document has to be refused by status 02 with a reason.",
    )
    if _TAKES_ON & set(codes(events)):
        return Failed(evidence=evidence, advice=advice)
    return _waiting(facts, one.acknowledged_at, evidence, advice)


def judge_bad_signature(facts: Facts) -> Finding:
    """What is badly signed is not taken on. Norm: QĐ 28/2018/QĐ-TTg Art. 9."""
    one = facts.letter(LetterId.BADSIG)
    if one is None:
        return NotSeen()
    events = facts.said_of(LetterId.BADSIG)
    evidence = (told.hand_over(one), *told.statuses(events))
    if _TAKES_ON & set(codes(events)):
        return Failed(
            evidence=evidence,
            advice=Words(
                "Gói tin này bị sửa sau khi ký. Phần mềm phải kiểm tra chữ ký số trước khi tiếp nhận, và không "
                "được trả 03; nên trả 02 kèm lý do.",
                "This package was changed after it was signed. The software has to check signatures before it takes a "
                "document on, and must not answer 03; better 02 with the reason.",
            ),
        )
    if StatusCode.REFUSED in codes(events):
        return Passed(evidence=evidence)
    # That nothing comes says something only of a software that takes other documents on meanwhile.
    others = [event for event in facts.said_of(LetterId.PLAIN) if event.status_code in _TAKES_ON]
    since = max((one.acknowledged_at, others[0].received_at)) if one.acknowledged_at and others else None
    if since is not None and facts.is_over(since, facts.limits.settle_s):
        return Passed(evidence=evidence)
    return NotSeen(evidence=evidence)


def _answered(letter: LetterId) -> Callable[[Facts], Finding]:
    """Of an act after a letter: acknowledged, and answered by 15 or 16."""

    def judge(facts: Facts) -> Finding:
        one = facts.follow(letter)
        taken = _taken(facts, one)
        if one is None or not isinstance(taken, Passed):
            return taken
        said = [
            event for event in facts.said_of(letter) if event.status_code in (StatusCode.AGREED, StatusCode.DECLINED)
        ]
        evidence = (*taken.evidence, *told.statuses(said))
        if said:
            return Passed(evidence=evidence)
        advice = Words(
            "Gói tin thu hồi hoặc cập nhật phải được trả lời bằng trạng thái 15 (đồng ý) hoặc 16 (không đồng ý), với "
            "ResponseFor là văn bản gốc.",
            "A recall or update has to be answered by status 15 (agreed) or 16 (declined), with the original "
            "document in ResponseFor.",
        )
        return _waiting(facts, one.acknowledged_at, evidence, advice)

    return judge


def judge_replacement(facts: Facts) -> Finding:
    """The replacing document is taken on as a document of its own."""
    said = facts.said(facts.follows.get(LetterId.REPLACED))
    return _taken_on(facts, facts.follow(LetterId.REPLACED), said)


def judge_again(facts: Facts) -> Finding:
    """A package that comes twice is acknowledged twice, and answered once."""
    one, since = facts.letter(LetterId.AGAIN), facts.relisted.get(LetterId.AGAIN)
    if one is None or since is None:
        return NotSeen()
    events = facts.said_of(LetterId.AGAIN)
    evidence = (told.hand_over(one), *told.statuses(events))
    said = Counter(codes(events))
    if facts.receipts_say_arrived:
        said[StatusCode.ARRIVED] -= 1
    twice = [code for code, times in said.items() if times > 1]
    if twice:
        return Failed(
            evidence=evidence,
            advice=Words(
                f"Gói tin đến lần thứ hai chỉ được xác nhận, không xử lý lại: trạng thái {', '.join(twice)} đã bị "
                "gửi hai lần. Nhận ra gói lặp bằng mã gói tin, hoặc bằng From và DocumentId.",
                f"A package that comes again is only acknowledged, not processed again: status {', '.join(twice)} "
                "was sent twice. Know the repeat by the package's id, or by From and DocumentId.",
            ),
        )
    if (again := facts.retaken.get(LetterId.AGAIN)) is not None:
        settled = facts.is_over(again, facts.limits.settle_s)
        return Passed(evidence=evidence) if settled else NotSeen(evidence=evidence)
    if facts.is_over(since, facts.limits.retry_s):
        return Failed(evidence=evidence, advice=_ACKNOWLEDGE)
    return NotSeen(evidence=evidence)


def judge_acknowledgements(facts: Facts) -> Finding:
    """Everything that was fetched is acknowledged, and nothing else."""
    handed = facts.handed()
    unread = [one for one in handed if one.state is TransportState.ACKNOWLEDGED and one.handed_over_at is None]
    if unread:
        return Failed(
            evidence=tuple(map(told.hand_over, unread[:5])),
            advice=Words(
                "Phần mềm đã xác nhận gói tin mà chưa tải về. Chỉ xác nhận sau khi đã lưu gói tin.",
                "The software acknowledged packages that it had not downloaded. Acknowledge only what is stored.",
            ),
        )
    open_ones = [one for one in handed if one.handed_over_at and one.state is not TransportState.ACKNOWLEDGED]
    late = [one for one in open_ones if one.handed_over_at and facts.is_over(one.handed_over_at, facts.limits.retry_s)]
    if late:
        return Failed(evidence=tuple(map(told.hand_over, late[:5])), advice=_ACKNOWLEDGE)
    done = [one for one in handed if one.state is TransportState.ACKNOWLEDGED]
    waiting = len(handed) - len(done)
    count = Words(
        f"{len(done)} gói tin đã lấy và xác nhận, {waiting} gói còn chờ",
        f"{len(done)} packages fetched and acknowledged, {waiting} still waiting",
    )
    old = [one for one in handed if one.handed_over_at is None and facts.is_over(one.queued_at, facts.limits.retry_s)]
    enough = len(done) >= len(facts.letters) > 0
    return Passed(evidence=(count,)) if enough and not old else NotSeen(evidence=(count,))


RECEIVING = (
    Case(
        id="receive",
        title=Words("Nhận văn bản", "Receive a document"),
        task=Words(
            "Lấy danh sách chờ, tải gói tin “KIT plain”, xác nhận.",
            "List what waits, fetch “KIT plain”, acknowledge it.",
        ),
        weight=3,
        judge=_received(LetterId.PLAIN),
    ),
    Case(
        id="steps",
        title=Words("Báo năm trạng thái 01, 03, 04, 05, 06", "Report the five statuses 01, 03, 04, 05, 06"),
        task=Words(
            "Tiếp nhận “KIT plain”, phân công, xử lý, hoàn thành.", "Take “KIT plain” on, assign, process, complete it."
        ),
        weight=3,
        judge=judge_steps,
    ),
    Case(
        id="receive-several",
        title=Words("Nhận văn bản nhiều tệp", "Receive a document with several files"),
        task=Words(
            "Nhận “KIT several”, kiểm tra đủ ba tệp, tiếp nhận.",
            "Receive “KIT several”, see that it has three files, take it on.",
        ),
        judge=_reads(LetterId.SEVERAL),
    ),
    Case(
        id="receive-large",
        title=Words("Nhận văn bản lớn", "Receive a large document"),
        task=Words("Nhận “KIT large”, tiếp nhận.", "Receive “KIT large”, take it on."),
        judge=_reads(LetterId.LARGE),
    ),
    Case(
        id="receive-names",
        title=Words("Nhận tên tệp tiếng Việt (NFC và NFD)", "Receive Vietnamese file names (NFC and NFD)"),
        task=Words(
            "Nhận “KIT names”, xem tên hai tệp hiện đúng dấu, tiếp nhận.",
            "Receive “KIT names”, see that both names show their marks, take it on.",
        ),
        judge=_reads(LetterId.NAMES),
    ),
    Case(
        id="receive-odd",
        title=Words("Nhận gói tin khác thường nhưng hợp lệ", "Receive an odd but legal package"),
        task=Words(
            "Nhận “KIT odd” (có BOM, không có Bussiness, ngày dd/MM/yyyy), tiếp nhận.",
            "Receive “KIT odd” (a BOM, no Bussiness, dates dd/MM/yyyy), take it on.",
        ),
        judge=_reads(LetterId.ODD),
    ),
    Case(
        id="misaddressed",
        title=Words("Từ chối văn bản gửi nhầm, có lý do", "Refuse a misaddressed document, with a reason"),
        task=Words(
            "Từ chối “KIT misaddressed” bằng 02 và nêu lý do.", "Refuse “KIT misaddressed” by 02 with a reason."
        ),
        weight=2,
        judge=judge_misaddressed,
    ),
    Case(
        id="bad-signature",
        title=Words("Không tiếp nhận gói tin có chữ ký hỏng", "Do not take on what is badly signed"),
        task=Words(
            "Nhận “KIT badsig”, để phần mềm kiểm tra chữ ký; từ chối (02) hoặc không tiếp nhận.",
            "Receive “KIT badsig”, let the software check its signature; refuse it (02) or do not take it on.",
        ),
        weight=2,
        judge=judge_bad_signature,
    ),
    Case(
        id="recall",
        title=Words("Nhận thu hồi", "Receive a recall"),
        task=Words(
            "Nhận “KIT recalled”; khi thu hồi đến, trả lời 15 hoặc 16.",
            "Receive “KIT recalled”; when the recall comes, answer 15 or 16.",
        ),
        weight=2,
        judge=_answered(LetterId.RECALLED),
    ),
    Case(
        id="update",
        title=Words("Nhận cập nhật", "Receive an update"),
        task=Words(
            "Nhận “KIT updated”; khi cập nhật đến, trả lời 15 hoặc 16.",
            "Receive “KIT updated”; when the update comes, answer 15 or 16.",
        ),
        weight=2,
        judge=_answered(LetterId.UPDATED),
    ),
    Case(
        id="replace",
        title=Words("Nhận văn bản thay thế", "Receive a replacement"),
        task=Words(
            "Nhận “KIT replaced”; khi văn bản thay thế đến, tiếp nhận nó.",
            "Receive “KIT replaced”; when its replacement comes, take that on.",
        ),
        weight=2,
        judge=judge_replacement,
    ),
    Case(
        id="again",
        title=Words("Gói tin đến hai lần", "A package that comes twice"),
        task=Words(
            "Nhận “KIT again”; khi nó đến lần thứ hai, chỉ xác nhận, không xử lý lại.",
            "Receive “KIT again”; when it comes again, acknowledge it only.",
        ),
        weight=2,
        judge=judge_again,
    ),
    Case(
        id="acknowledge",
        title=Words("Xác nhận mọi gói tin đã lấy", "Acknowledge everything that was fetched"),
        task=Words("Để phần mềm lấy hết danh sách chờ.", "Let the software fetch all that waits."),
        weight=3,
        judge=judge_acknowledgements,
    ),
)
