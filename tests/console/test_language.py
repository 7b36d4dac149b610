"""What the console says, in both languages."""

import re
from pathlib import Path

import pytest
from aiohttp.test_utils import make_mocked_request

from axis.errors import Code, Internal
from axis.terms import Role, StatusCode, TransportState
from axis.web.console import words
from axis.web.console.language import _, asked_for, current, english, grouped, n_, read_catalogues, speak
from axis.web.console.moments import size
from tests.console.archive import Archive, To, file
from tests.console.conftest import Client, LogIn
from tests.console.sentences import FOLDER, SAYERS, VIETNAMESE, bare_in_python, bare_in_template, everything

HTML = {"Accept": "text/html"}
ENGLISH = {**HTML, "Cookie": "lang=en"}
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def test_every_sentence_has_an_english_one_and_every_english_one_is_said() -> None:
    said = {one.sentence: one.where for one in everything()}
    missing = {sentence: where for sentence, where in said.items() if sentence not in english()}
    assert not missing, "say it in axis/web/console/locale/en/<family>.po"
    assert not english().keys() - said.keys()


def test_an_english_sentence_has_the_placeholders_of_the_vietnamese_one() -> None:
    for sentence, forms in english().items():
        for form in forms:
            assert sorted(_PLACEHOLDER.findall(form)) == sorted(_PLACEHOLDER.findall(sentence)), sentence
            assert form.count("{") == len(_PLACEHOLDER.findall(form)), form
            assert not VIETNAMESE.search(form), form


def test_what_changes_with_a_number_has_both_forms_and_nothing_else_has() -> None:
    counted = {one.sentence for one in everything() if one.counted}
    for path in FOLDER.glob("locale/en/*.po"):
        text = path.read_text(encoding="utf-8")
        for sentence in re.findall(r'^msgid "(.+)"$', text, re.MULTILINE):
            assert (f'msgid_plural "{sentence}"' in text) == (sentence.replace('\\"', '"') in counted), sentence


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_no_module_says_anything_past_the_languages(path: Path) -> None:
    bare = bare_in_python(path.read_text(encoding="utf-8"))
    assert not [text for text in bare if text != "Tiếng Việt"]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("templates/*.html")), ids=lambda path: path.name)
def test_no_template_says_anything_past_the_languages(path: Path) -> None:
    assert not bare_in_template(path.read_text(encoding="utf-8"))


def test_the_script_says_what_the_page_gives_it() -> None:
    script = (FOLDER / "static" / "console.js").read_text(encoding="utf-8")
    given = (FOLDER / "templates" / "base.html").read_text(encoding="utf-8")
    assert not VIETNAMESE.search(script)
    for name in re.findall(r"\bsaid\.(\w+)", script):
        assert f"data-{name}=" in given, name


def test_the_collector_finds_what_stands_bare() -> None:
    assert bare_in_python('x = N_("Đã đến")\ny = "Chờ"\n') == ["Chờ"]
    assert bare_in_python('z = _("Đến" if up else "Đi")') == ["Đến", "Đi"]
    assert bare_in_template('<p title="Xem">{{ _("Tệp") }} Bao</p>') == ["Xem", "Bao"]
    assert set(SAYERS) == {"_", "N_", "n_"}


def test_two_files_may_not_say_one_sentence_in_two_ways(tmp_path: Path) -> None:
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8"\n\nmsgid "Đi"\n'
    (tmp_path / "a.po").write_text(f'{head}msgstr "Sent"\n', encoding="utf-8")
    (tmp_path / "b.po").write_text(f'{head}msgstr "Sent"\n', encoding="utf-8")
    assert read_catalogues([tmp_path / "a.po", tmp_path / "b.po"]) == {"Đi": ("Sent", "Sent")}
    (tmp_path / "b.po").write_text(f'{head}msgstr "Go"\n', encoding="utf-8")
    with pytest.raises(Internal):
        read_catalogues([tmp_path / "a.po", tmp_path / "b.po"])


def test_numbers_are_said_as_the_language_says_them() -> None:
    assert (grouped(1_234), n_("{n} tệp", 1), n_("{n} tệp", 1_234)) == ("1.234", "1 tệp", "1.234 tệp")
    assert size(1_536) == "1,5\u00a0KB"
    speak("en")
    assert (grouped(1_234), n_("{n} tệp", 1), n_("{n} tệp", 1_234)) == ("1,234", "1 file", "1,234 files")
    assert size(1_536) == "1.5\u00a0KB"
    assert _("Đã đến") == words.status(StatusCode.ARRIVED).word == "Arrived"
    assert words.status("Đã đến").word == "Đã đến"  # a stranger's code is no sentence of ours


