"""Inbox and outbox: what is in them, in which order, how much of it, and the search in them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product

import pytest
from sqlalchemy import insert

from axis.store import boxes, schema, search
from axis.store.boxes import MOST, Box, BoxPage, BoxQuery, Order, Situation, came_since, count_box, read_box
from axis.store.records import Deadline, Document
from axis.store.rows import values_of
from axis.store.scopes import Scope
from axis.store.search import Wanted, candidates
from axis.store.store import Store
from axis.store.views import ListQuery, list_documents
from axis.terms import DeadlineKind, DeadlineStage, Place
from axis.text import search_form
from tests.console.archive import NOON, Archive, Clock, To
from tests.store.plans import plans_of

OURS = frozenset({"H24.2", "H24.3"})


@pytest.fixture(autouse=True)
def _statements_are_made_anew() -> Iterator[None]:
    """Limits that a test changes are in statements, which are kept."""
    kept = (boxes._counts, boxes._came, boxes._first_page)
    for one in kept:
        one.cache_clear()
    yield
    for one in kept:
        one.cache_clear()


@pytest.fixture
def archive(store: Store) -> Archive:
    return Archive(store, Clock())


async def codes(store: Store, query: BoxQuery) -> list[str | None]:
    page = await store.read(lambda conn: read_box(conn, query))
    return [line.line.document.code for line in page.lines]


def asked(box: Box = Box.INBOX, organs: frozenset[str] = OURS, **more: object) -> BoxQuery:
    return BoxQuery(box=box, organs=organs, now=NOON + timedelta(days=1), **more)  # type: ignore[arg-type]


async def fill(archive: Archive, plan: Sequence[tuple[str, str, str]]) -> None:
    """Documents to one receiver each: code, receiver, its last status ("" for none)."""
    for code, receiver, status in plan:
        archive.clock.later(minutes=1)
        await archive.document([To(receiver, statuses=(status,) if status else ())], code=code)


PLAN = [
    ("1/A", "H24.2", ""),
    ("2/A", "H24.2", "01"),
    ("3/A", "H24.3", "03"),
    ("4/A", "H24.3", "01"),
    ("5/A", "H24.9", "01"),
    ("6/A", "H24.2", "06"),
]


async def test_an_inbox_holds_what_ours_received_newest_first(store: Store, archive: Archive) -> None:
    await fill(archive, PLAN)
    assert await codes(store, asked()) == ["6/A", "4/A", "3/A", "2/A", "1/A"]
    assert await codes(store, asked(order=Order.OLDEST)) == ["1/A", "2/A", "3/A", "4/A", "6/A"]
    assert await codes(store, asked(organs=frozenset({"H24.3"}))) == ["4/A", "3/A"]
    assert await codes(store, asked(organs=frozenset())) == []


@pytest.mark.parametrize("apart", [0, 48])
async def test_an_inbox_is_narrowed_to_a_status_however_it_is_walked(
    store: Store, archive: Archive, apart: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("axis.store.boxes._APART", apart)
    await fill(archive, PLAN)
    assert await codes(store, asked(narrowed=Situation.TODO)) == ["4/A", "2/A", "1/A"]
    assert await codes(store, asked(narrowed=Situation.WAITING)) == ["1/A"]
    assert await codes(store, asked(narrowed="03")) == ["3/A"]
    assert await codes(store, asked(narrowed="05")) == []


async def test_an_outbox_holds_what_ours_sent_and_is_narrowed_by_what_receivers_said(
    store: Store, archive: Archive
) -> None:
    elsewhere = To("K99", place=Place.ELSEWHERE)
    await archive.document([To("H24.2"), To("H24.3", statuses=("03",))], code="1/B", from_organ="H24.5")
    archive.clock.later(minutes=1)
    await archive.document([To("H24.2", statuses=("02",)), elsewhere], code="2/B", from_organ="H24.6")
    archive.clock.later(minutes=1)
    await archive.document([To("H24.5")], code="3/B", from_organ="H24.7")
    ours = frozenset({"H24.5", "H24.6"})
    assert await codes(store, asked(Box.OUTBOX, ours)) == ["2/B", "1/B"]
    assert await codes(store, asked(Box.OUTBOX, ours, narrowed=Situation.WAITING)) == ["1/B"]
    assert await codes(store, asked(Box.OUTBOX, ours, narrowed="02")) == ["2/B"]
    counts = await store.read(lambda conn: count_box(conn, Box.OUTBOX, ours, NOON))
    assert counts == {"waiting": 1, "03": 1, "02": 1}


@pytest.mark.parametrize("box", list(Box))
async def test_a_count_is_the_number_of_rows_that_it_leads_to(store: Store, archive: Archive, box: Box) -> None:
    said: list[tuple[str, ...]] = [(), ("01",), ("03",), ("02",), ("06",), ("04",), ("05",)]
    for number in range(9):
        places = [
            To(f"H24.{organ}", statuses=said[(number * step) % len(said)])
            for organ, step in ((1, 1), (2, 2), (3, 3), (4, 1), (5, 0))
        ]
        await archive.document(places, code=f"{number}/T", from_organ="H24.9")
        archive.clock.later(minutes=1)
    organs = frozenset({"H24.1", "H24.2", "H24.4", "H24.5"} if box is Box.INBOX else {"H24.9"})
    counts = await store.read(lambda conn: count_box(conn, box, organs, NOON))
    assert len(counts) > 5
    for name, number in counts.items():
        assert len(await codes(store, asked(box, organs, narrowed=name))) == number, name


@pytest.mark.parametrize("box", list(Box))
@pytest.mark.parametrize("order", [Order.NEWEST, Order.OLDEST])
async def test_pages_follow_each_other_without_gaps_both_ways(
    store: Store, archive: Archive, box: Box, order: Order
) -> None:
    for number in range(7):
        if number % 3 == 0:
            archive.clock.later(minutes=1)  # else of one moment
        await archive.document([To("H24.2" if number % 2 else "H24.3")], code=f"{number}/C", from_organ="H24.5")
    organs = OURS if box is Box.INBOX else frozenset({"H24.5", "H24.6"})
    every = await codes(store, asked(box, organs, order=order))
    seen: list[str | None] = []
    query = asked(box, organs, order=order, rows=2)
    pages: list[BoxPage] = []
    while True:
        page = await store.read(lambda conn, query=query: read_box(conn, query))  # type: ignore[misc]
        pages.append(page)
        seen += [line.line.document.code for line in page.lines]
        if not page.has_after:
            break
        query = replace(query, place=page.lines[-1].place)
    assert seen == every
    assert len(every) == 7
    back = replace(query, place=pages[-1].lines[0].place, backwards=True)
    before = await store.read(lambda conn: read_box(conn, back))
    assert [line.place for line in before.lines] == [line.place for line in pages[-2].lines]


async def test_what_is_owed_first_stands_first_and_what_is_late_is_found(store: Store, archive: Archive) -> None:
    for number, due in enumerate((timedelta(days=3), timedelta(hours=1), timedelta(days=2))):
        archive.clock.later(minutes=1)
        document = await archive.document([To("H24.2")], code=f"{number}/D")
        delivery = await archive.delivery_of(document, "H24.2")
        for kind, more in ((DeadlineKind.RECEIPT, timedelta()), (DeadlineKind.COMPLETION, timedelta(days=9))):
            line = Deadline(
                delivery_id=delivery.delivery_id,
                kind=kind,
                document_uid=document.document_uid,
                from_organ="H24.1",
                receiver_organ="H24.2",
                came_at=NOON,
                due_at=NOON + due + more,
                stage=DeadlineStage.WAITING,
                next_at=None,
            )
            await store.write(lambda conn, line=line: conn.execute(insert(schema.deadline).values(values_of(line))))  # type: ignore[misc]
    await archive.document([To("H24.2")], code="nothing owed")
    assert await codes(store, asked(order=Order.DUE)) == ["1/D", "2/D", "0/D"]
    assert await codes(store, asked(narrowed=Situation.OVERDUE)) == ["1/D"]
    query = asked(order=Order.DUE, rows=1)
    first = await store.read(lambda conn: read_box(conn, query))
    assert first.lines[0].owed_at == NOON + timedelta(hours=1)
    assert await codes(store, replace(query, place=first.lines[0].place)) == ["2/D"]
    counts = await store.read(lambda conn: count_box(conn, Box.INBOX, OURS, NOON + timedelta(days=1)))
    assert counts["overdue"] == 1


async def owe(archive: Archive, document: Document, organ: str, due_at: datetime) -> None:
    """A receiver owes its acceptance by then."""
    delivery = await archive.delivery_of(document, organ)
    line = Deadline(
        delivery_id=delivery.delivery_id,
        kind=DeadlineKind.ACCEPTANCE,
        document_uid=document.document_uid,
        from_organ=document.from_organ,
        receiver_organ=organ,
        came_at=NOON,
        due_at=due_at,
        stage=DeadlineStage.WAITING,
        next_at=None,
    )
    await archive.store.write(lambda conn: conn.execute(insert(schema.deadline).values(values_of(line))))


async def test_a_sender_finds_what_its_receivers_are_late_with(store: Store, archive: Archive) -> None:
    ours, hour = frozenset({"H24.5", "H24.6"}), timedelta(hours=1)
    late = await archive.document([To("H24.2"), To("H24.3"), To("H24.9")], code="1/L", from_organ="H24.5")
    for organ, due in (("H24.2", NOON + 3 * hour), ("H24.3", NOON + 2 * hour), ("H24.9", NOON + 99 * hour)):
        await owe(archive, late, organ, due)
    archive.clock.later(minutes=1)
    in_time = await archive.document([To("H24.2")], code="2/L", from_organ="H24.6", subject="trong hạn")
    await owe(archive, in_time, "H24.2", NOON + 99 * hour)
    archive.clock.later(minutes=1)
    other = await archive.document([To("H24.5")], code="3/L", from_organ="H24.2")
    await owe(archive, other, "H24.5", NOON + hour)
    archive.clock.later(minutes=1)
    again = await archive.document([To("H24.3")], code="4/L", from_organ="H24.6", subject="Giấy mời")
    await owe(archive, again, "H24.3", NOON + hour)
    overdue = asked(Box.OUTBOX, ours, narrowed=Situation.OVERDUE)
    assert await codes(store, overdue) == ["4/L", "1/L"]  # each once, however many receivers are late
    assert await codes(store, replace(overdue, wanted=Wanted(phrases=(search_form("giay moi").strip(),)))) == ["4/L"]
    assert await codes(store, replace(overdue, wanted=Wanted(organs=frozenset({"H24.9"})))) == ["1/L"]
    first = await store.read(lambda conn: read_box(conn, replace(overdue, rows=1)))
    assert await codes(store, replace(overdue, rows=1, place=first.lines[0].place)) == ["1/L"]
    every = await store.read(lambda conn: read_box(conn, asked(Box.OUTBOX, ours)))
    assert [line.owed_at for line in every.lines] == [NOON + hour, NOON + 99 * hour, NOON + 2 * hour]
    counts = await store.read(lambda conn: count_box(conn, Box.OUTBOX, ours, NOON + timedelta(days=1)))
    assert counts["overdue"] == 2
    for plan in await plans_of(store, lambda conn: read_box(conn, overdue)):
        assert "SCAN deadline" not in plan


@pytest.mark.parametrize("box", list(Box))
@pytest.mark.parametrize("order", [Order.NEWEST, Order.OLDEST])
@pytest.mark.parametrize("narrowed", ["", Situation.WAITING])
async def test_what_comes_meanwhile_neither_repeats_nor_hides_a_row(
    store: Store, archive: Archive, box: Box, order: Order, narrowed: str
) -> None:
    organs = OURS if box is Box.INBOX else frozenset({"H24.5", "H24.6"})

    async def come(number: int) -> None:
        if number % 3 == 0:
            archive.clock.later(minutes=1)  # else of one moment
        sender = "H24.5" if number % 2 else "H24.6"
        await archive.document([To("H24.2" if number % 2 else "H24.3")], code=f"{number}/N", from_organ=sender)

    for number in range(7):
        await come(number)
    before = await codes(store, asked(box, organs, order=order, narrowed=narrowed))
    query, seen, number = asked(box, organs, order=order, narrowed=narrowed, rows=2), [], 7
    while True:
        page = await store.read(lambda conn, query=query: read_box(conn, query))  # type: ignore[misc]
        seen += [line.line.document.code for line in page.lines]
        archive.clock.later(minutes=1)
        if number < 10:
            await come(number)
            number += 1
        if not page.has_after:
            break
        query = replace(query, place=page.lines[-1].place)
    assert len(seen) == len(set(seen))
    assert [code for code in seen if code in before] == before
    newer = replace(query, place=page.lines[0].place, backwards=True, rows=20)
    if order is Order.NEWEST:
        assert len((await store.read(lambda conn: read_box(conn, newer))).lines) >= 3  # what came is to be found above


async def test_what_the_sender_wants_back_is_found_until_it_is_answered(store: Store, archive: Archive) -> None:
    first = await archive.document([To("H24.2"), To("H24.9")], code="1/E")
    second = await archive.document([To("H24.2")], code="2/E")
    third = await archive.document([To("H24.2")], code="3/E")
    await archive.act(first, "recall", {"H24.2": None, "H24.9": None})
    await archive.act(second, "recall", {"H24.2": "agreed"})
    await archive.act(third, "update", {"H24.2": None})
    assert await codes(store, asked(narrowed=Situation.RECALL)) == ["1/E"]
    assert (await store.read(lambda conn: count_box(conn, Box.INBOX, OURS, NOON)))["recall"] == 1


async def test_counts_go_no_further_than_they_are_shown(
    store: Store, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("axis.store.boxes.MOST", 2)
    await fill(archive, [(f"{number}/F", "H24.2", "01") for number in range(5)])
    counts = await store.read(lambda conn: count_box(conn, Box.INBOX, OURS, NOON))
    assert counts == {"01": 3, "todo": 3}
    assert await store.read(lambda conn: came_since(conn, Box.INBOX, OURS, NOON)) == 3
    later = NOON + timedelta(days=1)
    assert await store.read(lambda conn: came_since(conn, Box.INBOX, OURS, later)) == 0
    assert await store.read(lambda conn: came_since(conn, Box.OUTBOX, frozenset({"H24.1"}), NOON)) == 3
    assert MOST == 1_000


FOUND = [
    ("bao cao", ["1/G"]),
    ("BÁO", ["1/G"]),
    ("bao\u0301", ["1/G"]),  # as some keyboards write it
    ("cao bao", ["1/G"]),
    ("dat dai", ["12/UBND-ĐĐ"]),
    ("Đất", ["12/UBND-ĐĐ"]),
    ("12/UBND", ["12/UBND-ĐĐ"]),
    ("12/ubnd-dd", ["12/UBND-ĐĐ"]),
    ("2/UBND", []),
    ("ubnd", ["123/UBND", "12/UBND-ĐĐ"]),
    ("%", ["123/UBND", "12/UBND-ĐĐ", "1/G"]),
    ("noi vu", ["1/G"]),
    ("khong co", []),
]


@pytest.mark.parametrize("few", [0, 5_000], ids=["walked", "indexed"])
@pytest.mark.parametrize("case", FOUND, ids=[text for text, _found in FOUND])
async def test_words_are_found_with_and_without_accents_by_index_and_by_walking(
    store: Store, archive: Archive, case: tuple[str, list[str]], few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "FEW", few)
    text, found = case
    rows = [
        ("1/G", "Báo cáo cải cách", "Sở Nội vụ"),
        ("12/UBND-ĐĐ", "Về đất đai", "Phường A"),
        ("123/UBND", "Kế hoạch", "Phường B"),
    ]
    for code, subject, sender in rows:
        archive.clock.later(minutes=1)
        await archive.document([To("H24.2")], code=code, subject=subject, sender_name=sender, document_id="x")
    phrases = tuple(filter(None, (search_form(word).strip() for word in text.split())))
    wanted = Wanted(phrases=phrases)
    assert await codes(store, asked(wanted=wanted)) == found
    assert await codes(store, asked(Box.OUTBOX, frozenset({"H24.1"}), wanted=wanted)) == found
    listed = await store.read(lambda conn: list_documents(conn, ListQuery(scope=Scope.ALL, wanted=wanted)))
    assert [line.document.code for line in listed.lines] == found


async def test_common_words_are_left_to_the_walk(
    store: Store, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "FEW", 2)
    for number in range(3):
        await archive.document(code=f"{number}/H", subject="chung" if number else "chung hiếm")
    assert await store.read(lambda conn: candidates(conn, ["chung"])) is None
    assert len(await store.read(lambda conn: candidates(conn, ["chung hiem"])) or ()) == 1
    assert await store.read(lambda conn: candidates(conn, [])) is None


@pytest.mark.parametrize("limits", list(product((1, 3, 50), (0, 2, 99), (0, 8_000))))
async def test_words_are_found_however_far_back_they_are(
    store: Store, archive: Archive, limits: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each list its newest part is looked through first; the rest by the index of words, or like that."""
    for name, limit in zip(("_PART", "_MANY_HITS", "_SHORT"), limits, strict=True):
        monkeypatch.setattr(boxes, name, limit)
    for number in range(8):
        archive.clock.later(minutes=1)
        subject = "Phòng cháy" if number in {0, 1, 5} else "Tuyển sinh"
        await archive.document([To("H24.2")], code=f"{number}/K", subject=subject, from_organ="H24.5")
    wanted = Wanted(phrases=("phong", "chay"))
    both = ((Box.INBOX, OURS), (Box.OUTBOX, frozenset({"H24.5"})))
    for box, organs in both:
        assert await codes(store, asked(box, organs, wanted=wanted)) == ["5/K", "1/K", "0/K"]
        assert await codes(store, asked(box, organs, wanted=wanted, rows=1)) == ["5/K"]
        later = replace(wanted, since=archive.clock.now() - timedelta(minutes=4))
        assert await codes(store, asked(box, organs, wanted=later)) == ["5/K"]
        two = await store.read(
            lambda conn, box=box, organs=organs: read_box(conn, asked(box, organs, wanted=wanted, rows=2))
        )  # type: ignore[misc]
        assert ([line.line.document.code for line in two.lines], two.has_after) == (["5/K", "1/K"], True)
        assert await codes(store, asked(box, organs, wanted=wanted, place=two.lines[-1].place)) == ["0/K"]


