"""Adapters are found, described and checked the same way, whoever brings them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

import adapters.vxp
from adapters.about import options_of
from adapters.base import PeerParts as Parts
from adapters.base import adapter_loops, adapter_routes, installed_adapters, load_adapter, make_peer, read_options
from axis.clock import SystemClock
from axis.delivery.partner import Partner
from axis.errors import Code, Malformed, NotFound
from tests.adapters import somebody
from tests.adapters.somebody import PeerOptions, distribution, installed

PARTS = Parts(clock=SystemClock())


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    """Somebody's distribution is installed."""
    folder = distribution(tmp_path / "site", "axis-somebody", {"somebody": "tests.adapters.somebody"})
    with installed(folder):
        yield folder


def partner(options: dict[str, object] | None = None, secrets: dict[str, str] | None = None) -> Partner:
    return Partner(
        partner_id="so-xd",
        adapter="somebody",
        options={"url": "http://127.0.0.1:9", **(options or {})},
        secrets={"password": "bí mật"} if secrets is None else secrets,
    )


@pytest.mark.usefixtures("site")
def test_an_adapter_of_another_distribution_works_like_ours() -> None:
    (one,) = (one for one in installed_adapters() if one.name == "somebody")
    assert (one.distribution, one.problem, one.about) == ("axis-somebody 1.2", "", somebody.about)
    peer = make_peer(partner({"wait_s": "7"}), PARTS)
    assert isinstance(peer, somebody.SomebodysPeer)
    assert peer.options.wait_s == 7.0
    assert peer.options.password.get_secret_value() == "bí mật"


def test_one_that_cannot_be_loaded_is_told_and_stops_nobody(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "broken_adapter.py").write_text("import no_such_module_anywhere\n")
    distribution(folder, "axis-broken", {"broken": "broken_adapter", "gone": "no_such_module_anywhere"})
    with installed(folder):
        found = {one.name: one for one in installed_adapters()}
        assert found["broken"].adapter is None
        assert "no_such_module_anywhere" in found["broken"].problem
        assert found["vxp"].adapter is adapters.vxp
        with pytest.raises(Malformed, match="cannot be loaded") as caught:
            load_adapter("broken")
        assert caught.value.code is Code.BAD_SETTINGS
        names = [name for name, one in found.items() if one.adapter is not None]
        assert names == [name for name in found if name not in {"broken", "gone"}]


def test_nobody_takes_over_a_dialect_of_ours(tmp_path: Path) -> None:
    for place, first in (("before", True), ("after", False)):
        folder = distribution(tmp_path / place, "axis-thief", {"vxp": "tests.adapters.somebody"})
        with installed(folder, first=first):
            assert load_adapter("vxp") is adapters.vxp


def test_an_unknown_adapter_names_those_that_there_are() -> None:
    with pytest.raises(NotFound, match=r"there are: .*vxp"):
        load_adapter("telex")


class Bare:
    """An adapter that offers nothing but a peer."""


def test_what_an_adapter_does_not_offer_it_may_leave_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.base._usable", lambda: iter([Bare()]))
    assert list(adapter_routes(None)) == list(adapter_loops(None)) == []  # type: ignore[arg-type]


def test_options_are_described_with_their_units_and_secrets_are_marked() -> None:
    told = {one.name: one for one in options_of(PeerOptions)}
    assert list(told) == ["url", "ca_file", "wait_s", "password"]
    assert (told["url"].required, told["url"].secret, told["url"].type) == (True, False, "text")
    assert (told["wait_s"].unit, told["wait_s"].default, told["wait_s"].required) == ("s", "2.5", False)
    assert (told["password"].secret, told["password"].type, told["password"].default) == (True, "secret", "")
    assert told["password"].meaning == "What it lets us in by."


@pytest.mark.parametrize("name", [one.name for one in installed_adapters() if one.distribution.startswith("axis-node")])
def test_each_option_of_ours_is_explained(name: str) -> None:
    about = getattr(load_adapter(name), "about", None)
    if about is None:
        pytest.skip("says nothing of itself yet")
    assert about.vi.endswith(".")
    assert about.en.endswith(".")
    for option in options_of(about.options):
        assert option.meaning.endswith("."), option.name
    assert about.options.model_config["extra"] == "forbid"


@pytest.mark.parametrize(
    ("options", "secrets", "at"),
    [
        ({"colour": "blue"}, None, "option colour"),
        ({"wait_s": "soon"}, None, "option wait_s"),
        ({"password": "abcd"}, {}, "option password"),
        ({}, {}, "secret password"),
        ({}, {"password": "abc"}, "secret password"),
        ({}, {"password": "abcd", "token": "x"}, "secret token"),
        ({}, {"password": "abcd", "url": "http://x"}, "secret url"),
    ],
)
def test_wrong_options_are_named_and_secrets_come_only_as_secrets(
    options: dict[str, object], secrets: dict[str, str] | None, at: str
) -> None:
    with pytest.raises(Malformed) as caught:
        read_options(partner(options, secrets), PeerOptions)
    assert (caught.value.code, caught.value.at) == (Code.BAD_SETTINGS, f"so-xd: {at}")
    assert "abc" not in caught.value.detail


def test_a_secret_is_not_shown() -> None:
    assert "bí mật" not in repr(read_options(partner(), PeerOptions))
    assert isinstance(read_options(partner(), PeerOptions).password, SecretStr)
