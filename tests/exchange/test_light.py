"""What is read within the loop, and what by another thread."""

import threading
from pathlib import Path

import pytest

from axis.errors import UnknownOrgan
from axis.exchange import intake
from axis.exchange.context import Policy
from axis.store.store import Store
from tests.exchange.harness import a_document, make_node

POLICY = Policy()


@pytest.mark.parametrize(
    ("content", "light"),
    [
        (b"<a/>" * 1_000, True),
        (b"<a/>" * 1_001, False),
        (b"a" * (24 << 10), True),
        (b"a" * ((24 << 10) + 1), False),
        (Path("package"), False),
    ],
    ids=["tags", "more_tags", "bytes", "more_bytes", "file"],
)
def test_small_packages_of_few_elements_are_light(content: bytes | Path, light: bool) -> None:
    assert POLICY.is_light(content) is light


async def test_what_is_not_light_is_read_beside_the_loop(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node, threads, real = await make_node(store, tmp_path), [], intake.read

    def read(*args: object, **more: object) -> object:
        threads.append(threading.current_thread() is threading.main_thread())
        return real(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(intake, "read", read)
    monkeypatch.setattr(Policy, "is_light", lambda _, content: b"H24.100" not in content)
    await node.send("dms-yte", a_document("H24.15"))
    with pytest.raises(UnknownOrgan):
        await node.send("dms-yte", a_document(*(f"H24.{number}" for number in range(100, 110)), number="102"))
    assert threads == [True, False]
