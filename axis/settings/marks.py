"""What is marked on the fields of the settings, and where a value may come from."""

from enum import StrEnum
from typing import Any, Final

from pydantic.fields import FieldInfo

SECRET: Final[dict[str, Any]] = {"secret": True}
"""`json_schema_extra` of a field that holds a secret, or names the file of one, where it may stand by mistake."""


def secret_or(variable: str) -> dict[str, Any]:
    """The same, of a secret that may stand in an environment variable instead, which goes before."""
    return {**SECRET, "variable": variable}


def variable_of(field: FieldInfo) -> str:
    """The environment variable that may hold the secret; "": there is none."""
    extra = field.json_schema_extra
    return str(extra.get("variable", "")) if isinstance(extra, dict) else ""


class Source(StrEnum):
    """Where a value comes from."""

    ENVIRONMENT = "environment"
    FILE = "file"
    DEFAULT = "default"


def is_secret(field: FieldInfo) -> bool:
    """Whether only that it is set may be told of a field."""
    extra = field.json_schema_extra
    return isinstance(extra, dict) and extra.get("secret") is True
