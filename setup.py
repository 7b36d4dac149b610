"""Carries schemas/, migrations/ and config/ into a wheel as axis/_data/; everything else stands in setup.cfg.

They live in the repository root, where people look for them. setuptools' package mapping could place them,
but it breaks editable installs; so a build copies them, and `axis.resources` looks in both places.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
CARRIED = ("schemas", "migrations", "config")


class BuildWithResources(build_py):
    """build_py that also copies the resource folders; an editable install reads them where they are."""

    def run(self) -> None:
        """Build the modules, then the folders."""
        super().run()
        if self.editable_mode:
            return
        for name in CARRIED:
            shutil.copytree(
                ROOT / name,
                Path(self.build_lib) / "axis" / "_data" / name,
                dirs_exist_ok=True,
                ignore=shutil.ignore_patterns("__pycache__", "*.pyc"),
            )


setup(cmdclass={"build_py": BuildWithResources})
