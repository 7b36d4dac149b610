"""The worked example of docs/connect/mayan.md runs as it stands there, on the double or the real one."""

from pathlib import Path

import pytest

from adapters.about import options_of
from adapters.base import load_adapter
from tests.cli.conftest import ROOT, Home, home, made_node  # noqa: F401 - fixtures
from tests.cli.test_connect_pages import play
from tests.mayan.line import Line


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes look often."""
    monkeypatch.setenv("AXIS_EXCHANGE__POLL_INTERVAL_S", "0.5")


@pytest.mark.timeout(900)
async def test_the_example_of_the_mayan_page_runs(
    home: Home,  # noqa: F811
    tmp_path: Path,
    mayan_line: tuple[Line, str],
) -> None:
    line, token = mayan_line
    (tmp_path / "share").mkdir()
    (tmp_path / "token").write_text(token)
    more = {"SHARE": str(tmp_path / "share"), "MAYAN": line.url, "TOKEN_FILE": str(tmp_path / "token")}
    ran = await play(home, tmp_path, "mayan.md", **more)
    assert ran.code == 0, ran.err + ran.out
    assert ran.out.splitlines()[-2:] == ["18/VP V/v họp tổng kết năm", "03 số đến 12"]


def test_the_page_names_every_option() -> None:
    about = load_adapter("mayan").about  # type: ignore[attr-defined]
    text = (ROOT / "docs" / "connect" / "mayan.md").read_text(encoding="utf-8")
    for option in options_of(about.options):
        assert f"`{option.name}`" in text, option.name
