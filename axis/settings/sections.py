"""The sections of axis.toml: what an operator can choose, with unit and default on each field."""

import ipaddress
import os
import re
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from axis.errors import Code, Malformed
from axis.settings.marks import SECRET, secret_or
from axis.terms import RETURN_PHRASES, SECRET_EXCEPTIONS, SECRET_PHRASES

SQLITE_PREFIX = "sqlite:///"
SMTP_VARIABLE = "AXIS_SECRET_SMTP"  # variables that hold secrets
IMAP_VARIABLE = "AXIS_SECRET_IMAP"
DAY_S = 86_400

_RULE = re.compile(r"\d{1,3}(min|h|wh|d( (([01]\d|2[0-3]):[0-5]\d|24:00))?)")
_RULE_IN_DAYS = re.compile(r"\d{1,3}d( (([01]\d|2[0-3]):[0-5]\d|24:00))?")
_SPAN = re.compile(r"([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)")


class Section(BaseModel):
    """A part of the settings: frozen, and strict about names."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, allow_inf_nan=False)


class Node(Section):
    """Who this node is."""

    code: str = Field(min_length=1, max_length=64, description="This node's organisation code, e.g. H24.")
    name: str = Field("", description="Its name as people read it.")
    role: Literal["city", "national"] = Field(
        "city", description="city: holds its own tree of organisations; national: holds those registered, of any tree."
    )
    prefixes: tuple[str, ...] = Field(
        (),
        description=(
            "Code prefixes whose whole tree this node holds: an unregistered receiver below one of them is refused. "
            "Left out: the node's code for a city, none for a national node."
        ),
    )
    neighbours: tuple[str, ...] = Field(
        (),
        description=(
            "Connected systems that are axes of their own, by id. Only what is from or for organisations of ours "
            "passes between them and us: nothing of theirs is carried to another axis, or the other way round."
        ),
    )

    @model_validator(mode="before")
    @classmethod
    def _own_tree(cls, data: Any) -> Any:  # noqa: ANN401  what TOML held, not yet checked
        """A city that says nothing holds the tree under its own code."""
        if isinstance(data, dict) and "prefixes" not in data and data.get("role", "city") == "city" and "code" in data:
            return {**data, "prefixes": (data["code"],)}
        return data


class Server(Section):
    """The HTTP server."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65_535, description="Port to listen on; 0 takes a free one.")
    request_timeout_s: float = Field(600.0, gt=0, description="Longest time for one request, its body included.")
    idle_timeout_s: float = Field(75.0, gt=0, description="How long an idle connection is kept open.")
    trusted_proxies: tuple[str, ...] = Field(
        (),
        description=(
            "Addresses or networks of the proxies before this node. What they say in X-Forwarded-For is whence a call "
            "comes; from anybody else it counts for nothing."
        ),
    )
    public_https: bool = Field(
        default=False,
        description="A proxy before this node speaks HTTPS with browsers: cookies go over HTTPS only, HSTS is said.",
    )
    tls_certificate_file: Path | None = Field(None, description="PEM chain; with it and the key the node speaks HTTPS.")
    tls_key_file: Path | None = Field(None, description="PEM private key of the certificate.")

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for one in proxies:
            ipaddress.ip_network(one)  # raises a ValueError that names it
        return proxies

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.tls_certificate_file is None) != (self.tls_key_file is None):
            msg = "tls_certificate_file and tls_key_file are given together or not at all"
            raise ValueError(msg)
        return self


