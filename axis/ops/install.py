"""Makes a node's directory: settings, key, database. Done once; what is there is never overwritten.

axis.toml is written last, so that a directory with one is complete; whatever fails before takes away what it made.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap

from axis.errors import Code, Malformed
from axis.keys import NodeKey
from axis.settings import CONFIG_NAME, Settings, describe_settings, read_settings
from axis.store.engine import StoreOptions
from axis.store.migrate import migrate

_HEADER = """\
# A node's settings. Every key is listed here with its meaning; one behind a # has the value that is shown.
# Any key can be set from the environment instead: AXIS_SECTION__KEY. `axis config check` looks this file over.
"""
_LINE_CHARS = 110


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUplink:
    """Another axis that the new node calls."""

    id: str
    endpoint: str
    system_id: str
    secret_file: Path | None = None
    poll_interval_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNode:
    """What is chosen when a node is made; everything else has its default."""

    data_dir: Path
    code: str
    name: str = ""
    role: str = "city"
    host: str = "127.0.0.1"
    port: int = 8080
    database_url: str | None = None  # None: SQLite in the directory
    uplink: NewUplink | None = None
    more: tuple[tuple[str, object], ...] = ()  # further keys, as section.key


def install(new: NewNode) -> Settings:
    """Make the directory of a node, and return its settings.

    Raises Malformed(BAD_FILE) when the directory holds a node already, which then stays as it is, and
    Malformed(BAD_SETTINGS) for a value that is not allowed.
    """
    folder = new.data_dir
    config = folder / CONFIG_NAME
    for there in (config, folder / "keys" / "node.key", folder / "axis.db"):
        if there.exists():
            raise Malformed(Code.BAD_FILE, "a node was made here already; nothing was changed", at=str(there))
    with _undone_on_failure(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = folder / f".{CONFIG_NAME}.new"
        draft.write_text(_settings_text(new), encoding="utf-8")
        settings = read_settings(draft)
        NodeKey.create(settings.store.key_file)
        migrate(StoreOptions(url=settings.store.url, data_dir=settings.store.data_dir))
        draft.replace(config)
    return settings


@contextmanager
def _undone_on_failure(folder: Path) -> Iterator[None]:
    """Remove what was made here when the making fails; what stood there before stays."""
    existed = folder.is_dir()
    was_there = _contents(folder)
    try:
        yield
    except BaseException:
        for made in _contents(folder) - was_there:
            if made.is_dir():
                shutil.rmtree(made, ignore_errors=True)
            else:
                made.unlink(missing_ok=True)
        if not existed:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _contents(folder: Path) -> set[Path]:
    """What stands in the places where a node's files are made."""
    return {*folder.glob("*"), *(folder / "keys").glob("*")}


def _settings_text(new: NewNode) -> str:
    chosen = _chosen(new)
    lines = [_HEADER]
    section = ""
    for one in describe_settings():
        head, _, key = one.key.partition(".")
        if head.endswith("[]") and new.uplink is None:
            continue
        if head != section:
            section = head
            lines += ["", f"[[{head[:-2]}]]" if head.endswith("[]") else f"[{head}]"]
        lines += [f"# {line}" for line in wrap(one.meaning, _LINE_CHARS)]
        if one.key in chosen:
            lines.append(f"{key} = {_toml(chosen[one.key])}")
        else:
            lines.append(f"# {key} = {one.default}" if one.default else f"# {key} =")
    return "\n".join(lines) + "\n"


def _chosen(new: NewNode) -> dict[str, object]:
    chosen: dict[str, object] = {
        "node.code": new.code,
        "node.name": new.name,
        "node.role": new.role,
        "server.host": new.host,
        "server.port": new.port,
    }
    if new.database_url is not None:
        chosen["store.url"] = new.database_url
    if (uplink := new.uplink) is not None:
        chosen |= {
            "uplink[].id": uplink.id,
            "uplink[].endpoint": uplink.endpoint,
            "uplink[].system_id": uplink.system_id,
        }
        if uplink.secret_file is not None:
            chosen["uplink[].secret_file"] = str(uplink.secret_file)
        if uplink.poll_interval_s is not None:
            chosen["uplink[].poll_interval_s"] = uplink.poll_interval_s
    return chosen | dict(new.more)


def _toml(value: object) -> str:
    """A value as TOML writes it. JSON's strings, numbers and lists are TOML's, but for one control character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner can read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
