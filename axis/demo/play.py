"""What the demo plays: documents in every direction, a refusal, a repeat, a successor, and the acts on a document.

Each part sends as an agency's clerk would and waits until the sender's own system has every status that has to come
back.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from axis.clock import Clock
from axis.demo.cast import (
    CLOSED_DISTRICT,
    CONSTRUCTION,
    GOVERNMENT_OFFICE,
    HOME_AFFAIRS,
    HONG_BANG,
    LE_CHAN,
    MINISTRY,
    OFFICE,
    WORKS_UNIT,
    agency_of,
)
from axis.demo.dms import Dms
from axis.demo.documents import About, Desk, Draft, about, recall, replacement, update
from axis.demo.ledger import Expected, Ledger
from axis.demo.report import Report, SentLine
from axis.demo.seals import Seals
from axis.edxml.model import DocumentPackage, ResponseFor, StatusPackage
from axis.edxml.reader import read
from axis.resources import resource
from axis.terms import StatusCode, Urgency
from axis.trust.model import Overall

HANDLED = (
    StatusCode.ARRIVED,
    StatusCode.ACCEPTED,
    StatusCode.ASSIGNED,
    StatusCode.IN_PROGRESS,
    StatusCode.COMPLETED,
)
REFUSED = (StatusCode.ARRIVED, StatusCode.REFUSED)
_OLD_CODE_OF_CONSTRUCTION = "000.00.03.H24"
"""The ministry still addresses the department by its code of the earlier form."""


@dataclass(slots=True, kw_only=True)
class Stage:
    """What the play is played on."""

    systems: Mapping[str, Dms]  # by system id
    names: Mapping[str, str]  # organisation code → name
    ledger: Ledger
    report: Report
    clock: Clock
    seals: Seals | None = None  # what the letters' PDFs are signed with
    verdicts: dict[str, Overall] = field(default_factory=dict)  # DocumentId → what its signatures have to be found
    expected: set[Expected] = field(default_factory=set)  # grows while the play goes on
    problems: list[str] = field(default_factory=list)

    def dms(self, organ: str) -> Dms:
        """The system of an organisation."""
        return self.systems[agency_of(organ).system_id]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """One document of the play."""

    package: DocumentPackage
    answers: tuple[tuple[str, tuple[StatusCode, ...]], ...]  # organisation → the statuses that it answers with
    note: str
    verdict: Overall = Overall.VALID  # what both nodes have to find of its signatures


async def play(stage: Stage) -> None:
    """Play everything, and return when all has come back; the caller bounds the time."""
    desk = Desk(stage.names, stage.clock.now(), stage.seals)
    async with asyncio.TaskGroup() as parts:
        for part in (_inside_the_city, _to_the_ministry, _from_the_ministry, _refused, _succeeded, _samples):
            parts.create_task(part(stage, desk))


async def _send(stage: Stage, sending: Sending) -> str:
    """Hand a document in, and note what has to come back."""
    header = sending.package.header
    for organ, statuses in sending.answers:
        stage.expected |= {Expected(document_id=header.document_id, organ=organ, status=status) for status in statuses}
    sender = header.sender.organ_id
    at = stage.clock.now()
    stage.verdicts[header.document_id] = sending.verdict
    package_id = await stage.dms(sender).send(sending.package, signed=sending.verdict is not Overall.UNSIGNED)
    stage.report.show_sent(
        SentLine(
            document_id=header.document_id,
            number=header.code.text,
            note=sending.note,
            sender=sender,
            receivers=tuple(organ for organ, _ in sending.answers),
            at=at,
        )
    )
    return package_id


async def _send_and_wait(stage: Stage, sending: Sending) -> About:
    await _send(stage, sending)
    document_id = sending.package.header.document_id
    await stage.ledger.wait_for(one for one in stage.expected if one.document_id == document_id)
    return about(sending.package)


def _all(organs: Iterable[str], statuses: tuple[StatusCode, ...]) -> tuple[tuple[str, tuple[StatusCode, ...]], ...]:
    return tuple((organ, statuses) for organ in organs)


async def _inside_the_city(stage: Stage, desk: Desk) -> None:
    """A department to a ward, a unit and the city's office; sent twice; in the end it asks the unit to give it back."""
    receivers = (LE_CHAN, WORKS_UNIT, OFFICE)
    letter = await asyncio.to_thread(
        desk.letter,
        Draft(
            sender=CONSTRUCTION,
            receivers=receivers,
            notation="SXD-HTKT",
            subject="V/v rà soát hiện trạng hạ tầng kỹ thuật trên địa bàn",
            body=(
                "Thực hiện kế hoạch năm của thành phố, Sở Xây dựng đề nghị các đơn vị rà soát hiện trạng hạ tầng.",
                "Tổng hợp khó khăn, vướng mắc và gửi báo cáo trước ngày được nêu theo mẫu tại phụ lục.",
            ),
            urgency=Urgency.URGENT,
            enclosure="Phụ lục: mẫu báo cáo",
        ),
    )
    sending = Sending(package=letter, answers=_all(receivers, HANDLED), note="trong thành phố, gửi hai lần")
    first = await _send(stage, sending)
    again = await stage.dms(CONSTRUCTION).send(letter)
    if again != first:
        stage.problems.append(f"a repeat was answered with {again} and not with {first}")
    subject = about(letter)
    await stage.ledger.wait_for(one for one in stage.expected if one.document_id == subject.document_id)
    await _ask_back(stage, desk, subject)