class Store(Section):
    """Where everything is kept."""

    data_dir: Path = Field(Path(), description="Folder of database, blobs and keys. Left out: the folder of axis.toml.")
    url: str = Field(
        "sqlite:///axis.db",
        repr=False,
        description=(
            "sqlite:///FILE (relative to data_dir) or postgresql://USER@HOST/NAME. With a password in it: "
            "from the environment (AXIS_STORE__URL) or url_file."
        ),
        json_schema_extra=SECRET,
    )
    url_file: Path | None = Field(
        None, description="File that holds the url, in place of url.", json_schema_extra=SECRET
    )
    inline_blob_bytes: int = Field(
        65_536, ge=0, description="Blobs up to this size lie in the database, others in files."
    )
    group_size: int = Field(64, gt=0, description="Most units of work that the writer commits together.")
    read_pool: int = Field(4, gt=0, le=64, description="Connections for reading.")

    @field_validator("url")
    @classmethod
    def _known_database(cls, url: str) -> str:
        if not url.startswith((SQLITE_PREFIX, "postgresql://")):
            msg = "begins with sqlite:/// or postgresql://"
            raise ValueError(msg)
        return url

    @property
    def key_file(self) -> Path:
        """The node's key: 32 random bytes in base64url, mode 0600; stored HMAC secrets are encrypted with it."""
        return self.data_dir / "keys" / "node.key"


class Limits(Section):
    """Bounds on a package. Published at /limits."""

    package_bytes: int = Field(1 << 30, gt=0, description="A whole package.")
    skeleton_bytes: int = Field(8 << 20, gt=0, description="A package without the base64 of its files.")
    depth: int = Field(64, gt=0, description="Levels of nested elements.")
    elements: int = Field(200_000, gt=0, description="Elements in a package.")
    receivers: int = Field(5_000, gt=0, description="Receivers of a package.")
    attachments: int = Field(500, gt=0, description="Files in a package.")
    attachment_bytes: int = Field(1 << 30, gt=0, description="One file, decoded.")
    unzipped_bytes: int = Field(1 << 30, gt=0, description="What all ZIP files of one package may unpack to.")
    unzip_ratio: int = Field(200, gt=0, description="Unpacked to packed size of one ZIP file.")
    zip_entries: int = Field(100, gt=0, description="Entries of one ZIP file.")
    leading_junk_bytes: int = Field(1_024, ge=0, description="Bytes tolerated before <?xml.")


class Vxp(Section):
    """The VXP front."""

    timestamp_window_s: int = Field(
        DAY_S, gt=0, description="How far a request's timestamp may be off; clients reuse one for hours."
    )
    pending_items: int = Field(200, gt=0, description="Most items in getReceivedEdocList.")
    fetched_often: int = Field(
        5, gt=0, description="Fetches without acknowledgement after which an item moves to the end."
    )
    failures_until_dead: int = Field(10, gt=0, description="updateStatus fail this often: the consignment is dead.")


class Edoc(Section):
    """The eDoc SOAP front."""

    pending_items: int = Field(
        200, gt=0, le=1000, description="Most items in GetPendingDocumentIds, and new ones in GetTraces."
    )


class Api(Section):
    """The REST API."""

    requests_per_minute: int = Field(600, gt=0, description="Requests of one token in a minute, on average.")
    requests_at_once: int = Field(100, gt=0, description="Of them, how many may come together.")
    failures_per_minute: int = Field(20, gt=0, description="Wrong tokens from one address in a minute.")
    page_items: int = Field(200, gt=0, le=1_000, description="Most items on one page of a list.")
    wait_s: float = Field(30.0, ge=0, le=60, description="Longest wait for an event that a reader may ask for.")
    uploads: int = Field(100, ge=0, description="Most resumable uploads that one system may hold; 0 for none.")
    upload_bytes: int = Field(4 << 30, ge=0, description="Most bytes of all uploads of one system together.")
    upload_hours: float = Field(24.0, gt=0, description="An upload goes when nothing was added for so long.")


class Webhook(Section):
    """Being told: events at systems' own addresses, and packages pushed there."""

    public_url: str = Field(
        "", pattern=r"^(https?://.*)?$", description="This node's address as systems reach it: links begin with it."
    )
    private_addresses: bool = Field(
        default=False,
        description="Call addresses in private networks, and http ones, too. Only where all systems may be trusted.",
    )
    most_per_system: int = Field(10, ge=0, description="Most webhooks that one system may subscribe with.")
    timeout_s: float = Field(15.0, gt=0, le=50, description="Longest wait for an address to answer.")
    give_up_days: float = Field(5.0, gt=0, description="An address that fails for so long is told no more.")
    link_minutes: int = Field(60, gt=0, le=10_080, description="How long a link to a package is good.")