@pytest.mark.parametrize(
    ("cookie", "accept", "language"),
    [
        ("", "", "vi"),
        ("", "en-GB,en;q=0.9,vi;q=0.8", "en"),
        ("", "fr, vi;q=0.5, en;q=0.5", "vi"),
        ("", "fr-FR, de;q=0.5", "vi"),
        ("", "en;q=0", "vi"),
        ("", "en;q=, ;;;,=\xff" + ",en" * 5_000, "en"),
        ("lang=vi", "en", "vi"),
        ("lang=en", "vi", "en"),
        ("lang=fr", "en", "en"),
        ("lang=../../etc", "", "vi"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_the_switch_comes_before_what_the_browser_prefers(cookie: str, accept: str, language: str) -> None:
    headers = {"Accept-Language": accept, "Cookie": cookie}
    assert asked_for(make_mocked_request("GET", "/", headers)) == language


async def test_the_switch_sets_a_cookie_and_comes_back(client: Client) -> None:
    page = await (await client.get("/login", headers=HTML)).text()
    assert '<html lang="vi">' in page
    assert 'lang="en">English</button>' in page
    form = {"lang": "en", "next": "/login?next=/documents"}
    answer = await client.post("/language", data=form, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/login?next=/documents")
    assert answer.cookies["lang"]["httponly"]
    page = await (await client.get("/login", headers=HTML)).text()
    assert '<html lang="en">' in page
    assert "Log in" in page
    assert not VIETNAMESE.search(page.replace("Tiếng Việt", "").replace("Thành phố Hải Bình", ""))


async def test_the_switch_leads_nowhere_else(client: Client) -> None:
    answer = await client.post("/language", data={"lang": "klingon", "next": "//evil.invalid/"}, allow_redirects=False)
    assert answer.headers["Location"] == "/"
    assert "lang" not in answer.cookies


async def test_one_connection_speaks_to_each_request_in_its_own_language(operator: Client) -> None:
    for _round in range(3):
        assert "Log out" in await (await operator.get("/", headers={**HTML, "Accept-Language": "en"})).text()
        assert "Đăng xuất" in await (await operator.get("/", headers=HTML)).text()


async def test_pages_whose_data_is_ascii_hold_no_vietnamese_in_english(operator: Client, archive: Archive) -> None:
    await archive.organ("H24.1", "Department of Home Affairs")
    await archive.organ("H24.2", "Ward 2")
    to = [
        To("H24.2", TransportState.ACKNOWLEDGED),
        To("H24.3", TransportState.RETRYING, more={"failures": 2, "last_error": "peer_unreachable: no answer"}),
        To("H24.4", TransportState.DEAD, more={"last_error": "receiver_fault"}),
        To("H24.5", TransportState.CANCELLED),
    ]
    texts = {"subject": "Report", "type_name": "Letter", "sender_name": "Home Affairs", "urgency": 3}
    document = await archive.document(
        to, files=[file("report.pdf"), file("photo.png", media_type="image/png")], **texts
    )
    delivery = await archive.delivery_of(document, "H24.2")
    for code in ("01", "02", "03", "04", "05", "06"):
        said = {"staff": "A. Clerk", "department": "Registry", "description": "Noted", "reported_at": "2025-11-27"}
        await archive.status(document, delivery.delivery_id, code, **said)
    await archive.act(document, "recall", {"H24.2": "agreed", "H24.3": None}, reason="Wrong number")
    await archive.act(document, "update", {"H24.2": None}, changes=[("priority", "0", "2"), ("subject", "a", "b")])
    single = await archive.document([To("H24.2", TransportState.QUEUED)], flags="same_code", **texts)
    paths = ["/", "/documents?q=nothing", "/documents?direction=sent", "/documents/nope", "/documents?older=x"]
    paths += [f"/documents/{one.document_uid}" for one in (document, single)]
    for path in paths:
        page = await (await operator.get(path, headers=ENGLISH)).text()
        assert '<html lang="en">' in page
        found = VIETNAMESE.findall(page.replace("Tiếng Việt", "").replace("Thành phố Hải Bình", ""))
        assert not found, path


async def test_an_error_is_explained_in_the_language_of_the_page(operator: Client) -> None:
    english_page = await (await operator.get("/documents?older=x", headers=ENGLISH)).text()
    assert "The request could not be read" in english_page
    assert Code.BAD_REQUEST in english_page
    assert "Yêu cầu không đọc được" in await (await operator.get("/documents?older=x", headers=HTML)).text()


async def test_roles_are_named_in_the_language_of_the_page(log_in: LogIn) -> None:
    client = await log_in(Role.AUDITOR, Role.OPERATOR)
    assert 'title="Operator, Auditor"' in await (await client.get("/", headers=ENGLISH)).text()
    assert 'title="Vận hành, Kiểm tra"' in await (await client.get("/", headers=HTML)).text()


def test_one_vietnamese_word_may_be_two_in_english() -> None:
    spoken = current()
    try:
        for language, said in (("vi", ("Đồng ý", "Đồng ý")), ("en", ("Agreed", "Agree"))):
            speak(language)
            assert (_("Đồng ý"), _("Đồng ý¦việc")) == said
    finally:
        speak(spoken)