async def _ask_back(stage: Stage, desk: Desk, subject: About) -> None:
    """The vendor's status sample 13; the unit has finished the document, and declines."""
    sample = read(resource("config/samples/take-back.edxml").read_bytes())
    if not isinstance(sample, StatusPackage):
        raise TypeError(sample)
    request = replace(
        sample,
        header=replace(
            sample.header,
            sender=desk.party(CONSTRUCTION),
            staff=None,
            response_for=ResponseFor(
                organ_id=WORKS_UNIT,
                code=subject.code,
                document_id=subject.document_id,
                promulgation_date=subject.promulgation_date,
            ),
        ),
    )
    answer = Expected(document_id=subject.document_id, organ=WORKS_UNIT, status=StatusCode.DECLINED)
    stage.expected.add(answer)
    await stage.dms(CONSTRUCTION).send(request)
    await stage.ledger.wait_for([answer])


async def _to_the_ministry(stage: Stage, desk: Desk) -> None:
    """One document for a ministry and a department: it goes up the national axis and stays in the city."""
    receivers = (MINISTRY, HOME_AFFAIRS)
    letter = await asyncio.to_thread(
        desk.letter,
        Draft(
            sender=CONSTRUCTION,
            receivers=receivers,
            notation="SXD-QLN",
            subject="V/v xin ý kiến về quy hoạch nhà ở xã hội",
            body=("Sở Xây dựng kính đề nghị quý cơ quan cho ý kiến về hồ sơ kèm theo.",),
            urgency=Urgency.EXPRESS,
        ),
    )
    await _send_and_wait(
        stage, Sending(package=letter, answers=_all(receivers, HANDLED), note="lên trục quốc gia, hỏa tốc")
    )


async def _from_the_ministry(stage: Stage, desk: Desk) -> None:
    """A ministry to a department, by its old code, and to a ward."""
    letter = await asyncio.to_thread(
        desk.letter,
        Draft(
            sender=MINISTRY,
            receivers=(CONSTRUCTION, LE_CHAN),
            notation="BXD-HTKT",
            subject="V/v hướng dẫn quản lý cây xanh đô thị",
            body=("Bộ Xây dựng hướng dẫn các địa phương tổ chức thực hiện theo nội dung kèm theo.",),
            position="Thứ trưởng",
        ),
    )
    department, ward = letter.header.receivers
    addressed = (replace(department, organ_id=_OLD_CODE_OF_CONSTRUCTION), ward)
    letter = replace(letter, header=replace(letter.header, receivers=addressed))
    await _send_and_wait(
        stage,
        Sending(
            package=letter, answers=_all((CONSTRUCTION, LE_CHAN), HANDLED), note="từ trục quốc gia, một mã định danh cũ"
        ),
    )


async def _refused(stage: Stage, desk: Desk) -> None:
    """A document that is not the ward's business."""
    letter = await asyncio.to_thread(
        desk.letter,
        Draft(
            sender=OFFICE,
            receivers=(HONG_BANG,),
            notation="VP-NC",
            subject="V/v nạo vét luồng cảng cá",
            body=("Văn phòng đề nghị đơn vị chủ trì triển khai và báo cáo kết quả.",),
            position="Chánh Văn phòng",
        ),
    )
    await _send_and_wait(stage, Sending(package=letter, answers=_all((HONG_BANG,), REFUSED), note="nơi nhận từ chối"))


async def _succeeded(stage: Stage, desk: Desk) -> None:
    """A document for a district that was closed: the ward that took over from it gets it and answers."""
    letter = await asyncio.to_thread(
        desk.letter,
        Draft(
            sender=HOME_AFFAIRS,
            receivers=(CLOSED_DISTRICT,),
            notation="SNV-CCHC",
            subject="V/v bàn giao hồ sơ cán bộ sau sắp xếp đơn vị hành chính",
            body=("Sở Nội vụ đề nghị hoàn thành việc bàn giao hồ sơ theo kế hoạch.",),
        ),
    )
    await _send_and_wait(
        stage, Sending(package=letter, answers=_all((LE_CHAN,), HANDLED), note="quận đã giải thể, phường kế thừa nhận")
    )


async def _samples(stage: Stage, desk: Desk) -> None:
    """The vendor's samples: a new document, its update, what replaces it, and the recall of that."""
    receivers = (OFFICE, LE_CHAN)

    def sample(name: str) -> DocumentPackage:
        return desk.sample(name, GOVERNMENT_OFFICE, receivers)

    async def act(package: DocumentPackage, added: tuple[str, ...] = ()) -> None:
        """Acts carry the DocumentId of what they act on, so their answers stand in that document's rows."""
        document_id = package.header.document_id
        answers = [Expected(document_id=document_id, organ=organ, status=StatusCode.AGREED) for organ in receivers]
        answers += [
            Expected(document_id=document_id, organ=organ, status=status) for organ in added for status in HANDLED
        ]
        stage.expected.update(answers)
        await stage.dms(GOVERNMENT_OFFICE).send(package, signed=False)
        await stage.ledger.wait_for(answers)

    new = Sending(
        package=sample("new"),
        answers=(*_all(receivers, HANDLED), (CONSTRUCTION, ())),  # whom the update adds
        note="gói mẫu: văn bản mới, rồi cập nhật",
        verdict=Overall.UNSIGNED,
    )
    target = await _send_and_wait(stage, new)
    await act(update(sample("update"), target, added=CONSTRUCTION), added=(CONSTRUCTION,))
    successor = Sending(
        package=replacement(sample("replace"), target, receivers),
        answers=_all(receivers, HANDLED),
        note="gói mẫu: thay thế, rồi thu hồi",
        verdict=Overall.UNSIGNED,
    )
    target = await _send_and_wait(stage, successor)
    await act(recall(sample("recall"), target, receivers))
