"""One axis.toml, read once, as one frozen value.

Each field carries its meaning; names carry the unit (`_s` seconds, `_bytes`). `axis config describe` prints from
them. An unknown key is an error. Any key can be set from the environment as AXIS_SECTION__KEY, which wins over
the file; secrets come so or from a `*_file`, never from the file itself.

Relative paths are relative to the folder of axis.toml.
"""

from axis.settings.describing import describe_settings
from axis.settings.marks import Source
from axis.settings.reading import CONFIG_NAME, Settings, find_config, read_mail, read_settings
from axis.settings.sections import (
    SQLITE_PREFIX,
    Api,
    Console,
    Limits,
    Mail,
    Node,
    Signing,
    Uplink,
)
from axis.settings.sources import Chosen, chosen_settings
from axis.settings.sso import Sso

__all__ = [
    "CONFIG_NAME",
    "SQLITE_PREFIX",
    "Api",
    "Chosen",
    "Console",
    "Limits",
    "Mail",
    "Node",
    "Settings",
    "Signing",
    "Source",
    "Sso",
    "Uplink",
    "chosen_settings",
    "describe_settings",
    "find_config",
    "read_mail",
    "read_settings",
]