async def test_what_came_in_one_moment_is_found_once_wherever_the_newest_part_ends(
    store: Store, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boxes, "_PART", 2)
    for number in range(5):
        await archive.document([To("H24.2")], code=f"{number}/M", subject="Phòng cháy")
    found = await codes(store, asked(wanted=Wanted(phrases=("phong",))))
    assert sorted(found) == ["0/M", "1/M", "2/M", "3/M", "4/M"]


async def test_what_is_late_keeps_its_order_in_a_search_too(
    store: Store, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boxes, "_PART", 1)
    for number, hours in enumerate((1, 3, 2)):
        archive.clock.later(minutes=1)
        document = await archive.document([To("H24.2")], code=f"{number}/L", subject="Phòng cháy")
        await owe(archive, document, "H24.2", NOON - timedelta(hours=hours))
    late = asked(narrowed=Situation.OVERDUE, wanted=Wanted(phrases=("phong",)), rows=1)
    assert await codes(store, late) == ["0/L"]


async def test_a_number_is_found_at_once_by_the_index(
    store: Store, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boxes, "_newest_part", None)  # not called
    for number in range(3):
        await archive.document([To("H24.2")], code=f"{number}12/QĐ-UBND")
    wanted = Wanted(phrases=("112 qd ubnd",))
    assert wanted.has_number
    assert not Wanted(phrases=("112", "qd ubnd")).has_number
    assert await codes(store, asked(wanted=wanted)) == ["112/QĐ-UBND"]


