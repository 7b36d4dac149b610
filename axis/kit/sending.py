"""Cases of a vendor's software that sends."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import pairwise

from axis.kit import told
from axis.kit.case import Case, Failed, Finding, NotSeen, Passed
from axis.kit.codes import Partner
from axis.kit.facts import Facts, codes
from axis.kit.proxy import Fault, NotedCall
from axis.kit.receiving import STEPS
from axis.kit.words import Words
from axis.store.records import Document, Package, StatusEvent
from axis.terms import ActEffect, BusinessType, StatusCode
from axis.trust.model import Overall

_ONE_AGAIN = Words(
    "Khi không nhận được câu trả lời, phần mềm phải tự gửi lại đúng gói tin cũ (cùng DocumentId, cùng nội dung); "
    "trục nhận ra gói lặp và trả lời như lần đầu.",
    "Without an answer the software has to send the very same package again by itself (same DocumentId, same "
    "content); the axis knows a repeat and gives the first answer.",
)
_NOT_TWICE = Words(
    "Văn bản đã thành hai bản ở nơi nhận. Lần gửi lại phải là chính gói tin cũ: cùng DocumentId, cùng số ký hiệu, "
    "cùng tệp.",
    "The document has become two at its receiver. What is sent again has to be the same package: same DocumentId, "
    "number and files.",
)
_HITS = frozenset({ActEffect.APPLIED, ActEffect.NOTHING})  # it was found, and is replaced
_TAKE_STATUSES = Words(
    "Phần mềm phải lấy và xác nhận các gói tin trạng thái mà nơi nhận trả về.",
    "The software has to fetch and acknowledge the status packages that its receivers send back.",
)


def judge_send(facts: Facts) -> Finding:
    """A document with a file reaches the partner."""
    found = facts.sent_to(Partner.OK)
    whole = [one for one in found if facts.files(one.package_id)]
    if whole:
        return Passed(evidence=told.documents(whole[:3]))
    if found:
        return Failed(
            evidence=told.documents(found[:3]),
            advice=Words("Gói tin không có tệp văn bản nào.", "The package has no file."),
        )
    return _refused(facts)


def judge_several(facts: Facts) -> Finding:
    """One package for several receivers."""
    found = [one for one in facts.sent if len(facts.deliveries(one)) > 1]
    if found:
        return Passed(evidence=told.documents(found[:3]))
    if apart := _sent_apart(facts):
        return Failed(
            evidence=told.documents(apart[:3]),
            advice=Words(
                "Một văn bản gửi nhiều nơi là một gói tin có mọi nơi nhận trong To; phần mềm đã lập cho mỗi nơi một "
                "văn bản riêng cùng số ký hiệu.",
                "A document for several receivers is one package that names all of them in To; the software made a "
                "document of its own, with the same number, for each.",
            ),
        )
    return NotSeen()


def _sent_apart(facts: Facts) -> tuple[Document, ...]:
    """Documents with one number that went to one receiver each, and not all to the same."""
    groups = defaultdict(list)
    for one in facts.sent:
        if one.code_key:
            groups[one.code_key, one.promulgation_date].append(one)
    for group in groups.values():
        if len({to.receiver_organ for one in group for to in facts.deliveries(one)}) > 1:
            return tuple(group)
    return ()


def judge_statuses(facts: Facts) -> Finding:
    """The five statuses come back and are taken."""
    return _takes(facts, Partner.OK, lambda said: set(STEPS) <= set(codes(said)))


def judge_refusal(facts: Facts) -> Finding:
    """A refusal comes back and is taken."""
    return _takes(facts, Partner.REFUSE, lambda said: StatusCode.REFUSED in codes(said))


def judge_doubled(facts: Facts) -> Finding:
    """Statuses that come twice are all acknowledged."""
    return _takes(facts, Partner.DUP, lambda said: codes(said).count(StatusCode.ACCEPTED) > 1)


def judge_down(facts: Facts) -> Finding:
    """A partner that is down for a while needs no second package."""
    doubled = _doubled(facts, Partner.DOWN)
    if doubled:
        return Failed(evidence=told.documents(doubled), advice=_NOT_TWICE)
    return _takes(facts, Partner.DOWN, lambda said: StatusCode.ACCEPTED in codes(said))


def _takes(facts: Facts, partner: Partner, is_whole: Callable[[tuple[StatusEvent, ...]], bool]) -> Finding:
    """Whether the vendor has taken what a partner answered to one of its documents."""
    best: Finding = NotSeen()
    for one in facts.sent_to(partner):
        said = facts.answers(one, partner)
        evidence = (told.document(one), *told.statuses(said))
        if is_whole(said) and facts.has_taken(said):
            return Passed(evidence=evidence)
        if is_whole(said) and facts.is_over(said[-1].received_at, facts.limits.retry_s):
            return Failed(evidence=evidence, advice=_TAKE_STATUSES)
        best = NotSeen(evidence=evidence)
    return best


def _refused(facts: Facts) -> Finding:
    """What the node has refused of the vendor's, as long as nothing was taken."""
    lines = [json.loads(one.fields) for one in facts.traffic.refusals if one.actor == facts.system_id]
    if not lines:
        return NotSeen()
    told_of = "; ".join(f"{one['code']} {one['at'] or ''} {one['detail'] or ''}".strip() for one in lines[-3:])
    return NotSeen(
        evidence=(
            Words(f"trục đã từ chối {len(lines)} gói tin: {told_of}", f"{len(lines)} packages refused: {told_of}"),
        )
    )


