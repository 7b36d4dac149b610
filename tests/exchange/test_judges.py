"""Whom a certificate speaks for, by what the registry knows."""

from pathlib import Path

from axis.delivery.directory import DirectoryCache
from axis.exchange.judges import _organisations
from axis.keys import NodeKey
from axis.store.registry import OrganRow, import_organs
from axis.store.store import Store
from axis.trust.certs import fold_name
from tests.exchange.harness import HeldClock


async def test_a_certificate_from_before_a_new_name_still_speaks_for_the_organisation(
    store: Store, tmp_path: Path
) -> None:
    clock = HeldClock()
    for names in (("Sở Một", "Sở Khác"), ("Sở Hai", "Sở Khác")):
        rows = [OrganRow(code=f"H24.{n}", name=name) for n, name in enumerate(names, 1)]
        await store.write(lambda c, rows=rows: import_organs(c, rows, clock.now(), "test"))
    cache = await DirectoryCache.load(store, NodeKey.create(tmp_path / "node.key"), clock)
    by_name = _organisations(cache.current).by_name
    assert {by_name[fold_name(name)] for name in ("Sở Một", "Sở Hai")} == {"H24.1"}
    # A name that passed on to another means neither: the certificate could be of before or of after.
    row = OrganRow(code="H24.2", name="Sở Một")
    await store.write(lambda c: import_organs(c, [row], clock.now(), "test"))
    await cache.refresh()
    assert fold_name("Sở Một") not in _organisations(cache.current).by_name