async def test_days_organisations_and_ids_narrow_both_boxes(store: Store, archive: Archive) -> None:
    early = await archive.document([To("H24.2")], code="1/I", from_organ="H24.5")
    archive.clock.later(days=2)
    await archive.document([To("H24.2"), To("H24.3")], code="2/I", from_organ="H24.6")
    day = Wanted(since=NOON - timedelta(hours=1), until=NOON + timedelta(hours=1))
    inbox = frozenset({"H24.2"})
    senders = frozenset({"H24.5", "H24.6"})
    assert await codes(store, asked(organs=inbox, wanted=day)) == ["1/I"]
    assert await codes(store, asked(Box.OUTBOX, senders, wanted=day)) == ["1/I"]
    assert await codes(store, asked(organs=inbox, wanted=Wanted(organs=frozenset({"H24.6"})))) == ["2/I"]
    assert await codes(store, asked(Box.OUTBOX, senders, wanted=Wanted(organs=frozenset({"H24.3"})))) == ["2/I"]
    of_id = Wanted(document_uid=early.document_uid)
    assert await codes(store, asked(organs=inbox, wanted=of_id)) == ["1/I"]
    assert await codes(store, asked(Box.OUTBOX, senders, wanted=of_id)) == ["1/I"]


@pytest.mark.parametrize(
    ("phrases", "asked"),
    [
        (("13 tt 23",), "=13 =tt, else =13 =tt 23"),
        (("103 gm 40", "phong"), "=103 =gm, else =103 =gm 40 phong"),
        (("1550 qd",), "=1550, else =1550 qd"),
        (("chay", "dau"), "chay dau"),
        (("giai doan 2026", "so"), "=giai =doan 2026"),
        (("so", "tt"), "so tt"),
        (("5",), "5"),
        ((), ""),
    ],
)
def test_the_index_is_asked_for_what_leaves_few_documents(phrases: tuple[str, ...], asked: str) -> None:
    said = [" ".join("=" * term.whole + term.word for term in some) for some in search.terms(phrases)]
    assert ", else ".join(said) == asked


async def test_a_number_whose_whole_words_are_common_is_found_by_its_end(
    store: Store, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "FEW", 2)
    for number in range(5):
        await archive.document([To("H24.2")], code=f"2/TT-{number}")
    assert len(await store.read(lambda conn: candidates(conn, ["2 tt 4"])) or ()) == 1
    assert await store.read(lambda conn: candidates(conn, ["2 tt"])) is None


async def test_a_word_within_a_number_is_a_whole_one(store: Store, archive: Archive) -> None:
    for code in ("13/TT-23", "13/TT-234", "130/TT-23", "13/TTR-23"):
        await archive.document([To("H24.2")], code=code)
    assert sorted(await codes(store, asked(wanted=Wanted(phrases=("13 tt 23",))))) == ["13/TT-23", "13/TT-234"]
