"""One axis.toml becomes one value, or an error that names the key."""

import ast
import dataclasses
import os
import re
import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

from axis.edxml.model import Limits as ReaderLimits
from axis.errors import Code, Malformed, NotFound
from axis.settings import Limits, Settings, describe_settings, find_config, read_settings

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "config" / "axis.example.toml"
CITY = '[node]\ncode = "H24"\n'
UPLINK = CITY + '[[uplink]]\nid = "national.vn"\nendpoint = "http://127.0.0.1:8090/vxp"\nsystem_id = "H24"\n'


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own AXIS_ variables must not decide a test."""
    for name in [name for name in os.environ if name.startswith("AXIS_")]:
        monkeypatch.delenv(name)


def _read(folder: Path, text: str) -> Settings:
    path = folder / "axis.toml"
    path.write_text(text, encoding="utf-8")
    return read_settings(path)


def _refusal(folder: Path, text: str) -> Malformed:
    with pytest.raises(Malformed) as caught:
        _read(folder, text)
    assert caught.value.code is Code.BAD_SETTINGS
    return caught.value


def test_a_city_needs_only_its_code(tmp_path: Path) -> None:
    settings = _read(tmp_path, CITY)
    assert settings.node.prefixes == ("H24",)
    assert settings.store.data_dir == tmp_path
    assert settings.store.url == f"sqlite:///{tmp_path}/axis.db"
    assert settings.store.key_file == tmp_path / "keys" / "node.key"


def test_a_national_node_holds_no_tree_of_its_own(tmp_path: Path) -> None:
    assert _read(tmp_path, '[node]\ncode = "VN"\nrole = "national"\n').node.prefixes == ()


def test_a_city_may_hold_several_trees(tmp_path: Path) -> None:
    assert _read(tmp_path, CITY + 'prefixes = ["H24", "H23"]\n').node.prefixes == ("H24", "H23")


def test_relative_paths_start_at_the_folder_of_the_file(tmp_path: Path) -> None:
    text = UPLINK + 'secret_file = "keys/national"\n[store]\ndata_dir = "data"\n'
    settings = _read(tmp_path, text)
    assert settings.store.data_dir == tmp_path / "data"
    assert settings.store.url == f"sqlite:///{tmp_path}/data/axis.db"
    assert settings.uplink[0].secret_file == tmp_path / "keys" / "national"


def test_absolute_paths_stay(tmp_path: Path) -> None:
    settings = _read(tmp_path, CITY + '[store]\ndata_dir = "/srv/axis"\nurl = "sqlite:////srv/db/axis.db"\n')
    assert settings.store.data_dir == Path("/srv/axis")
    assert settings.store.url == "sqlite:////srv/db/axis.db"


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("[nod]\ncode = 'H24'\n", "nod"),
        (CITY + "colour = 'red'\n", "node.colour"),
        (CITY + "[server]\nportt = 1\n", "server.portt"),
        (UPLINK + "secret = 'x'\n", "uplink[0].secret"),
    ],
)
def test_an_unknown_key_is_named(tmp_path: Path, text: str, at: str) -> None:
    error = _refusal(tmp_path, text)
    assert error.at == at
    assert error.detail == "there is no such key"


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("", "node"),
        ("[node]\nname = 'x'\n", "node.code"),
        ("[node]\ncode = ''\n", "node.code"),
        ("node = 1\n", "node"),
        (CITY + "role = 'province'\n", "node.role"),
        (CITY + "[server]\nport = 'http'\n", "server.port"),
        (CITY + "[server]\nport = 65536\n", "server.port"),
        (CITY + "[server]\nrequest_timeout_s = inf\n", "server.request_timeout_s"),
        (CITY + "[server]\ntls_key_file = 'x'\n", "server"),
        (CITY + "[store]\nurl = 'mysql://x'\n", "store.url"),
        (CITY + "[limits]\ndepth = 0\n", "limits.depth"),
        (CITY + "[exchange]\nretry_delays_s = []\n", "exchange.retry_delays_s"),
        (CITY + "[exchange]\nretry_delays_s = [30, 0]\n", "exchange.retry_delays_s"),
        (CITY + "[exchange]\nretry_jitter = 1\n", "exchange.retry_jitter"),
        (CITY + "[calendar]\nworking_weekdays = [0]\n", "calendar.working_weekdays"),
        (CITY + "[calendar]\nworking_weekdays = []\n", "calendar.working_weekdays"),
        (CITY + "[calendar]\nhours = ['8:00-12:00']\n", "calendar.hours"),
        (CITY + "[calendar]\nhours = ['13:00-17:00', '08:00-12:00']\n", "calendar.hours"),
        (CITY + "[calendar]\nhours = ['08:00-12:00', '12:00-17:00']\n", "calendar.hours"),
        (CITY + "[calendar]\nhours = ['12:00-12:00']\n", "calendar.hours"),
        (CITY + "[calendar]\nhours = ['08:00-24:01']\n", "calendar.hours"),
        (CITY + "[calendar]\ndays_off = ['2027-02-30']\n", "calendar.days_off[0]"),
        (CITY + "[calendar]\ndays_off = [2027-05-08]\nmake_up_days = ['2027-05-08']\n", "calendar"),
        (CITY + "[deadlines]\nsent = '4wh'\n", "deadlines.sent"),
        (CITY + "[deadlines]\nreceipt = ['0d']\n", "deadlines.receipt"),
        (CITY + "[deadlines]\nacceptance = ['0d', '0d', '0d', '0d', '1 day']\n", "deadlines.acceptance"),
        (CITY + "[deadlines]\nremind_working_hours = -1\n", "deadlines.remind_working_hours"),
        (UPLINK.replace("http:", "ftp:"), "uplink[0].endpoint"),
        (UPLINK + UPLINK.removeprefix(CITY), "uplink"),
        (UPLINK + UPLINK.removeprefix(CITY).replace("national.vn", "other"), "uplink"),
    ],
)
def test_a_wrong_value_is_refused_by_its_key(tmp_path: Path, text: str, at: str) -> None:
    assert _refusal(tmp_path, text).at == at


def test_a_refusal_does_not_repeat_the_value(tmp_path: Path) -> None:
    error = _refusal(tmp_path, CITY + "[store]\nurl = 'mysql://user:hunter2@host/axis'\n")
    assert "hunter2" not in str(error)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    assert _refusal(tmp_path, "node").at == str(tmp_path / "axis.toml")
    (tmp_path / "latin.toml").write_bytes(b'[node]\nname = "\xe9"\n')
    with pytest.raises(Malformed, match="is not TOML"):
        read_settings(tmp_path / "latin.toml")
    with pytest.raises(Malformed, match="cannot be read"):
        read_settings(tmp_path / "absent.toml")


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AXIS_SERVER__PORT", "9001")
    monkeypatch.setenv("AXIS_STORE__URL", "postgresql://axis:pw@127.0.0.1/axis")
    settings = _read(tmp_path, CITY + '[server]\nhost = "0.0.0.0"\nport = 9000\n')
    assert (settings.server.host, settings.server.port) == ("0.0.0.0", 9001)  # noqa: S104  only a value
    assert settings.store.url == "postgresql://axis:pw@127.0.0.1/axis"


def test_other_variables_of_ours_are_no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AXIS_CONFIG", "elsewhere.toml")
    monkeypatch.setenv("AXIS_APT", "1")
    assert _read(tmp_path, CITY).node.code == "H24"


def test_an_unknown_key_from_the_environment_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AXIS_STORE__NOPE", "1")
    assert _refusal(tmp_path, CITY).at == "store.nope"
    monkeypatch.delenv("AXIS_STORE__NOPE")
    monkeypatch.setenv("AXIS_UPLINK", "not json")
    assert _refusal(tmp_path, CITY).at == "environment"


def test_the_url_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://axis:pw@127.0.0.1/axis\n")
    assert _read(tmp_path, CITY + "[store]\nurl_file = 'url'\n").store.url.endswith("pw@127.0.0.1/axis")
    (tmp_path / "url").write_text("mysql://x\n")
    assert _refusal(tmp_path, CITY + "[store]\nurl_file = 'url'\n").at == "store.url_file"


def test_the_url_is_not_shown_with_the_settings(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://axis:hunter2@127.0.0.1/axis\n")
    assert "hunter2" not in repr(_read(tmp_path, CITY + "[store]\nurl_file = 'url'\n"))


def test_an_uplinks_secret_comes_from_the_environment_or_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "national").write_text("from the file\n")
    uplink = _read(tmp_path, UPLINK + "secret_file = 'national'\n").uplink[0]
    assert uplink.read_secret() == "from the file"
    monkeypatch.setenv("AXIS_SECRET_NATIONAL_VN", "from the environment")
    assert uplink.read_secret() == "from the environment"


@pytest.mark.parametrize("content", [None, b"", b"two\nlines\n", b"\xff"])
def test_an_uplink_without_a_usable_secret_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "national").write_bytes(content)
    uplink = _read(tmp_path, UPLINK + "secret_file = 'national'\n").uplink[0]
    with pytest.raises(Malformed) as caught:
        uplink.read_secret()
    assert caught.value.at == "uplink.national.vn.secret_file"


def test_an_uplink_that_names_no_secret_says_which_variable(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match="AXIS_SECRET_NATIONAL_VN"):
        _read(tmp_path, UPLINK).uplink[0].read_secret()


def test_settings_are_frozen(tmp_path: Path) -> None:
    settings = _read(tmp_path, CITY)
    with pytest.raises(ValidationError):
        settings.server.port = 1  # type: ignore[misc]
    with pytest.raises(ValidationError):
        settings.log = settings.log  # type: ignore[misc]


def test_the_option_then_the_variable_then_the_folder_give_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    option, variable, here = tmp_path / "a.toml", tmp_path / "b.toml", tmp_path / "axis.toml"
    for path in (option, variable, here):
        path.write_text(CITY)
    monkeypatch.chdir(tmp_path)
    assert find_config(None) == Path("axis.toml")
    monkeypatch.setenv("AXIS_CONFIG", str(variable))
    assert find_config(None) == variable
    assert find_config(option) == option


def test_no_file_at_all_is_said_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotFound, match="axis init"):
        find_config(None)


def test_the_limits_are_the_readers() -> None:
    assert Limits().model_dump() == dataclasses.asdict(ReaderLimits())


def test_every_key_is_described() -> None:
    described = describe_settings()
    for one in described:
        assert one.meaning.endswith("."), one.key
        assert one.type, one.key
    assert len({one.key for one in described}) == len(described)
    by_key = {one.key: one for one in described}
    assert by_key["node.role"].type == "city | national"
    assert by_key["exchange.retry_delays_s"].type == "list of whole number"
    assert by_key["exchange.retry_delays_s"].default.startswith("[30, 120, ")
    assert by_key["uplink[].secret_file"].type == "path"
    assert by_key["store.data_dir"].default == '"."'


def _spoken(text: str) -> str:
    """The example with its defaults no longer commented out."""
    return re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE)


def test_the_example_is_read_as_it_stands(tmp_path: Path) -> None:
    settings = _read(tmp_path, EXAMPLE.read_text(encoding="utf-8"))
    assert settings.node.code == "H24"
    assert settings.uplink[0].secret_variable == "AXIS_SECRET_NATIONAL"


def test_the_example_names_every_key() -> None:
    data = tomllib.loads(_spoken(EXAMPLE.read_text(encoding="utf-8")))
    named = {
        f"{name}[].{key}" if isinstance(section, list) else f"{name}.{key}"
        for name, section in data.items()
        for key in (section[0] if isinstance(section, list) else section)
    }
    assert named == {one.key for one in describe_settings()}


@pytest.mark.parametrize(
    "lines",
    [
        "key_file = 'a'\npkcs11_module = 'b'\npin_file = 'c'",
        "password_file = 'a'",
        "pkcs11_module = 'b'",
        "pin_file = 'c'",
        "pkcs11_slot = 'axis'",
        "certificate_file = 'a'",
        "tsa_url = 'http://tsa.invalid'",
        "key_file = 'a'\ntsa_url = 'ftp://tsa.invalid'",
    ],
)
def test_a_signing_key_has_one_place_and_all_that_belongs_to_it(tmp_path: Path, lines: str) -> None:
    assert (_refusal(tmp_path, f"{CITY}[signing]\n{lines}\n").at or "").startswith("signing")


def test_where_the_key_lies_is_relative_to_the_file(tmp_path: Path) -> None:
    signing = _read(tmp_path, CITY + "[signing]\nkey_file = 'keys/a.key'\npassword_file = 'keys/word'\n").signing
    assert (signing.key_file, signing.has_key) == (tmp_path / "keys" / "a.key", True)
    with pytest.raises(Malformed):
        signing.read_password()
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "word").write_text("mật khẩu\n")
    assert signing.read_password() == "mật khẩu".encode()
    assert not _read(tmp_path, CITY).signing.has_key


@pytest.mark.parametrize(
    "lines",
    [
        "smtp_host = 'mail.invalid'",  # whose mails are they?
        "imap_host = 'mail.invalid'",
        "smtp_host = 'mail.invalid'\nfrom_address = 'a@b.invalid'\nsmtp_security = 'none'",
        "imap_host = 'mail.invalid'\nimap_user = 'a'\nimap_security = 'none'",
        "public_url = 'ftp://mail.invalid'",
        "smtp_security = 'some'",
        "smtp_password = 'in the file'",
    ],
)
def test_mail_that_cannot_work_or_would_be_read_by_others_is_refused(tmp_path: Path, lines: str) -> None:
    assert (_refusal(tmp_path, f"{CITY}[mail]\n{lines}\n").at or "").startswith("mail")


def test_mail_without_encryption_is_for_this_machine_only(tmp_path: Path) -> None:
    lines = "smtp_host = 'localhost'\nfrom_address = 'a@b.invalid'\nsmtp_security = 'none'\n"
    assert _read(tmp_path, f"{CITY}[mail]\n{lines}").mail.smtp_host == "localhost"


_WITHOUT_DEFAULT = (
    r"(url|tls_\w+|secret|key|certificate|(smtp_|imap_)?password|client_secret|pin)_?file"
    r"|tls_|pkcs11_|tsa_url|folder|weak_until|revocation_max"
)


def test_the_examples_defaults_are_the_defaults(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    shown = "\n".join(line for line in _spoken(text).splitlines() if not re.match(_WITHOUT_DEFAULT, line))
    plain, spoken = _read(tmp_path, text), _read(tmp_path, shown)
    for name in set(Settings.model_fields) - {"uplink"}:
        assert getattr(plain, name) == getattr(spoken, name), name
    ours, theirs = plain.uplink[0].model_dump(), spoken.uplink[0].model_dump()
    assert ours | {"poll_interval_s": 5.0, "follow_level": 2} == theirs


def test_every_setting_has_an_effect() -> None:
    read: set[str] = set()  # attributes, and sections that are unpacked whole
    for folder in ("axis", "adapters"):
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            read |= {node.attr for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute)}
            read |= set(re.findall(r"settings\.(\w+\.model_dump)\(\)", text))
    for one in describe_settings():
        section, key = one.key.replace("[]", "").split(".")
        assert {key, f"{section}.model_dump"} & read, f"nothing reads {one.key}"
