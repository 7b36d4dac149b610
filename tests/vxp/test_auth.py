"""Who calls, where HTTP cannot show it: the same work for everybody, and no way in through a secret that is none."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from adapters.vxp import auth, wire
from axis.errors import AxisError, Code
from axis.store.records import System

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


class Systems:
    """One system with these secrets; counts how often it is asked for them."""

    def __init__(self, *secrets: bytes) -> None:
        self._secrets = secrets
        self.asked: list[str] = []

    def system(self, system_id: str) -> System | None:
        if system_id != "dms":
            return None
        return System(system_id="dms", name="DMS", front="vxp", enabled=True, may_register=False, created_at=NOW)

    def secrets(self, system_id: str, _: datetime) -> tuple[bytes, ...]:
        self.asked.append(system_id)
        return self._secrets if system_id == "dms" else ()


def _headers(system_id: str, secret: bytes) -> Sequence[tuple[bytes, bytes]]:
    values = {"systemid": system_id, "timestamp": wire.write_timestamp(NOW)}
    return [(name.encode(), value.encode()) for name, value in wire.write_headers(values, secret)]


def _code(headers: Sequence[tuple[bytes, bytes]], systems: Systems) -> Code:
    with pytest.raises(AxisError) as caught:
        auth.authenticate(headers, systems, NOW, timedelta(hours=1))
    return caught.value.code


def test_a_system_without_a_valid_secret_has_no_way_in() -> None:
    (stand_in,) = auth._NOBODY
    assert _code(_headers("dms", stand_in), Systems()) is Code.BAD_CREDENTIALS
    assert _code(_headers("dms", b""), Systems()) is Code.BAD_CREDENTIALS


def test_any_of_the_secrets_will_do_and_all_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[bytes] = []
    sign = wire.sign

    def counted(text: bytes, secret: bytes) -> str:
        tried.append(secret)
        return sign(text, secret)

    headers = {secret: _headers("dms", secret) for secret in (b"old", b"new")}
    monkeypatch.setattr(wire, "sign", counted)
    for secret in (b"old", b"new"):
        tried.clear()
        assert auth.authenticate(headers[secret], Systems(b"old", b"new"), NOW, timedelta(hours=1)).system_id == "dms"
        assert tried == [b"old", b"new"]


def test_an_unknown_system_costs_the_same_work(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0
    compare = wire.hmac.compare_digest

    def counted(one: bytes, other: bytes) -> bool:
        nonlocal compared
        compared += 1
        return compare(one, other)

    monkeypatch.setattr(wire.hmac, "compare_digest", counted)
    systems = Systems(b"secret")
    assert _code(_headers("ai-do", b"x"), systems) is Code.UNKNOWN_SYSTEM
    assert _code(_headers("dms", b"x"), systems) is Code.BAD_CREDENTIALS
    assert compared == 2
    assert systems.asked == ["ai-do", "dms"]