# ── Our faults ─────────────────────────────────────────────────────────────────────────────────────────────────


def _doubled(facts: Facts, partner: Partner) -> tuple[Document, ...]:
    """Documents to a partner that are one and the same to a person: one number, or the same files."""
    groups = defaultdict(list)
    for one in facts.sent_to(partner):
        digests = tuple(sorted(file.sha256_hex for file in facts.files(one.package_id)))
        for key in (("code", one.code_key, one.promulgation_date), ("files", digests)):
            if key[1]:
                groups[key].append(one)
    return next((tuple(group) for group in groups.values() if len(group) > 1), ())


def _repeats(facts: Facts, first: NotedCall) -> tuple[NotedCall, ...]:
    """Later calls that handed in the same package."""
    return tuple(one for one in facts.calls if one.sends and one.package_id == first.package_id and one.at > first.at)


def _calls(facts: Facts, fault: Fault) -> tuple[NotedCall, ...]:
    return tuple(one for one in facts.calls if one.fault is fault)


def judge_lost(facts: Facts) -> Finding:
    """After a lost answer the same package is sent again, and stays one document."""
    doubled = _doubled(facts, Partner.LOST)
    cut = _calls(facts, Fault.CUT)
    evidence = (*map(told.call, cut), *told.documents(facts.sent_to(Partner.LOST)))
    if doubled:
        return Failed(evidence=evidence, advice=_NOT_TWICE)
    return _sent_again(facts, cut, evidence)


def _sent_again(facts: Facts, calls: Iterable[NotedCall], evidence: tuple[Words, ...]) -> Finding:
    for one in calls:
        if again := _repeats(facts, one):
            return Passed(evidence=(*evidence, *map(told.call, again[:3])))
        if facts.is_over(one.at, facts.limits.retry_s):
            return Failed(evidence=evidence, advice=_ONE_AGAIN)
    return NotSeen(evidence=evidence)


def judge_late(facts: Facts) -> Finding:
    """A slow answer is waited for, or the same package is sent again."""
    doubled = _doubled(facts, Partner.LATE)
    late = _calls(facts, Fault.LATE)
    evidence = (*map(told.call, late), *told.documents(facts.sent_to(Partner.LATE)))
    if doubled:
        return Failed(evidence=evidence, advice=_NOT_TWICE)
    if any(one.delivered for one in late):
        return Passed(evidence=evidence)
    return _sent_again(facts, late, evidence)


