"""What is imported is declared, what is declared is imported, and both locks agree."""

import ast
import configparser
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
OURS = {"axis", "adapters"}


def _name(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text).lower()


def _declared() -> set[str]:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = config["options"]["install_requires"].split("\n")
    return {_name(Requirement(line).name) for line in lines if line}


def _imported() -> set[str]:
    """Top-level names of all that the node imports, the standard library and itself left out."""
    names: set[str] = set()
    for folder in (*OURS, "migrations"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    names |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - OURS


def _locked(name: str) -> dict[str, str]:
    pins = re.findall(r"^([A-Za-z0-9._-]+)==(\S+) \\$", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
    return {_name(package): version for package, version in pins}


def test_what_is_imported_is_declared_and_the_other_way_round() -> None:
    providers = packages_distributions()
    # pydantic_core hands out pydantic's own error type, and comes with it.
    imported = {_name(providers[name][0]) for name in _imported() - {"pydantic_core"}}
    assert imported == _declared()


def test_the_locks_agree_and_hold_what_is_declared() -> None:
    run, dev = _locked("requirements.lock"), _locked("requirements-dev.lock")
    assert _declared() <= run.keys()
    assert run.items() <= dev.items()


def test_every_dependency_is_explained() -> None:
    page = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
    for name in _declared():
        assert name in page, name
