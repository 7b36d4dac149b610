"""Accounts of the console: who may log in, as what, and for which organisations.

Each function takes a Connection: the reading ones run in `store.read`, the others in `store.write`. Passwords are
hashed and checked elsewhere, outside any transaction. Whatever changes an account leaves an audit row; there is always
one administrator who can log in.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, insert, or_, select, update

from axis.errors import Code, NotFound, UnknownOrgan, WrongState
from axis.organ.codes import canonical_form
from axis.store import schema as s
from axis.store.configuration import record, some
from axis.store.records import Account, AccountOrgan
from axis.store.rows import columns_of, read_all, record_reader, values_of
from axis.terms import Role
from axis.text import comparison_form, folded

_SEARCH_CHARACTERS = 100

_ACCOUNT, _read_account = columns_of(Account), record_reader(Account)
_ORGANS = select(s.account_organ.c.organ_id).where(s.account_organ.c.account_id == bindparam("account_id"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """When an account has to wait: after `failures` wrong tries in a row, and longer after each further one."""

    failures: int
    seconds: int
    doublings: int = 4  # the longest pause is sixteen times the first

    def after(self, failures: int) -> timedelta | None:
        """How long to wait after so many failures; None: not at all."""
        beyond = failures - self.failures
        return timedelta(seconds=self.seconds * 2 ** min(beyond, self.doublings)) if beyond >= 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What an account may do, and for whom."""

    roles: frozenset[Role] = frozenset()
    organs: frozenset[str] = frozenset()  # by canonical code; whoever stands below them belongs to it

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(self.roles or self.organs)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPassword:
    """An account's next password."""

    password_hash: str
    once: bool = False  # has to be changed at the first log-in
    until: datetime | None = None  # good until then
    stays: str | None = None  # the digest of the one session that does not end


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """An organisation that an account acts for, as the registry has it now."""

    organ_id: str
    name: str
    closed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView:
    """An account, and whom it acts for."""

    account: Account
    organs: tuple[Held, ...]  # by code

    @property
    def roles(self) -> tuple[Role, ...]:
        """What it may do, in the order of the words."""
        return tuple(role for role in Role if role in self.account.roles.split())

    @property
    def lacks_organ(self) -> bool:
        """A clerk who acts for nobody, and so sees nothing."""
        return Role.CLERK in self.roles and not self.organs


def username_form(text: str) -> str:
    """The form in which usernames are kept and compared."""
    return comparison_form(text).lower()


def roles_text(roles: Collection[Role]) -> str:
    """Roles as they are kept."""
    return " ".join(role for role in Role if role in roles)


def add_account(conn: Connection, account: Account, organs: Collection[str] = (), *, actor: str = "node") -> None:
    """Record a new account.

    Raises WrongState(ACCOUNT_EXISTS) when the username is taken, UnknownOrgan, WrongState(ORGAN_CLOSED).
    """
    username = username_form(account.username)
    if find_account(conn, username) is not None:
        raise WrongState(Code.ACCOUNT_EXISTS, username)
    conn.execute(insert(s.account).values(values_of(account) | {"username": username}))
    _add_organs(conn, account.account_id, organs)
    fields = {"account": username, "roles": account.roles.split(), "organs": sorted(organs)}
    record(conn, account.created_at, actor, "account_added", fields)


def find_account(conn: Connection, username: str) -> Account | None:
    """The account of this name, enabled or not."""
    row = conn.execute(select(*_ACCOUNT).where(s.account.c.username == username_form(username))).one_or_none()
    return None if row is None else _read_account(row)


def account_by_id(conn: Connection, account_id: str) -> Account | None:
    """The account with this id, enabled or not."""
    row = conn.execute(select(*_ACCOUNT).where(s.account.c.account_id == account_id)).one_or_none()
    return None if row is None else _read_account(row)


def the_account(conn: Connection, username: str) -> Account:
    """The account of this name. Raises NotFound."""
    return _found(find_account(conn, username), username)


def hold_account(conn: Connection, username: str) -> Account:
    """The account of this name, which nobody else changes until this transaction ends. Raises NotFound."""
    wanted = select(*_ACCOUNT).where(s.account.c.username == username_form(username)).with_for_update()
    row = conn.execute(wanted).one_or_none()
    return _found(None if row is None else _read_account(row), username)


