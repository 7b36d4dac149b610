"""Reads one axis.toml into one frozen Settings; the environment wins over the file."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import BaseModel, PrivateAttr, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from axis.errors import Code, Malformed, NotFound
from axis.settings.marks import Source
from axis.settings.sections import (
    SQLITE_PREFIX,
    Api,
    Console,
    Deadlines,
    Disk,
    Edoc,
    Exchange,
    Kpi,
    Limits,
    Log,
    Mail,
    Node,
    Reconcile,
    Server,
    Signing,
    Store,
    Trust,
    Uplink,
    Vxp,
    Webhook,
    WorkingTime,
    first_line,
)
from axis.settings.sso import Sso

CONFIG_VARIABLE = "AXIS_CONFIG"
CONFIG_NAME = "axis.toml"

ModelT = TypeVar("ModelT", bound=BaseModel)


class Settings(BaseSettings):
    """Everything that an operator can choose."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="AXIS_", env_nested_delimiter="__", env_ignore_empty=True
    )

    node: Node
    server: Server = Server()
    store: Store = Store()
    limits: Limits = Limits()
    vxp: Vxp = Vxp()
    edoc: Edoc = Edoc()
    api: Api = Api()
    webhook: Webhook = Webhook()
    exchange: Exchange = Exchange()
    reconcile: Reconcile = Reconcile()
    trust: Trust = Trust()
    signing: Signing = Signing()
    calendar: WorkingTime = WorkingTime()
    deadlines: Deadlines = Deadlines()
    kpi: Kpi = Kpi()
    disk: Disk = Disk()
    log: Log = Log()
    mail: Mail = Mail()
    uplink: tuple[Uplink, ...] = ()
    console: Console = Console()
    sso: Sso = Sso()
    _sources: Mapping[str, Source] = PrivateAttr(default_factory=dict)  # by key; what is not there is a default

    @field_validator("uplink")
    @classmethod
    def _distinct(cls, uplinks: tuple[Uplink, ...]) -> tuple[Uplink, ...]:
        """Each id once, and each prefix once: a receiver leads to one uplink."""
        for word, values in (
            ("id", [one.id for one in uplinks]),
            ("prefix", [prefix for one in uplinks for prefix in one.prefixes or ("",)]),
        ):
            for value in values:
                if values.count(value) > 1:
                    msg = f"two uplinks have the {word} {value}" if value else "two uplinks have no prefixes"
                    raise ValueError(msg)
        return uplinks

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  part of the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  files that nobody asked for are not read
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file; there is no third source."""
        return env_settings, init_settings

    def from_sources(self, sources: Mapping[str, Source]) -> Self:
        """The same, and where its values come from."""
        settings = self.model_copy()
        settings._sources = dict(sources)  # noqa: SLF001 - its own copy
        return settings

    def source_of(self, key: str) -> Source:
        """Where the value of a key comes from: `server.port`, `uplink[0].endpoint`."""
        return self._sources.get(key) or self._sources.get(key.partition("[")[0]) or Source.DEFAULT


def find_config(option: Path | None) -> Path:
    """The settings file: the option, else $AXIS_CONFIG, else ./axis.toml.

    Raises NotFound(BAD_SETTINGS) when there is none.
    """
    given = option or (Path(variable) if (variable := os.environ.get(CONFIG_VARIABLE)) else Path(CONFIG_NAME))
    if not given.is_file():
        raise NotFound(Code.BAD_SETTINGS, "no such file; `axis init` makes one", at=str(given))
    return given


def read_settings(path: Path) -> Settings:
    """Read one axis.toml; its relative paths become absolute, and url_file takes effect.

    Raises Malformed(BAD_SETTINGS, at=the key, or the file).
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Malformed(Code.BAD_SETTINGS, f"cannot be read: {error.strerror}", at=str(path)) from error
    except ValueError as error:  # not UTF-8, or not TOML
        raise Malformed(Code.BAD_SETTINGS, f"is not TOML: {error}", at=str(path)) from error
    try:
        settings = Settings(**data)
    except ValidationError as error:
        first = _plainest(error)
        raise Malformed(Code.BAD_SETTINGS, _reason(first), at=_key(first)) from error
    except SettingsError as error:  # a variable that should hold JSON does not
        raise Malformed(Code.BAD_SETTINGS, str(error), at="environment") from error
    settings = _rebase(settings, path.resolve().parent)
    settings = settings.model_copy(update={"store": _resolve_url(settings.store)})
    return settings.from_sources(_sources(data, EnvSettingsSource(Settings)()))


def read_mail(values: Mapping[str, object], base: Path) -> Mail:
    """The section [mail] as a command's options give it; its relative paths start at `base`.

    Raises Malformed(BAD_SETTINGS, at=the key).
    """
    try:
        return _rebase(Mail.model_validate(values), base)
    except ValidationError as error:
        first = _plainest(error)
        raise Malformed(Code.BAD_SETTINGS, _reason(first), at=f"mail.{_key(first)}".rstrip(".")) from error


def _sources(in_file: Mapping[str, Any], in_environment: Mapping[str, Any]) -> dict[str, Source]:
    """Where each key comes from that somebody set."""
    found: dict[str, Source] = {}
    for section, given in in_file.items():
        for place, values in enumerate(given) if isinstance(given, list) else [(None, given)]:
            name = section if place is None else f"{section}[{place}]"
            found |= {f"{name}.{key}": Source.FILE for key in values}
    for section, given in in_environment.items():
        if isinstance(given, dict):
            found |= {f"{section}.{key}": Source.ENVIRONMENT for key in given}
        else:  # the whole list
            found = {key: source for key, source in found.items() if not key.startswith(f"{section}[")}
            found[section] = Source.ENVIRONMENT
    if "store.url_file" in found:
        found["store.url"] = found["store.url_file"]
    return found


def _plainest(error: ValidationError) -> ErrorDetails:
    """The error to show: a key that does not exist explains another one that is missing."""
    errors = error.errors(include_url=False)
    return next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])


def _key(error: ErrorDetails) -> str:
    """The TOML key of an error: `server.port`, `uplink[0].endpoint`."""
    text = ""
    for part in error["loc"]:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _reason(error: ErrorDetails) -> str:
    """Why, without the value: it may be a secret that stands in the wrong place."""
    if error["type"] == "extra_forbidden":
        return "there is no such key"
    if error["type"] == "missing":
        return "must be given"
    return error["msg"].removeprefix("Value error, ")


def _rebase(model: ModelT, base: Path) -> ModelT:
    """`model` with each relative path made absolute from `base`."""
    update: dict[str, Any] = {}
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, Path):
            update[name] = base / value
        elif isinstance(value, BaseModel):
            update[name] = _rebase(value, base)
        elif isinstance(value, tuple):
            update[name] = tuple(_rebase(one, base) if isinstance(one, BaseModel) else one for one in value)
    return model.model_copy(update=update)


def _resolve_url(store: Store) -> Store:
    """The store with the url of url_file, and an SQLite file's path made absolute under data_dir."""
    url = store.url
    if store.url_file is not None:
        url = first_line(store.url_file, "store.url_file")
        try:
            Store(url=url)
        except ValidationError as error:
            raise Malformed(Code.BAD_SETTINGS, _reason(_plainest(error)), at="store.url_file") from error
    if url.startswith(SQLITE_PREFIX):
        url = SQLITE_PREFIX + str(store.data_dir / url.removeprefix(SQLITE_PREFIX))
    return store.model_copy(update={"url": url})
