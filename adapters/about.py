"""What an adapter says of itself: what it is for, its options, which of them are secrets.

Light on purpose: an adapter says it without loading a node. A secret is an option of the type `SecretStr`; it is given
by a file, stored encrypted, and never shown.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import get_args

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from axis.settings.describing import describe_fields

_UNITS = {"_s": "s", "_days": "days", "_bytes": "bytes", "_minutes": "min"}


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """An adapter, for people. It stands in the adapter's module as `about`."""

    vi: str  # what it is for, one sentence
    en: str
    options: type[BaseModel]  # of a partner, each described; frozen, extra="forbid"
    login_codes: frozenset[str] = frozenset()  # `peer_code` of a PeerRefused that speaks of our credentials
    clock_codes: frozenset[str] = frozenset()  # … of the clocks
    tls_codes: frozenset[str] = frozenset()  # … of encryption that is wanted and not offered
    advice: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # by Fault, where `ADVICE` would mislead


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option, for people."""

    name: str
    type: str
    unit: str  # "" for what has none
    default: str  # as it would be typed; "" when there is none
    required: bool
    secret: bool
    meaning: str


def options_of(model: type[BaseModel]) -> tuple[Option, ...]:
    """Every option in order."""
    secrets = set(secret_names(model))
    return tuple(
        Option(
            name=one.key,
            type=one.type,
            unit=next((unit for ending, unit in _UNITS.items() if one.key.endswith(ending)), ""),
            default=one.default.strip('"'),
            required=model.model_fields[one.key].is_required(),
            secret=one.key in secrets,
            meaning=one.meaning,
        )
        for one in describe_fields(model)
    )


def secret_names(model: type[BaseModel]) -> Iterator[str]:
    """The options that are secrets."""
    return (name for name, field in model.model_fields.items() if _is_secret(field))


def _is_secret(field: FieldInfo) -> bool:
    return SecretStr in {field.annotation, *get_args(field.annotation)}
