"""Where the files lie that travel with the software: schemas/, migrations/ and config/.

In a wheel they are inside the package; in the repository, and so in an editable install, in its root.
"""

from pathlib import Path

from axis.errors import Internal

_HERE = Path(__file__).resolve().parent
_PLACES = (_HERE / "_data", _HERE.parent)


def resource(name: str) -> Path:
    """The file or folder `name`, e.g. "config/organs-demo.csv". Raises Internal when the installation lacks it."""
    for place in _PLACES:
        path = place / name
        if path.exists():
            return path
    raise Internal(f"the installation lacks {name}")
