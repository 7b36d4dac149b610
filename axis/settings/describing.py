"""What can be set, for people: `axis config describe` and `axis adapter list` print it."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from axis.settings.reading import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """One key, for people."""

    key: str  # section.key, or uplink[].key
    type: str  # as a person would say it
    default: str  # as TOML writes it; "" when the key must be given or has no value
    meaning: str


def describe_settings() -> list[Described]:
    """Every key in the order of the sections."""
    described = []
    for name, section in Settings.model_fields.items():
        model, prefix = _section(section)
        described += describe_fields(model, f"{name}{'[]' if prefix else ''}.")
    return described


def describe_fields(model: type[BaseModel], before: str = "") -> list[Described]:
    """Every field of a model, in order. before: what stands before each name."""
    return [
        Described(
            key=before + key,
            type=_type_name(field.annotation),
            default=_default(field),
            meaning=field.description or "",
        )
        for key, field in model.model_fields.items()
    ]


def _section(field: FieldInfo) -> tuple[type[BaseModel], bool]:
    """A top-level field's model, and whether there may be several."""
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
        return field.annotation, False
    return get_args(field.annotation)[0], True


_TYPE_NAMES = {
    "str": "text",
    "int": "whole number",
    "float": "number",
    "bool": "true | false",
    "Path": "path",
    "SecretStr": "secret",
    "date": "date",
    "datetime": "date and time",
}


def _type_name(annotation: Any) -> str:  # noqa: ANN401  a type, a union or a generic
    """`int`, `a list of str`, `city | national`."""
    arguments = get_args(annotation)
    if annotation is not None and getattr(annotation, "__origin__", None) is Literal:
        return " | ".join(arguments)
    if getattr(annotation, "__origin__", None) is tuple:
        return f"list of {_type_name(arguments[0])}"
    if arguments:  # X | None
        return _type_name(arguments[0])
    return _TYPE_NAMES[annotation.__name__]


def _default(field: FieldInfo) -> str:
    """The default as TOML writes it."""
    value = field.default
    if field.is_required() or value is None:
        return ""
    if isinstance(value, tuple):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    return toml(value)


def toml(value: object) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else f'"{value}"'