class Exchange(Section):
    """Accepting, pushing and polling."""

    secret_phrases: tuple[str, ...] = Field(
        SECRET_PHRASES,
        description=(
            "Markings of state secrets, in any case: a package with one as its sphere or type, or at the start of its "
            "subject, is refused."
        ),
    )
    secret_exceptions: tuple[str, ...] = Field(
        SECRET_EXCEPTIONS,
        description="Words that hold a marking and are none.",
    )
    update_added_type: Literal["0", "1"] = Field(
        "0", description="ReceiverType by which an update marks whom it adds; the other one marks whom it removes."
    )
    forward_within: Literal["below", "tree"] = Field(
        "below", description="Whom a receiver may pass a document on to: those below it, or anybody of this node."
    )
    return_phrases: tuple[str, ...] = Field(
        RETURN_PHRASES,
        min_length=1,
        description=(
            "How the Description of a refusal (02) begins that returns a misaddressed document; in any case. "
            "The node writes the first one itself."
        ),
    )
    retry_delays_s: tuple[int, ...] = Field(
        (30, 120, 450, 900, 1_800, 3_600, 7_200, 14_400),
        min_length=1,
        description="Waits after the first, second, … failed hand-over; the last one repeats.",
    )
    retry_give_up_s: int = Field(
        3 * DAY_S, gt=0, description="Time since the first try after which it is given up (dead)."
    )
    retry_jitter: float = Field(0.2, ge=0, lt=1, description="Share by which each wait varies at random.")
    lease_s: float = Field(
        300.0, gt=0, description="How long a claimed push is left alone; then another worker takes it."
    )
    delayed_after_s: float = Field(
        7_200.0,
        gt=0,
        description="A sender's system is told of a package that still waits to be pushed after this long.",
    )
    expires_after_days: int = Field(
        30,
        ge=0,
        description=(
            "Days that a package waits for a system that fetches; then it is given up (dead) and its sender told. "
            "0: as long as it takes."
        ),
    )
    push_places: int = Field(200, gt=0, le=5_000, description="Pushes under way at once, to all partners together.")
    partner_first_places: int = Field(2, gt=0, description="Pushes at once to one partner, to begin with.")
    partner_most_places: int = Field(20, gt=0, description="Most pushes at once to one partner, while it answers.")
    partner_failures: int = Field(
        5, gt=0, description="Times in a row that a partner cannot be reached, after which it is left alone."
    )
    partner_pause_s: float = Field(
        30.0, gt=0, description="How long it is left alone at first; doubled each time that it fails again."
    )
    partner_most_pause_s: float = Field(600.0, gt=0, description="Longest such pause.")
    poll_interval_s: float = Field(5.0, gt=0, description="Between two looks at an uplink's list.")
    ask_first_s: float = Field(
        60.0, gt=0, description="Wait before asking an uplink whether a package was acknowledged."
    )
    ask_give_up_days: int = Field(5, gt=0, description="Days after which an alert takes the place of asking.")
    ask_per_minute: int = Field(30, gt=0, description="Most such questions to one uplink in a minute.")

    @field_validator("retry_delays_s")
    @classmethod
    def _positive(cls, delays: tuple[int, ...]) -> tuple[int, ...]:
        if min(delays) <= 0:
            msg = "each wait is more than 0 seconds"
            raise ValueError(msg)
        return delays


class Reconcile(Section):
    """Comparing what was exchanged with each uplink, every night."""

    hour: float = Field(2.5, ge=0, lt=24, description="When, in hours after midnight in Vietnam.")
    days: int = Field(3, gt=0, le=31, description="How many of the last days are compared.")


