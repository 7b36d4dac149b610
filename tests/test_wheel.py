"""A built wheel, and what its metadata asks for, are enough: no clone, no editable install, no other package."""

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
SOURCES = (
    "README.md",
    "setup.cfg",
    "setup.py",
    "pyproject.toml",
    "axis",
    "adapters",
    "schemas",
    "migrations",
    "config",
)
SAMPLE = ROOT / "tests" / "data" / "samples" / "vnpt_edoc_new.edxml"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy, since a build leaves folders behind."""
    copy, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, copy / name)
    _pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(out), str(copy))
    (path,) = out.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts' folder of an environment with the wheel and its declared dependencies, and nothing else."""
    home = tmp_path_factory.mktemp("empty") / "venv"
    venv.create(home, with_pip=False)
    _pip("--python", str(home / "bin" / "python"), "install", "--no-deps", "--no-index", str(wheel))
    (site,) = home.glob("lib/python*/site-packages")
    (ours,) = distributions(path=[str(site)])
    linked: set[str] = set()
    for requirement in _requirements(ours, extras=frozenset()):
        _link(requirement, site, linked)
    return home / "bin"


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/")
    assert done.returncode == 0, done.stderr


def _requirements(dist: Distribution, extras: frozenset[str]) -> list[Requirement]:
    """What a distribution asks for on this machine."""
    wanted = [Requirement(text) for text in dist.requires or ()]
    return [
        one
        for one in wanted
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in extras | {""})
    ]


def _link(requirement: Requirement, site: Path, linked: set[str]) -> None:
    """Lend a package, and what it asks for, from this environment: what an index would give, without a network."""
    key = f"{requirement.name.lower()}[{','.join(sorted(requirement.extras))}]"
    if key in linked:
        return
    linked.add(key)
    dist = distribution(requirement.name)
    for top in {file.parts[0] for file in dist.files or ()} - {"..", "__pycache__"}:
        if not (site / top).exists():
            (site / top).symlink_to(Path(str(dist.locate_file(top))))
    for further in _requirements(dist, frozenset(requirement.extras)):
        _link(further, site, linked)


def _axis(installed: Path, folder: Path, *arguments: str) -> str:
    """Run the installed command far from the clone; what it wrote."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "AXIS_"))}
    done = subprocess.run(
        [str(installed / "axis"), *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_carries_what_stands_outside_the_packages(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("schemas", "migrations", "config"):
        there = {
            f"axis/_data/{path.relative_to(ROOT)}"
            for path in (ROOT / folder).rglob("*")
            if path.is_file() and path.suffix != ".pyc"
        }
        assert there, folder
        assert there <= names
    shown = {str(path.relative_to(ROOT)) for path in (ROOT / "axis" / "web").rglob("*.*") if path.suffix != ".pyc"}
    assert shown <= names
    assert "axis/py.typed" in names
    assert not {name for name in names if name.startswith(("tests/", "benchmarks/"))}


def test_the_installed_command_helps_inspects_and_begins_a_node(installed: Path, tmp_path: Path) -> None:
    assert "init" in _axis(installed, tmp_path, "--help")
    seen = json.loads(_axis(installed, tmp_path, "inspect", str(SAMPLE), "--json"))
    assert seen["kind"] == "document"
    _axis(installed, tmp_path, "init", "--data", "node", "--code", "H24")
    assert (tmp_path / "node" / "axis.toml").is_file()
    assert (tmp_path / "node" / "axis.db").is_file()
    assert (tmp_path / "node" / "keys" / "node.key").stat().st_mode & 0o777 == 0o600