def judge_busy(facts: Facts) -> Finding:
    """While we are down the software waits, and then sends once."""
    refused = _calls(facts, Fault.BUSY)
    found = facts.sent_to(Partner.BUSY)
    evidence = (*map(told.call, refused[:5]), *told.documents(found))
    if not refused:
        return NotSeen(evidence=evidence)
    if _doubled(facts, Partner.BUSY):
        return Failed(evidence=evidence, advice=_NOT_TWICE)
    if found:
        return Passed(evidence=evidence)
    if facts.is_over(refused[-1].at, facts.limits.retry_s):
        return Failed(
            evidence=evidence,
            advice=Words(
                "Trả lời 503 nghĩa là trục tạm thời chưa nhận: phần mềm phải giữ gói tin và tự gửi lại sau "
                "Retry-After, không bỏ và không báo lỗi hẳn cho người dùng.",
                "503 means that the axis cannot take it now: the software has to keep the package and send it "
                "again by itself after Retry-After, not drop it nor call it failed.",
            ),
        )
    return NotSeen(evidence=evidence)


_PATIENT = 0.9  # of Retry-After: clocks differ


def judge_patience(facts: Facts) -> Finding:
    """Retry-After is kept to."""
    refused = _calls(facts, Fault.BUSY)
    if not refused:
        return NotSeen()
    evidence = tuple(map(told.call, refused[:6]))
    gaps = [(later.at - earlier.at).total_seconds() for earlier, later in pairwise(refused)]
    if any(gap < facts.retry_after_s * _PATIENT for gap in gaps):
        return Failed(
            evidence=evidence,
            advice=Words(
                f"Trục yêu cầu chờ {facts.retry_after_s} giây (Retry-After); phần mềm đã gọi lại sau "
                f"{min(gaps):.1f} giây.",
                f"The axis asks for {facts.retry_after_s} s (Retry-After); the software called again after "
                f"{min(gaps):.1f} s.",
            ),
        )
    return Passed(evidence=evidence) if facts.sent_to(Partner.BUSY) else NotSeen(evidence=evidence)


# ── Its own acts, and form ─────────────────────────────────────────────────────────────────────────────────────


def _own_act(kind: BusinessType) -> Callable[[Facts], Finding]:
    """An act of the vendor's that was answered, and whose answer was taken."""

    def judge(facts: Facts) -> Finding:
        best: Finding = NotSeen()
        acts = {act.package_id: act for act in facts.traffic.acts}
        for package in facts.acts(kind):
            act = acts.get(package.package_id)
            said = tuple(one for one in facts.traffic.events if act is not None and one.act_id == act.act_id)
            what = Words(
                f"gói tin {package.package_id} lúc {told.moment(package.received_at)}",
                f"package {package.package_id} at {told.moment(package.received_at)}",
            )
            evidence = (what, *told.statuses(said))
            if said and facts.has_taken(said):
                return Passed(evidence=evidence)
            if said and facts.is_over(said[-1].received_at, facts.limits.retry_s):
                return Failed(evidence=evidence, advice=_TAKE_STATUSES)
            best = NotSeen(evidence=evidence)
        return best

    return judge


def judge_replacing(facts: Facts) -> Finding:
    """The vendor replaces a document of its own."""
    packages = {one.package_id for one in facts.acts(BusinessType.REPLACE)}
    acts = {one.act_id: one.package_id for one in facts.traffic.acts if one.package_id in packages}
    hit = {acts[one.act_id] for one in facts.traffic.targets if one.act_id in acts and one.effect in _HITS}
    found = [one for one in facts.sent if one.package_id in packages]
    if good := [one for one in found if one.package_id in hit]:
        return Passed(evidence=told.documents(good[:3]))
    if not found:
        return NotSeen()
    return Failed(
        evidence=told.documents(found[:3]),
        advice=Words(
            "Văn bản thay thế không nêu đúng văn bản bị thay thế: DocumentId trong ReplacementInfo phải là của một văn "
            "bản mà phần mềm đã gửi.",
            "The replacement does not name what it replaces: DocumentId in ReplacementInfo has to be that of a "
            "document that the software has sent.",
        ),
    )


