"""What all mails of a node have in common, out of its settings."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from adapters.mail.letter import Person, check_address
from adapters.mail.links import Links, Purpose, Subject
from adapters.mail.mailbox import ImapAccount
from adapters.mail.smtp import MailServer
from axis.edxml.model import Limits
from axis.errors import Code, Malformed
from axis.keys import NodeKey
from axis.settings import Mail, Settings

_TRIAL_MARK = "0" * 26 + "-" + "a" * 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """A node's mail."""

    server: MailServer
    sender: Person
    bounce_address: str  # may hold {}, the place of a mail's mark
    public_url: str  # "" when the node has no address that receivers can reach: no links then
    link_for: timedelta
    attach_bytes: int
    node_name: str
    links: Links
    limits: Limits
    scratch: Path  # where packages are taken apart

    @property
    def domain(self) -> str:
        """The domain of our mails."""
        return self.sender.address.rpartition("@")[2]

    def return_path(self, mark: str) -> str:
        """Where a report about the mail with this mark goes."""
        return (self.bounce_address or self.sender.address).replace("{}", mark)

    def link(self, page: str, purpose: Purpose, subject: Subject) -> str:
        """An address that opens a page; "" when the node has none that receivers can reach."""
        if not self.public_url:
            return ""
        return f"{self.public_url.rstrip('/')}/mail/{page}/{self.links.token(purpose, subject)}"


def office_of(settings: Settings, key: NodeKey, scratch: Path) -> Office:
    """Read the settings. Raises Malformed(BAD_SETTINGS) naming the key that is wrong."""
    mail = settings.mail
    sender = _address(mail.from_address, "mail.from_address")
    if mail.bounce_address:
        _address(mail.bounce_address.replace("{}", _TRIAL_MARK), "mail.bounce_address")
    node_name = settings.node.name or settings.node.code
    return Office(
        server=_server(mail, sender),
        sender=Person(name=mail.from_name or node_name, address=sender),
        bounce_address=mail.bounce_address,
        public_url=mail.public_url,
        link_for=timedelta(days=mail.link_days),
        attach_bytes=mail.attach_bytes,
        node_name=node_name,
        links=Links(key),
        limits=Limits(**settings.limits.model_dump()),
        scratch=scratch,
    )


def _address(text: str, at: str) -> str:
    try:
        return check_address(text, at)
    except Malformed as e:
        raise Malformed(Code.BAD_SETTINGS, "not a mail address", at=at) from e


def _server(mail: Mail, sender: str) -> MailServer:
    return MailServer(
        host=mail.smtp_host,
        port=mail.smtp_port,
        security=mail.smtp_security,
        user=mail.smtp_user,
        password=mail.read_smtp_password() if mail.smtp_user else "",
        ca_file=mail.tls_ca_file,
        verify=mail.tls_verify,
        timeout_s=mail.timeout_s,
        total_s=mail.send_timeout_s,
        hello=sender.rpartition("@")[2],
    )


def imap_account(mail: Mail) -> ImapAccount:
    """The mailbox of bounces. Raises Malformed(BAD_SETTINGS) without a password."""
    return ImapAccount(
        host=mail.imap_host,
        port=mail.imap_port,
        security=mail.imap_security,
        user=mail.imap_user,
        password=mail.read_imap_password(),
        folder=mail.imap_folder,
        done_folder=mail.imap_done_folder,
        ca_file=mail.tls_ca_file,
        verify=mail.tls_verify,
        timeout_s=mail.timeout_s,
    )