def canonical_organs(conn: Connection, codes: Collection[str], day: str) -> frozenset[str]:
    """The organisations that some codes mean on a day, by canonical code. Raises UnknownOrgan."""
    forms = {code: canonical_form(code) for code in codes}
    o, a = s.organ.c, s.organ_alias.c
    aliases = select(a.alias, a.organ_id).where(
        a.alias.in_(sorted({*forms, *forms.values()})),
        a.valid_from <= day,
        or_(a.valid_until == "", a.valid_until > day),
    )
    own = select(o.organ_id, o.organ_id).where(o.organ_id.in_(sorted(forms.values())))
    known: dict[str, str] = {row[0]: row[1] for query in (aliases, own) for row in conn.execute(query)}
    if unknown := sorted(code for code, form in forms.items() if code not in known and form not in known):
        raise UnknownOrgan(Code.NOT_FOUND, some(unknown), at="organ")
    return frozenset(known.get(form) or known[code] for code, form in forms.items())


def view_account(conn: Connection, username: str) -> AccountView:
    """The account of this name, and whom it acts for. Raises NotFound."""
    return _views(conn, [the_account(conn, username)])[0]


def list_accounts(conn: Connection, *, text: str = "", after: str = "", rows: int = 50) -> tuple[AccountView, ...]:
    """Accounts by username, those behind one; text: what the name, the person or an organisation's code has in it."""
    a, held = s.account.c, s.account_organ.c
    wanted: list[ColumnElement[bool]] = [a.username > username_form(after)] if after else []
    for word in comparison_form(text)[:_SEARCH_CHARACTERS].split():
        acts = select(held.account_id).where(held.organ_id.icontains(word, autoescape=True))
        wanted.append(
            or_(
                a.username.icontains(username_form(word), autoescape=True),
                *(a.full_name.icontains(form, autoescape=True) for form in sorted({word, word.lower(), word.title()})),
                a.roles.icontains(word, autoescape=True),
                a.account_id.in_(acts),
            )
        )
    found = conn.execute(select(*_ACCOUNT).where(*wanted).order_by(a.username).limit(rows))
    return _views(conn, read_all(_read_account, found.all()))


def organs_of(conn: Connection, account_id: str) -> frozenset[str]:
    """The organisations that an account was given, by code; those below them are not among them."""
    return frozenset(conn.execute(_ORGANS, {"account_id": account_id}).scalars())


def find_organs(conn: Connection, text: str, rows: int) -> tuple[Held, ...]:
    """Active organisations whose code or name has every word, with or without accents; by code."""
    words = folded(text).split()
    o = s.organ.c
    active = conn.execute(select(o.organ_id, o.name).where(o.status == "active").order_by(o.organ_id))
    found = (
        Held(organ_id=organ_id, name=name, closed=False)
        for organ_id, name in active
        if all(word in folded(f"{organ_id} {name}") for word in words)
    )
    return tuple(islice(found, rows)) if words else ()


def grant(conn: Connection, username: str, rights: Rights, at: datetime, actor: str) -> None:
    """Give an account further rights; those that it has stay. With another role its sessions end.

    Raises NotFound, UnknownOrgan, WrongState(ORGAN_CLOSED).
    """
    account = hold_account(conn, username)
    roles = frozenset(map(Role, account.roles.split())) | rights.roles
    new = rights.organs - organs_of(conn, account.account_id)
    _set_roles(conn, account, roles)
    _add_organs(conn, account.account_id, new)
    record(conn, at, actor, "account_granted", _told(account, rights))


def revoke(conn: Connection, username: str, rights: Rights, at: datetime, actor: str) -> None:
    """Take rights from an account; with a role, its sessions end. Raises NotFound, WrongState(LAST_ADMINISTRATOR)."""
    account = hold_account(conn, username)
    if Role.ADMINISTRATOR in rights.roles:
        _keep_an_administrator(conn, account)
    _set_roles(conn, account, frozenset(map(Role, account.roles.split())) - rights.roles)
    t = s.account_organ.c
    conn.execute(
        delete(s.account_organ).where(t.account_id == account.account_id, t.organ_id.in_(sorted(rights.organs)))
    )
    record(conn, at, actor, "account_revoked", _told(account, rights))


def set_roles(conn: Connection, username: str, roles: frozenset[Role], at: datetime, actor: str) -> None:
    """Give an account exactly these roles. Raises NotFound, WrongState(LAST_ADMINISTRATOR)."""
    account = hold_account(conn, username)
    before = frozenset(map(Role, account.roles.split()))
    if gone := before - roles:
        revoke(conn, username, Rights(roles=gone), at, actor)
    if new := roles - before:
        grant(conn, username, Rights(roles=new), at, actor)


def set_full_name(conn: Connection, username: str, full_name: str, at: datetime, actor: str) -> None:
    """The person's name, as statuses and pages tell it. Raises NotFound."""
    account = hold_account(conn, username)
    _change(conn, account, full_name=full_name)
    record(conn, at, actor, "account_renamed", {"account": account.username})


def set_language(conn: Connection, account_id: str, language: str) -> None:
    """The language in which the pages speak to this person, in whatever browser. Nobody's business: not on record."""
    conn.execute(update(s.account).where(s.account.c.account_id == account_id).values(language=language))


