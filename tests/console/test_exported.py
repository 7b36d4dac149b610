"""What is exported is what the page shows: the same documents in the same order, the same figures.

Read as the person reads it who opens the file: by its headings.
"""

import csv
import html
import io
import re
from datetime import timedelta
from typing import Any

import pytest
from openpyxl import load_workbook

from axis.store.boxes import Box
from axis.terms import Role
from axis.web.console import exports, journals
from axis.web.console.boxing import CHOICES
from tests.console.archive import NOON, Archive, Clock, To
from tests.console.conftest import Client, LogIn

# The clerk's department, for whom the boxes are.
from tests.console.test_boxes import HTML, clerk  # noqa: F401
from tests.store.test_boxes import owe

NUMBER = "Mã văn bản trên trục"
FILTERS = [
    *(f"/{box}?status={status}" for box in Box for status in CHOICES[box]),
    *(f"/{box}?{query}" for box in Box for query in ("", "sort=oldest", "q=an", "q=an&status=overdue&sort=oldest")),
    "/inbox?sort=due",
    "/inbox?status=todo&sort=due",
    "/inbox?q=so+xay+dung",
]
WORKBOOKS = ("/inbox?", "/inbox?status=todo&sort=due", "/outbox?q=an&status=overdue&sort=oldest")


async def listed(client: Client, path: str) -> list[str]:
    """The documents of a list, on all its pages."""
    found = []
    while path:
        page = await (await client.get(path, headers=HTML)).text()
        rows = page.split('<li class="row"')[1:]
        found += [re.findall(r'href="/documents/(\w{26})"', row)[0] for row in rows]
        following = re.search(r'<a class="button" href="([^"]*)" rel="next"', page)
        path = html.unescape(following[1]) if following else ""
    return found


async def table(client: Client, path: str, form: str) -> list[dict[str, Any]]:
    """The rows of a list's file, at the address that its page gives."""
    page = await (await client.get(path, headers=HTML)).text()
    link = re.search(rf'href="([^"]*/export\.{form}[^"]*)"', page)
    assert link, path
    content = await (await client.get(html.unescape(link[1]))).read()
    if form == "csv":
        rows: list[Any] = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    else:
        rows = list(load_workbook(io.BytesIO(content)).worksheets[0].iter_rows(values_only=True))
    return [dict(zip(rows[0], [cell or "" for cell in row], strict=True)) for row in rows[1:]]


async def fill(archive: Archive, clock: Clock) -> None:
    """Documents of every kind that a filter knows, more than a page of most."""
    for number in range(16):
        clock.later(minutes=1)
        status = (("01",), ("01", "03"), ("02",), ("01", "03", "06"), ())[number % 5]
        to = [To("H24.2", statuses=status), *([To("H24.2.1", statuses=status[:1])] if number % 4 == 0 else [])]
        subject = f"Kế hoạch an toàn {number}" if number % 3 else f"Họp {number}"
        got = await archive.document(to, subject=subject, code=f"{number}/KH", from_organ="H24.9")
        sent = await archive.document([To("H24.9", statuses=status)], subject=subject, from_organ="H24.2")
        for one, whose in ((got, "H24.2"), (sent, "H24.9")):
            await owe(archive, one, whose, NOON + timedelta(hours=number - 8))
        if number in (6, 11):
            await archive.act(got, "recall", {"H24.2": None})
            await archive.act(sent, "recall", {"H24.9": None})


async def test_both_files_hold_what_the_page_lists(
    clerk: Client,  # noqa: F811
    archive: Archive,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exports, "_PAGE_ROWS", 4)
    await fill(archive, clock)
    lengths = {}
    for path in FILTERS:
        of_page, of_csv = await listed(clerk, path), await table(clerk, path, "csv")
        assert [row[NUMBER] for row in of_csv] == of_page, path
        lengths[path] = len(of_page)
        if path in WORKBOOKS:
            assert await table(clerk, path, "xlsx") == of_csv, path
    assert lengths["/inbox?"] == 16 + 4
    assert sum(0 < rows < 16 for rows in lengths.values()) > 8, lengths


async def test_a_file_that_is_shorter_than_its_list_says_so(
    clerk: Client,  # noqa: F811
    archive: Archive,
    log_in: LogIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exports, "_PAGE_ROWS", 2)
    for rows, said in ((4, False), (2, True)):
        monkeypatch.setattr(exports, "MOST_ROWS", rows)
        while len(await listed(clerk, "/inbox")) < 4:
            await archive.document([To("H24.2")])
        lines = (await (await clerk.get("/inbox/export.csv")).text()).splitlines()
        assert len(lines) == 1 + rows + said
        assert ("Tệp chỉ có 2 dòng đầu; danh sách còn nữa." in lines[-1]) is said
    monkeypatch.setattr(journals, "_EXPORTED_ROWS", 1)
    monkeypatch.setattr(journals, "_PAGE_ROWS", 1)
    auditor = await log_in(Role.AUDITOR)
    lines = (await (await auditor.get("/views.csv")).text()).splitlines()
    assert (len(lines), "Tệp chỉ có 1 dòng đầu" in lines[-1]) == (3, True)
