"""Where each setting comes from, and that no secret is ever told."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from axis.settings import Chosen, Settings, Source, chosen_settings, describe_settings, read_settings
from axis.settings.marks import SECRET, is_secret, secret_or, variable_of
from axis.settings.sources import HIDDEN, said

NODE = '[node]\ncode = "H24"\n'
CANARY = "canary-4711"
FILES = re.compile(r"(secret|password|pin|token|credential)(_file)?$")

Laid = dict[str, Chosen]


def laid(folder: Path, text: str) -> Laid:
    path = folder / "axis.toml"
    path.write_text(NODE + text, encoding="utf-8")
    return {one.key: one for one in chosen_settings(read_settings(path))}


def test_each_value_comes_from_the_environment_the_file_or_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AXIS_SERVER__PORT", "9")
    monkeypatch.setenv("AXIS_LOG__LEVEL", "")  # empty is not said
    monkeypatch.setenv("AXIS_DISK", '{"retry_after_s": 5}')
    found = laid(tmp_path, '[server]\nport = 8\nhost = "::1"\n[log]\nlevel = "error"\n')
    told = {key: (one.value, one.source) for key, one in found.items()}
    assert told["server.port"] == ("9", Source.ENVIRONMENT)
    assert told["server.host"] == ('"::1"', Source.FILE)
    assert told["server.idle_timeout_s"] == ("75.0", Source.DEFAULT)
    assert told["log.level"] == ('"error"', Source.FILE)
    assert told["disk.retry_after_s"] == ("5", Source.ENVIRONMENT)
    assert told["disk.min_free_percent"] == ("2.0", Source.DEFAULT)
    assert found["server.port"].variable == "AXIS_SERVER__PORT"


def test_what_is_set_as_the_default_is_set_all_the_same(tmp_path: Path) -> None:
    assert laid(tmp_path, "[server]\nport = 8080\n")["server.port"].source is Source.FILE


UPLINKS = """
[[uplink]]
id = "a.b"
endpoint = "https://a.invalid/vxp"
system_id = "h24"
[[uplink]]
id = "two"
endpoint = "https://lan:canary-4711@two.invalid/vxp?key=canary-4711"
system_id = "h24"
timeout_s = 60.0
prefixes = ["G17"]
secret_file = "canary-4711"
"""


def test_each_uplink_has_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = laid(tmp_path, UPLINKS)
    assert found["uplink.a.b.timeout_s"].source is Source.DEFAULT
    assert found["uplink.two.timeout_s"].source is Source.FILE
    assert found["uplink.two.endpoint"].value == f'"https://{HIDDEN}@two.invalid/vxp?{HIDDEN}"'
    assert (found["uplink.two.secret_file"].is_set, found["uplink.a.b.secret_file"].is_set) == (True, False)
    monkeypatch.setenv("AXIS_SECRET_A_B", CANARY)
    secret = laid(tmp_path, UPLINKS)["uplink.a.b.secret_file"]
    assert (secret.is_set, secret.source, secret.variable) == (True, Source.ENVIRONMENT, "AXIS_SECRET_A_B")
    one = '[{"id": "x", "endpoint": "https://x.invalid", "system_id": "h24"}]'
    monkeypatch.setenv("AXIS_UPLINK", one)
    found = laid(tmp_path, UPLINKS)
    assert {one.of for one in found.values()} == {"", "x"}
    assert found["uplink.x.id"].source is Source.ENVIRONMENT


def test_every_key_that_is_described_is_told_once(tmp_path: Path) -> None:
    found = laid(tmp_path, UPLINKS.replace('id = "a.b"', 'id = "a"'))
    of_uplinks = [one for one in describe_settings() if one.key.startswith("uplink")]
    assert len(found) == len(describe_settings()) + len(of_uplinks)


def sections() -> dict[str, type[BaseModel]]:
    every = {name: field.annotation for name, field in Settings.model_fields.items()}
    uplink = every.pop("uplink")
    return {**every, "uplink": uplink.__args__[0]}  # type: ignore[union-attr, dict-item]


def test_what_is_named_like_a_secret_is_marked() -> None:
    marked = {
        f"{section}.{name}"
        for section, model in sections().items()
        for name, f in model.model_fields.items()
        if is_secret(f)
    }
    named = {
        f"{section}.{name}"
        for section, model in sections().items()
        for name, field in model.model_fields.items()
        if FILES.search(name) or "secret" in (field.description or "").lower().split() or name in ("url", "url_file")
    }
    assert named == marked
    assert len(marked) == 8


def test_no_marked_field_is_told_whatever_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / CANARY).write_text(f"postgresql://lan:{CANARY}@db.invalid/axis", encoding="utf-8")
    text = f"""
[store]
url = "postgresql://lan:{CANARY}@db.invalid/axis"
url_file = "{CANARY}"
[signing]
key_file = "key"
password_file = "{CANARY}"
[mail]
smtp_password_file = "{CANARY}"
imap_password_file = "{CANARY}"
[sso]
client_secret_file = "{CANARY}"
{UPLINKS}"""
    for token in (text, text.replace("key_file", "pkcs11_module").replace("password_file = ", "pin_file = ", 1)):
        found = laid(tmp_path, token)
        assert CANARY not in repr(found)
        secret = [one for one in found.values() if one.secret and one.is_set]
        assert len(secret) == 7
        assert all(one.value == "" for one in secret)
    for variable in ("AXIS_SECRET_SMTP", "AXIS_SECRET_IMAP", "AXIS_SECRET_SSO", "AXIS_SECRET_TWO", "AXIS_SECRET_A_B"):
        monkeypatch.setenv(variable, CANARY)
    monkeypatch.setenv("AXIS_STORE__URL", f"postgresql://lan:{CANARY}@db.invalid/axis")
    found = laid(tmp_path, text)
    assert CANARY not in repr(found)
    assert found["mail.smtp_password_file"].variable == "AXIS_SECRET_SMTP"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("https://u:p@h.invalid/x", f'"https://{HIDDEN}@h.invalid/x"'),
        ("https://u:p@q@h.invalid/x", f'"https://{HIDDEN}@h.invalid/x"'),
        ("https://h.invalid/x?token=p#p", f'"https://h.invalid/x?{HIDDEN}"'),
        ("https://h.invalid#p", f'"https://h.invalid?{HIDDEN}"'),
        ("https://h.invalid/@x", '"https://h.invalid/@x"'),
        (("http://u@a", "b@c"), f'["http://{HIDDEN}@a", "b@c"]'),
        (Path("/k/x"), '"/k/x"'),
        (None, ""),
        (True, "true"),
    ],
    ids=range(9),
)
def test_an_address_loses_what_may_be_a_secret(value: object, shown: str) -> None:
    assert said(value) == shown


def test_a_mark_tells_the_variable_that_may_hold_the_secret() -> None:
    fields = sections()["mail"].model_fields
    assert variable_of(fields["smtp_password_file"]) == "AXIS_SECRET_SMTP"
    assert secret_or("X") == {**SECRET, "variable": "X"}
    assert variable_of(fields["smtp_port"]) == ""