def set_enabled(conn: Connection, username: str, at: datetime, actor: str, *, enabled: bool) -> None:
    """Let an account in, or keep it out; its sessions end. Raises NotFound, WrongState(LAST_ADMINISTRATOR)."""
    account = hold_account(conn, username)
    if not enabled:
        _keep_an_administrator(conn, account)
        end_all(conn, account.account_id)
    _change(conn, account, enabled=enabled)
    record(conn, at, actor, "account_enabled" if enabled else "account_disabled", {"account": account.username})


def unlock(conn: Connection, username: str, at: datetime, actor: str) -> None:
    """Forget the wrong passwords and codes: the account need not wait any more. Raises NotFound."""
    account = hold_account(conn, username)
    _change(conn, account, failures=0, locked_until=None, totp_failures=0, totp_locked_until=None)
    record(conn, at, actor, "account_unlocked", {"account": account.username})


def set_password(conn: Connection, username: str, new: NewPassword, at: datetime, actor: str) -> None:
    """Another password; whoever is logged in with the old one is out. Raises NotFound."""
    account = hold_account(conn, username)
    end_all(conn, account.account_id, but=new.stays)
    _change(
        conn,
        account,
        password_hash=new.password_hash,
        password_once=new.once,
        password_until=new.until,
        failures=0,
        locked_until=None,
    )
    record(conn, at, actor, "password_set", {"account": account.username, "once": new.once})


def end_all(conn: Connection, account_id: str, *, but: str | None = None) -> int:
    """End the sessions and half log-ins of an account, all but one (by its token's digest). Returns how many ended."""
    t, half = s.session.c, s.login_step.c
    conn.execute(delete(s.login_step).where(half.account_id == account_id))
    others = and_(t.account_id == account_id, t.token_sha256 != but) if but else t.account_id == account_id
    return conn.execute(delete(s.session).where(others)).rowcount


def _views(conn: Connection, accounts: Sequence[Account]) -> tuple[AccountView, ...]:
    t, o = s.account_organ.c, s.organ.c
    held: dict[str, list[Held]] = {}
    rows = conn.execute(
        select(t.account_id, o.organ_id, o.name, o.status)
        .join_from(s.account_organ, s.organ, o.organ_id == t.organ_id)
        .where(t.account_id.in_([account.account_id for account in accounts]))
        .order_by(o.organ_id)
    )
    for account_id, organ_id, name, status in rows:
        held.setdefault(account_id, []).append(Held(organ_id=organ_id, name=name, closed=status == "closed"))
    return tuple(AccountView(account=one, organs=tuple(held.get(one.account_id, ()))) for one in accounts)


def _add_organs(conn: Connection, account_id: str, organs: Collection[str]) -> None:
    if not organs:
        return
    o = s.organ.c
    wanted = sorted(organs)
    status: dict[str, str] = dict(conn.execute(select(o.organ_id, o.status).where(o.organ_id.in_(wanted))).all())
    if unknown := [code for code in wanted if code not in status]:
        raise UnknownOrgan(Code.NOT_FOUND, some(unknown), at="organ")
    if closed := [code for code in wanted if status[code] == "closed"]:
        raise WrongState(Code.ORGAN_CLOSED, some(closed), at="organ")
    rows = [values_of(AccountOrgan(account_id=account_id, organ_id=code)) for code in wanted]
    conn.execute(insert(s.account_organ), rows)


def _set_roles(conn: Connection, account: Account, roles: Collection[Role]) -> None:
    """Other roles begin with another log-in: a session that was opened with fewer or more of them ends."""
    if frozenset(account.roles.split()) == frozenset(roles):
        return
    end_all(conn, account.account_id)
    _change(conn, account, roles=roles_text(roles))


def _change(conn: Connection, account: Account, **values: Any) -> None:  # noqa: ANN401 - columns
    conn.execute(update(s.account).where(s.account.c.account_id == account.account_id).values(values))


def _keep_an_administrator(conn: Connection, account: Account) -> None:
    """Raise WrongState when there would be none left who can log in."""
    a = s.account.c
    named = a.roles.contains(Role.ADMINISTRATOR.value)
    every = conn.execute(select(a.account_id, a.roles).where(a.enabled, named).with_for_update()).all()
    administrators = {one.account_id for one in every if Role.ADMINISTRATOR in one.roles.split()}
    if administrators == {account.account_id}:
        raise WrongState(Code.LAST_ADMINISTRATOR, account.username)


def _told(account: Account, rights: Rights) -> dict[str, object]:
    return {"account": account.username, "roles": roles_text(rights.roles).split(), "organs": sorted(rights.organs)}


def _found(account: Account | None, username: str) -> Account:
    if account is None:
        raise NotFound(Code.NOT_FOUND, username_form(username), at="account")
    return account