def judge_form(facts: Facts) -> Finding:
    """Packages follow the norm to the letter. Norm: QCVN 102:2016/BTTTT."""
    own = [one for one in facts.traffic.packages if one.source_system == facts.system_id]
    odd = [(one, found) for one in own if (found := _findings(one))]
    if odd:
        return Failed(
            evidence=tuple(
                Words(
                    f"gói tin {one.package_id}: " + "; ".join(f"{f['code']} ({f['at']})" for f in found[:5]),
                    f"package {one.package_id}: "
                    + "; ".join(f"{f['code']} ({f['at']}): {f['message']}" for f in found[:5]),
                )
                for one, found in odd[:5]
            ),
            advice=Words(
                "Trục vẫn nhận các gói tin này, nhưng trục khác có thể từ chối: nên lập đúng QCVN 102:2016/BTTTT.",
                "The axis takes these packages, but another one may not: they should follow QCVN 102:2016/BTTTT.",
            ),
        )
    count = Words(f"{len(own)} gói tin, không có sai sót về dạng", f"{len(own)} packages without findings")
    return Passed(evidence=(count,)) if own and facts.sent else NotSeen()


def _findings(package: Package) -> list[dict[str, str]]:
    """What was found odd; that an act bears no file is not."""
    acts = package.business_type is not None and not BusinessType(package.business_type).makes_document
    found: list[dict[str, str]] = json.loads(package.findings or "[]")
    return [one for one in found if not (acts and one["code"] == "no_attachments")]


def judge_signed(facts: Facts) -> Finding:
    """Documents are signed. Norm: QĐ 28/2018/QĐ-TTg Art. 6."""
    signed, bad = [], []
    for one in facts.sent:
        if one.verdict == Overall.INVALID:
            bad.append(one)
        elif _is_signed(facts, one):
            signed.append(one)
        elif facts.is_over(one.received_at, facts.limits.settle_s):  # files are looked at after a while
            bad.append(one)
    if bad:
        words = ", ".join(sorted({str(one.verdict) for one in bad}))
        return Failed(
            evidence=told.documents(bad[:3]),
            advice=Words(
                f"Gói tin hoặc tệp phải được ký số; kết quả kiểm tra của trục: {words}.",
                f"The package or its files have to be signed; what the axis found: {words}.",
            ),
        )
    return Passed(evidence=told.documents(signed[:3])) if signed else NotSeen()


def _is_signed(facts: Facts, document: Document) -> bool:
    """Whether there is a signature on the package or on one of its files, of whatever worth."""
    verdicts = (json.loads(one.content) for one in facts.traffic.verdicts if one.package_id == document.package_id)
    return any(part.get("signatures") for whole in verdicts for part in (whole, *whole.get("parts", ())))


def _send_to(partner: Partner, vi: str, en: str) -> Words:
    return Words(f"Gửi một văn bản đến {partner}{vi}", f"Send a document to {partner}{en}")


