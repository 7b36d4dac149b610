from pathlib import Path

import pytest

from axis import resources
from axis.errors import Internal
from axis.resources import resource


def test_files_of_the_repository_are_found() -> None:
    assert resource("schemas/edxml-document.xsd").read_bytes().startswith(b"<?xml")
    assert resource("schemas").is_dir()


def test_files_inside_an_installed_package_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed, clone = tmp_path / "axis" / "_data", tmp_path
    for home in (installed, clone):
        (home / "schemas").mkdir(parents=True)
        (home / "schemas" / "a.xsd").touch()
    (clone / "schemas" / "b.xsd").touch()
    monkeypatch.setattr(resources, "_HOMES", (installed, clone))
    assert resource("schemas/a.xsd") == installed / "schemas" / "a.xsd"
    assert resource("schemas/b.xsd") == clone / "schemas" / "b.xsd"


def test_an_incomplete_installation_says_what_is_missing() -> None:
    with pytest.raises(Internal, match=r"schemas/none\.xsd"):
        resource("schemas/none.xsd")
