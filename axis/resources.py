"""Files that travel with the software: `schemas/…`, `migrations/…`, `config/…`.

In a wheel they lie inside the package (axis/_data); in a clone, and so in an editable install, in the repository root.
"""

from pathlib import Path

from axis.errors import Internal

_PACKAGE = Path(__file__).resolve().parent
_HOMES = (_PACKAGE / "_data", _PACKAGE.parent)


def resource(name: str) -> Path:
    """Where a file or folder that travels with the software lies.

    name: relative, with slashes, e.g. `schemas/edxml-document.xsd`; a constant of ours, never text from outside.
    Raises Internal when the installation is incomplete.
    """
    for home in _HOMES:
        path = home / name
        if path.exists():
            return path
    raise Internal(f"{name} is missing from this installation (looked in {', '.join(map(str, _HOMES))})")