SENDING = (
    Case(
        id="send",
        title=Words("Gửi văn bản", "Send a document"),
        task=_send_to(Partner.OK, ", có ít nhất một tệp.", " with a file at least."),
        weight=3,
        judge=judge_send,
    ),
    Case(
        id="send-several",
        title=Words("Gửi đến nhiều nơi nhận", "Send to several receivers"),
        task=Words(
            f"Gửi một văn bản đến {Partner.OK} và {Partner.SLOW}.",
            f"Send one document to {Partner.OK} and {Partner.SLOW}.",
        ),
        weight=2,
        judge=judge_several,
    ),
    Case(
        id="statuses",
        title=Words("Nhận đủ năm trạng thái", "Receive the five statuses"),
        task=Words(
            f"Sau khi gửi đến {Partner.OK}, lấy và xác nhận các trạng thái 01, 03, 04, 05, 06.",
            f"After sending to {Partner.OK}, fetch and acknowledge the statuses 01, 03, 04, 05, 06.",
        ),
        weight=3,
        judge=judge_statuses,
    ),
    Case(
        id="refusal",
        title=Words("Nhận trạng thái từ chối", "Receive a refusal"),
        task=_send_to(Partner.REFUSE, "; lấy và xác nhận trạng thái 02.", "; fetch and acknowledge status 02."),
        weight=2,
        judge=judge_refusal,
    ),
    Case(
        id="lost-answer",
        title=Words("Mất câu trả lời của trục", "The axis's answer gets lost"),
        task=_send_to(
            Partner.LOST,
            " (đúng một văn bản); phần mềm phải tự gửi lại.",
            " (just one); the software has to send it again by itself.",
        ),
        weight=3,
        judge=judge_lost,
    ),
    Case(
        id="busy",
        title=Words("Trục tạm ngừng (503)", "The axis is down (503)"),
        task=_send_to(
            Partner.BUSY,
            " (đúng một văn bản); phần mềm phải tự gửi lại.",
            " (just one); the software has to send it again by itself.",
        ),
        weight=3,
        judge=judge_busy,
    ),
    Case(
        id="retry-after",
        title=Words("Chờ đúng thời gian Retry-After", "Keep to Retry-After"),
        task=Words(
            "Không gọi lại sớm hơn thời gian mà trục yêu cầu.", "Do not call again sooner than the axis asks for."
        ),
        required=False,
        judge=judge_patience,
    ),
    Case(
        id="late-answer",
        title=Words("Trục trả lời chậm", "The axis answers late"),
        task=_send_to(Partner.LATE, " (đúng một văn bản).", " (just one)."),
        weight=2,
        judge=judge_late,
    ),
    Case(
        id="doubled-status",
        title=Words("Trạng thái đến hai lần", "Statuses that come twice"),
        task=_send_to(Partner.DUP, "; lấy và xác nhận mọi trạng thái.", "; fetch and acknowledge all statuses."),
        judge=judge_doubled,
    ),
    Case(
        id="partner-down",
        title=Words("Nơi nhận mất kết nối tạm thời", "A receiver that is down for a while"),
        task=_send_to(Partner.DOWN, "; chờ, không gửi lại.", "; wait, do not send it again."),
        required=False,
        judge=judge_down,
    ),
    Case(
        id="own-recall",
        title=Words("Thu hồi văn bản của mình", "Recall a document of its own"),
        task=Words(
            f"Thu hồi văn bản đã gửi đến {Partner.OK}; lấy câu trả lời 15.",
            f"Recall a document sent to {Partner.OK}; fetch the answer 15.",
        ),
        required=False,
        judge=_own_act(BusinessType.RECALL),
    ),
    Case(
        id="own-update",
        title=Words("Cập nhật văn bản của mình", "Update a document of its own"),
        task=Words(
            f"Cập nhật văn bản đã gửi đến {Partner.OK}; lấy câu trả lời 15.",
            f"Update a document sent to {Partner.OK}; fetch the answer 15.",
        ),
        required=False,
        judge=_own_act(BusinessType.UPDATE),
    ),
    Case(
        id="own-replace",
        title=Words("Thay thế văn bản của mình", "Replace a document of its own"),
        task=Words("Gửi một văn bản thay thế văn bản đã gửi.", "Send a document that replaces an earlier one."),
        required=False,
        judge=judge_replacing,
    ),
    Case(
        id="form",
        title=Words("Gói tin đúng quy chuẩn", "Packages follow the norm"),
        task=Words("Gói tin gửi đi không có sai sót về dạng.", "What is sent has no findings."),
        required=False,
        judge=judge_form,
    ),
    Case(
        id="signed",
        title=Words("Văn bản gửi đi có chữ ký số", "Documents are signed"),
        task=Words("Ký số văn bản hoặc gói tin trước khi gửi.", "Sign documents or packages before they are sent."),
        required=False,
        judge=judge_signed,
    ),
)
