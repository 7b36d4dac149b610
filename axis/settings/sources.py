"""What is set, and where each value comes from: the environment, axis.toml, or the default. Secrets are never told.

Of a field that is marked (`marks.SECRET`) it is only told whether it is set. Every other text that holds an address
loses what may stand before its host and after its path: some people put passwords there.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from axis.settings.describing import Described, describe_settings, toml
from axis.settings.marks import Source, is_secret, variable_of
from axis.settings.reading import Settings
from axis.settings.sections import Uplink

HIDDEN: Final = "•••"
_BEFORE_HOST: Final = re.compile(r"(?<=://)[^/\s]*@")
_AFTER_PATH: Final = re.compile(r'(://[^?#\s"]*)[?#][^\s"]*')


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """One key as it is set."""

    key: str  # server.port, uplink.national.endpoint
    section: str  # as the model names it: server, uplink
    of: str  # which of several; "": there is one
    described: Described
    value: str  # as TOML writes it; "": it has none, or it is secret
    secret: bool  # only that it is set is told
    is_set: bool
    source: Source
    variable: str  # the environment variable that sets it; "": it is one of several, which only the file names


def chosen_settings(settings: Settings) -> tuple[Chosen, ...]:
    """Every key, in the order of the sections; of each uplink its own."""
    described = {one.key: one for one in describe_settings()}
    found: list[Chosen] = []
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            found += _fields(settings, value, _At(name, name, ""), described)
        else:
            for place, one in enumerate(value):
                found += _fields(settings, one, _At(name, f"{name}[{place}]", one.id), described)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _At:
    """Where a section stands."""

    section: str
    path: str
    of: str


def _fields(settings: Settings, model: BaseModel, at: _At, described: Mapping[str, Described]) -> Iterator[Chosen]:
    shown = f"{at.section}.{at.of}" if at.of else at.section
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        secret = is_secret(field)
        instead = _instead(model, field)
        yield Chosen(
            key=f"{shown}.{name}",
            section=at.section,
            of=at.of,
            described=described[f"{at.section}[].{name}" if at.of else f"{at.section}.{name}"],
            value="" if secret else said(value),
            secret=secret,
            is_set=bool(instead) or value not in (None, "", ()),
            source=Source.ENVIRONMENT if instead else settings.source_of(f"{at.path}.{name}"),
            variable=instead or ("" if at.of else f"AXIS_{at.section}__{name}".upper()),
        )


def _instead(model: BaseModel, field: FieldInfo) -> str:
    """The variable that holds the secret itself, where one does: it goes before the file that the field names."""
    variable = model.secret_variable if isinstance(model, Uplink) and is_secret(field) else variable_of(field)
    return variable if os.environ.get(variable) else ""


def said(value: object) -> str:
    """A value as TOML writes it, without what may be a secret in an address."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return "[" + ", ".join(said(one) for one in value) + "]"
    if isinstance(value, Path):
        return toml(str(value))
    if isinstance(value, date):  # or a moment
        return value.isoformat()
    return _harmless(toml(value))


def _harmless(text: str) -> str:
    return _AFTER_PATH.sub(rf"\1?{HIDDEN}", _BEFORE_HOST.sub(f"{HIDDEN}@", text))