class Trust(Section):
    """Signatures: who is trusted, and by which rules files are judged. Policies of senders: `axis policy`."""

    folder: Path | None = Field(
        None, description="Trusted certificates (PEM, DER) and *.crl. Left out: trust, below data_dir."
    )
    hard_revocation: bool = Field(
        default=True, description="Without revocation data: cannot be told (true), or valid with a remark (false)."
    )
    revocation_max_age_hours: float | None = Field(
        None, gt=0, description="Revocation data older than this does not count, whatever it says itself."
    )
    weak_until: datetime | None = Field(
        None,
        description="Signatures up to then may use SHA-1 and small keys, with a remark. Left out: none may.",
    )
    both_signatures: bool = Field(
        default=True, description="A PDF without both the person's and the agency's signature gets a remark."
    )
    fetch_timeout_s: float = Field(120.0, gt=0, description="Longest wait for a CRL, OCSP or timestamp service.")
    fetch_bytes: int = Field(64 << 20, gt=0, description="Largest answer of such a service.")
    warn_days: int = Field(
        60, ge=1, le=3_650, description="For how many days before its end operators are told of a certificate."
    )
    fetch_private: bool = Field(
        default=False,
        description="Whether addresses in certificates may lead into private networks (a CA within the city's).",
    )

    @field_validator("weak_until")
    @classmethod
    def _aware(cls, moment: datetime | None) -> datetime | None:
        if moment is not None and moment.tzinfo is None:
            msg = "needs its offset from UTC, e.g. 2027-01-01T00:00:00+07:00"
            raise ValueError(msg)
        return moment


class WorkingTime(Section):
    """Working days and hours, in Vietnamese time. What is said here goes before the public holidays."""

    working_weekdays: tuple[int, ...] = Field(
        (1, 2, 3, 4, 5), min_length=1, description="Days of the week on which people work; 1 is Monday."
    )
    hours: tuple[str, ...] = Field(
        ("08:00-12:00", "13:00-17:00"), min_length=1, max_length=8, description="Working hours of a day, in order."
    )
    public_holidays: bool = Field(default=True, description="Whether the public holidays of Vietnam are days off.")
    days_off: tuple[date, ...] = Field((), description='More days off, e.g. "2027-05-03".')
    make_up_days: tuple[date, ...] = Field(
        (), description='Days that are worked all the same, e.g. a Saturday: "2027-05-08".'
    )

    @field_validator("working_weekdays")
    @classmethod
    def _weekdays(cls, days: tuple[int, ...]) -> tuple[int, ...]:
        if not set(days) <= set(range(1, 8)):
            msg = "days are numbered from 1 (Monday) to 7 (Sunday)"
            raise ValueError(msg)
        return days

    @field_validator("hours")
    @classmethod
    def _hours(cls, spans: tuple[str, ...]) -> tuple[str, ...]:
        """HH:MM-HH:MM each, in order and apart: as texts they then sort as times do."""
        ends = [end for span in spans for end in span.split("-", 1)]
        if not all(_SPAN.fullmatch(span) for span in spans) or ends != sorted(set(ends)):
            msg = 'written like "08:00-12:00", one after the other'
            raise ValueError(msg)
        return spans

    @model_validator(mode="after")
    def _either(self) -> Self:
        both = sorted(set(self.days_off) & set(self.make_up_days))
        if both:
            msg = f"{both[0]} is both a day off and a make-up day"
            raise ValueError(msg)
        return self


