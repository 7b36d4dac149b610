"""Mail (hộp thư công vụ): for organisations that have no software of their own.

A system with this adapter is one organisation's mailbox (`axis org mailbox`). The module is the entry point `mail` of
`axis.adapters`; see `adapters.base`. peer: packages go out as mails. routes: the pages behind the links in them. loops:
bounces are read, and notices sent.
"""

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from adapters.about import About

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from aiohttp import web

    from adapters.base import FrontParts, PeerParts
    from adapters.mail.mailing import MailPeer
    from axis.delivery.partner import Partner


class PeerOptions(BaseModel):
    """The options of a mailbox; it has no secrets."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: str = Field(min_length=3, description="The organisation's mail address.")


about = About(
    vi="Hộp thư công vụ của cơ quan chưa có phần mềm; máy chủ thư khai tại mục [mail] của axis.toml.",
    en="The mailbox of an organisation without software; the mail servers stand in [mail] of axis.toml.",
    options=PeerOptions,
    login_codes=frozenset({"530", "534", "535"}),
    tls_codes=frozenset({"no_starttls"}),
    advice={
        "bad_options": (
            "Khai chưa đúng: xem mục [mail] của axis.toml (smtp_host, from_address), và tùy chọn address của đơn vị.",
            "Not set up right: see [mail] in axis.toml (smtp_host, from_address), and the organisation's address.",
        ),
        "login_refused": (
            "Máy chủ thư từ chối tài khoản: xem mail.smtp_user, mail.smtp_password_file (hoặc AXIS_SECRET_SMTP).",
            "The mail server refuses the account: see mail.smtp_user, mail.smtp_password_file (or AXIS_SECRET_SMTP).",
        ),
        "tls_untrusted": (
            "Chứng thư máy chủ thư do nơi chưa tin cậy cấp: khai CA nội bộ ở mail.tls_ca_file, không tắt kiểm tra.",
            "The mail server's issuer is not trusted: name your authority in mail.tls_ca_file; keep the check on.",
        ),
        "tls_broken": (
            "Không mã hóa được: mail.smtp_security phải hợp với cổng (tls: 465, starttls: 587), và bên kia có bật TLS.",
            "No encryption: mail.smtp_security has to fit the port (tls: 465, starttls: 587), and TLS to be on there.",
        ),
        "no_answer": (
            "Máy chủ thư im lặng: xem smtp_host, smtp_port, tường lửa, và mail.smtp_security có hợp không.",
            "The mail server is silent: see smtp_host, smtp_port, the firewall, and whether mail.smtp_security fits.",
        ),
    },
)


def routes(parts: "FrontParts") -> "list[web.RouteDef]":
    """The pages behind the links, below /mail/; none where the settings name no mail server."""
    from adapters.mail.links import Links  # noqa: PLC0415 - whoever only asks for a client does not load a node
    from adapters.mail.pages import Pages  # noqa: PLC0415
    from axis.exchange.mailbox import Mailboxes  # noqa: PLC0415

    if not parts.settings.mail.smtp_host:
        return []
    return Pages(parts, Mailboxes(parts.context, parts.exchange), Links(parts.key)).routes()


def loops(parts: "FrontParts") -> "list[Coroutine[None, None, None]]":
    """What reads bounces and what sends notices, where the settings name the servers."""
    from adapters.mail.bouncing import Bouncing  # noqa: PLC0415 - see above
    from adapters.mail.links import Links  # noqa: PLC0415
    from adapters.mail.notices import Notices  # noqa: PLC0415
    from adapters.mail.office import imap_account, office_of  # noqa: PLC0415
    from axis.exchange.mailbox import Mailboxes  # noqa: PLC0415

    mail = parts.settings.mail
    running = []
    if mail.smtp_host:
        office = office_of(parts.settings, parts.key, parts.store.temporary)
        running.append(Notices(parts.context, office).run())
    if mail.imap_host:
        mailboxes = Mailboxes(parts.context, parts.exchange)
        running.append(Bouncing(imap_account(mail), Links(parts.key), mailboxes, mail.imap_poll_s).run())
    return running


def peer(partner: "Partner", parts: "PeerParts") -> "MailPeer":
    """An organisation's mailbox. Raises Malformed(BAD_SETTINGS) without an address or a mail server."""
    from adapters.base import read_options  # noqa: PLC0415 - see above
    from adapters.mail.mailing import MailPeer  # noqa: PLC0415
    from adapters.mail.office import office_of  # noqa: PLC0415
    from axis.errors import Code, Malformed  # noqa: PLC0415

    chosen = read_options(partner, PeerOptions)
    if parts.node is None or not parts.node.settings.mail.smtp_host:
        raise Malformed(Code.BAD_SETTINGS, "no mail server is named", at="mail.smtp_host")
    office = office_of(parts.node.settings, parts.node.key, parts.node.scratch)
    return MailPeer(chosen.address, office, parts.clock)