class Signing(Section):
    """The node's own key, which signs what the node composes: in files, or in a token. Without it nothing is signed."""

    key_file: Path | None = Field(None, description="Private key (PEM), or key and certificates in one PKCS #12 file.")
    certificate_file: Path | None = Field(
        None, description="The key's certificate, issuers after it (PEM, DER). Left out: in key_file, or in the token."
    )
    password_file: Path | None = Field(
        None, description="File that holds the key's password, in one line.", json_schema_extra=SECRET
    )
    pkcs11_module: Path | None = Field(None, description="The PKCS #11 library of the token that holds the key.")
    pkcs11_slot: str = Field("", description="The token's slot or label; left out when there is one token.")
    pkcs11_key_label: str = Field("", description="The key's label in the token; left out when it holds one key.")
    pin_file: Path | None = Field(
        None, description="File that holds the token's PIN, in one line.", json_schema_extra=SECRET
    )
    for_systems: bool = Field(
        default=False,
        description=(
            "Also sign what the node composes for connected systems (REST, folder); never in the name of an "
            "organisation that the system does not serve."
        ),
    )
    tsa_url: str | None = Field(
        None,
        pattern=r"^https?://",
        description="Timestamp authority (RFC 3161) that is asked about all that the node signs, in the background.",
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        in_token = self.pkcs11_module is not None
        if self.key_file is not None and in_token:
            msg = "key_file and pkcs11_module exclude each other"
        elif self.password_file is not None and self.key_file is None:
            msg = "password_file is of a key_file"
        elif in_token != (self.pin_file is not None):
            msg = "pkcs11_module and pin_file are given together or not at all"
        elif not in_token and (self.pkcs11_slot or self.pkcs11_key_label):
            msg = "pkcs11_slot and pkcs11_key_label are of a pkcs11_module"
        elif (self.certificate_file or self.tsa_url) and self.key_file is None and not in_token:
            msg = "certificate_file and tsa_url are of a key_file or a pkcs11_module"
        else:
            return self
        raise ValueError(msg)

    @property
    def has_key(self) -> bool:
        """Whether the node signs at all."""
        return self.key_file is not None or self.pkcs11_module is not None

    def read_password(self) -> bytes | None:
        """The key's password. Raises Malformed(BAD_SETTINGS)."""
        return first_line(self.password_file, "signing.password_file").encode() if self.password_file else None

    def read_pin(self) -> str:
        """The token's PIN. Raises Malformed(BAD_SETTINGS)."""
        if self.pin_file is None:
            raise Malformed(Code.BAD_SETTINGS, "a token has a PIN", at="signing.pin_file")
        return first_line(self.pin_file, "signing.pin_file")


class Deadlines(Section):
    """How soon things are due.

    30min, 2h: by the clock; 4wh: working hours; 0d: the same day; 1d 12:00: the next working day at 12:00.
    """

    sent: str = Field("1d 12:00", description="Sending a document, from the day on which it was signed.")
    receipt: tuple[str, ...] = Field(
        ("0d", "0d", "4h", "2h", "1h"),
        min_length=5,
        max_length=5,
        description="The receiver's first word (01 or any), for each urgency from 0 (normal) to 4 (express, timed).",
    )
    acceptance: tuple[str, ...] = Field(
        ("1d 12:00", "0d", "8h", "4h", "2h"),
        min_length=5,
        max_length=5,
        description="Registration or refusal (03 or further, 02), for each urgency from 0 to 4.",
    )
    remind_working_hours: float = Field(
        2.0, ge=0, le=80, description="How long before that the receiver and the sender are reminded."
    )

    @field_validator("sent")
    @classmethod
    def _in_days(cls, text: str) -> str:
        if not _RULE_IN_DAYS.fullmatch(text):
            msg = 'written like "1d 12:00"'
            raise ValueError(msg)
        return text

    @field_validator("receipt", "acceptance")
    @classmethod
    def _rules(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_RULE.fullmatch(text) for text in texts):
            msg = 'each written like "30min", "2h", "4wh", "0d" or "1d 12:00"'
            raise ValueError(msg)
        return texts


class Kpi(Section):
    """What figures are compared with. Figures: `axis report kpi`."""

    online_ministry_percent: float = Field(
        80.0, ge=0, le=100, description="Work processed online that is asked of ministries, in percent."
    )
    online_province_percent: float = Field(60.0, ge=0, le=100, description="… of a province and its departments.")
    online_district_percent: float = Field(30.0, ge=0, le=100, description="… of districts, wards and communes.")
    connected_percent: float = Field(100.0, ge=0, le=100, description="Organisations that are connected, in percent.")
    on_time_percent: float = Field(
        100.0, ge=0, le=100, description="What is sent, accepted and completed on time, in percent of what is known."
    )


class Disk(Section):
    """The watermark under which intake stops while deliveries go on."""

    min_free_bytes: int = Field(512 << 20, ge=0, description="Free space that always remains.")
    min_free_percent: float = Field(
        2.0, ge=0, lt=100, description="The same as a share of the disk; the larger counts."
    )
    check_interval_s: float = Field(5.0, gt=0, description="Between two looks at the disk.")
    retry_after_s: int = Field(120, gt=0, description="Retry-After of the refusal.")


class Log(Section):
    """The operating log, on standard error."""

    format: Literal["json", "console"] = Field("json", description="json: one object a line; console: for people.")
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least that is written.")


class Uplink(Section):
    """Another axis that this node calls: the national one, or a neighbour."""

    id: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$", description="Our name for it.")
    adapter: str = Field("vxp", description="Entry point in the group axis.adapters that speaks its protocol.")
    endpoint: str = Field(pattern=r"^https?://", description="Its address, without the operation.")
    system_id: str = Field(min_length=1, description="Who we are there.")
    secret_file: Path | None = Field(
        None,
        description=(
            "File that holds our secret there. Else the environment: AXIS_SECRET_ and the id in capitals, "
            "anything but letters and digits as _."
        ),
        json_schema_extra=SECRET,
    )
    prefixes: tuple[str, ...] = Field((), description="Code prefixes that it reaches; none: everything else.")
    poll_interval_s: float | None = Field(None, gt=0, description="In place of exchange.poll_interval_s.")
    timeout_s: float = Field(60.0, gt=0, description="Longest silence during a call.")
    fetch: Literal["getEdoc", "downloadEdoc"] = Field(
        "getEdoc", description="Operation that fetches a package: base64 in JSON, or the file itself."
    )
    follow_registry: bool = Field(
        default=False,
        description="Whether its registry of organisations is followed, each night at 02:30 (`axis org sync`).",
    )
    follow_level: int | None = Field(None, ge=1, le=4, description="Down to which level; left out: all of it.")

    @property
    def secret_variable(self) -> str:
        """The environment variable that may hold the secret."""
        return "AXIS_SECRET_" + re.sub(r"[^A-Z0-9]", "_", self.id.upper())

    def read_secret(self) -> str:
        """Our secret there, from the environment, else from secret_file.

        Raises Malformed(BAD_SETTINGS) when neither gives one.
        """
        return secret_of(self.secret_variable, self.secret_file, f"uplink.{self.id}.secret_file")


Security = Literal["tls", "starttls", "none"]
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Mail(Section):
    """Mail: for organisations that are reached by mailbox, and for notices. No smtp_host: no mail."""

    smtp_host: str = Field("", description="The mail server that takes our mails. Empty: this node sends none.")
    smtp_port: int = Field(587, gt=0, le=65_535, description="Its port.")
    smtp_security: Security = Field(
        "starttls", description="tls: from the first byte; starttls: before anything is said; none: only on loopback."
    )
    smtp_user: str = Field("", description="Who we are there; empty: no log-in.")
    smtp_password_file: Path | None = Field(
        None,
        description="File that holds the password. Else the environment: AXIS_SECRET_SMTP.",
        json_schema_extra=secret_or(SMTP_VARIABLE),
    )
    tls_ca_file: Path | None = Field(
        None,
        description="PEM certificates of the authorities that both mail servers are judged by. Left out: the system's.",
    )
    tls_verify: bool = Field(
        default=True, description="Whether a certificate that is not trusted, or another server's, is refused."
    )
    from_address: str = Field("", description="Whose mails they are. Given with smtp_host.")
    from_name: str = Field("", description="The name before it. Left out: the node's.")
    bounce_address: str = Field(
        "",
        description=(
            "Where reports of failure go. With a {} in it (truc+{}@…), each mail's own mark is put there, "
            "if the mail server takes such addresses. Left out: from_address."
        ),
    )
    public_url: str = Field(
        "", pattern=r"^(https?://.*)?$", description="This node's address as receivers reach it: links begin with it."
    )
    link_days: int = Field(30, gt=0, le=366, description="How long a link in a mail is good.")
    attach_bytes: int = Field(
        20 << 20, ge=0, description="Longest mail that carries the files; a longer one has links to them instead."
    )
    timeout_s: float = Field(60.0, gt=0, description="Longest wait for one answer of a mail server.")
    send_timeout_s: float = Field(240.0, gt=0, description="Longest time for one mail; less than exchange.lease_s.")
    confirm_per_minute: int = Field(
        60, gt=0, description="Most requests to the pages behind the links from one address in a minute."
    )
    imap_host: str = Field("", description="The server of the mailbox into which bounces come. Empty: nobody looks.")
    imap_port: int = Field(993, gt=0, le=65_535, description="Its port.")
    imap_security: Security = Field("tls", description="As smtp_security.")
    imap_user: str = Field("", description="Who we are there.")
    imap_password_file: Path | None = Field(
        None,
        description="File that holds the password. Else the environment: AXIS_SECRET_IMAP.",
        json_schema_extra=secret_or(IMAP_VARIABLE),
    )
    imap_folder: str = Field("INBOX", description="The folder into which bounces come.")
    imap_done_folder: str = Field("Axis", description="The folder into which they are moved when they are dealt with.")
    imap_poll_s: float = Field(60.0, gt=0, description="Between two looks at the mailbox.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.smtp_host and not self.from_address:
            msg = "from_address must be given with smtp_host"
            raise ValueError(msg)
        if self.imap_host and not self.imap_user:
            msg = "imap_user must be given with imap_host"
            raise ValueError(msg)
        for name, host, security in (
            ("smtp", self.smtp_host, self.smtp_security),
            ("imap", self.imap_host, self.imap_security),
        ):
            if security == "none" and host not in {"", *_LOOPBACK}:
                msg = f"{name}_security: none is for loopback only: whoever listens would read everything"
                raise ValueError(msg)
        return self

    def read_smtp_password(self) -> str:
        """The password at the mail server. Raises Malformed(BAD_SETTINGS) when a user has none."""
        return secret_of(SMTP_VARIABLE, self.smtp_password_file, "mail.smtp_password_file")

    def read_imap_password(self) -> str:
        """The password of the mailbox. Raises Malformed(BAD_SETTINGS) when there is none."""
        return secret_of(IMAP_VARIABLE, self.imap_password_file, "mail.imap_password_file")


class Console(Section):
    """The pages for people."""

    session_hours: float = Field(9.0, gt=0, le=24, description="How long a log-in lasts.")
    idle_minutes: float = Field(60.0, gt=0, description="Idle time that ends it earlier.")
    failures_until_pause: int = Field(5, gt=0, description="Wrong passwords in a row after which an account must wait.")
    pause_s: int = Field(300, gt=0, description="How long it must wait.")
    page_rows: int = Field(30, gt=0, le=500, description="Rows on one page of a list.")
    failures_per_minute: int = Field(
        30, gt=0, description="Wrong log-ins from one address in a minute, on average; then it has to wait."
    )
    totp_required_for: tuple[Literal["clerk", "auditor", "operator", "administrator"], ...] = Field(
        ("administrator", "operator"),
        description=(
            "Roles that log in by password only with a code of their telephone as well; who has none is led to set it "
            "up. Single sign-on has its own."
        ),
    )
    views_kept_days: int = Field(
        1_825, ge=0, description="Days for which it is on record who looked at what; 0: for ever."
    )


def secret_of(variable: str, file: Path | None, at: str) -> str:
    """A secret from the environment, else from a file. Raises Malformed(BAD_SETTINGS) when neither gives one."""
    if value := os.environ.get(variable):
        return value
    if file is None:
        key = at.rpartition(".")[2]
        raise Malformed(Code.BAD_SETTINGS, f"neither {key} nor {variable} is set", at=at)
    return first_line(file, at)


def first_line(path: Path, at: str) -> str:
    """A secret's file: one line, not empty."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Malformed(Code.BAD_SETTINGS, f"{path} cannot be read", at=at) from error
    if not text or "\n" in text:
        raise Malformed(Code.BAD_SETTINGS, f"{path} does not hold one line", at=at)
    return text
