"""`axis deliveries`: what did not come through, and what is done about it."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Annotated, Any

import typer

from axis.cli.options import NO, ConfigOption, JsonOption, print_fields, print_json, print_table, say, with_access
from axis.clock import SystemClock
from axis.errors import Code, Malformed, NotFound
from axis.terms import TransportState

if TYPE_CHECKING:
    from axis.ops.access import Access
    from axis.store.queries import Letter, LettersAsked

app = typer.Typer()
deliveries_app = typer.Typer(no_args_is_help=True, help="Consignments that failed: list, show, retry, reroute, cancel.")
app.add_typer(deliveries_app, name="deliveries")

ACTOR = "cli"
_HELD = "held"  # said instead of the state of a consignment that is held back, and its reason instead of the error
_MOST = 10_000  # that one command changes
_SHOWN = ("consignment_id", "state", "partner_id", "from_organ", "receiver_organ", "code", "queued_at", "last_error")

Ids = Annotated[list[str] | None, typer.Argument(help="Ids of consignments, as `list` shows them.")]
StateOption = Annotated[str, typer.Option("--state", help="dead, retrying, or held.")]
PartnerOption = Annotated[str | None, typer.Option("--partner", help="Only what leads to this uplink or system.")]
ReasonOption = Annotated[str | None, typer.Option("--reason", help="Only those whose error holds this text.")]
OrganOption = Annotated[str | None, typer.Option("--organ", help="Only those of this sender or receiver.")]
AgeOption = Annotated[float | None, typer.Option("--older-than", min=0, help="Only those queued so many hours ago.")]
AllOption = Annotated[bool, typer.Option("--all", help="All that match, after a look at what they are.")]
YesOption = Annotated[bool, typer.Option("--yes", help="With --all: do it; without, only show what would be changed.")]
WhyOption = Annotated[str, typer.Option("--why", help="The reason, for the audit trail and the evidence.")]


@deliveries_app.command("list")
def list_deliveries(
    state: StateOption = "dead",
    partner: PartnerOption = None,
    reason: ReasonOption = None,
    organ: OrganOption = None,
    older_than: AgeOption = None,
    limit: Annotated[int, typer.Option(min=1, max=_MOST, help="Most that are shown.")] = 100,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List consignments that were given up (dead), are still tried (retrying) or held back (held), oldest first."""
    asked = _asked(state, partner, reason, organ, older_than)
    _show(with_access(config, lambda access: _find(access, asked, limit)), json=json)


@deliveries_app.command("show")
def show(
    consignment_id: Annotated[str, typer.Argument(help="The consignment's id.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Everything about one consignment."""
    (found,) = with_access(config, lambda access: _named(access, (consignment_id,)))
    if json:
        print_json(_plain(found))
    else:
        print_fields(_plain(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """Which consignments a command changes, and how it goes about it."""

    ids: tuple[str, ...]
    asked: "LettersAsked | None"  # instead of ids
    yes: bool
    config: ConfigOption
    json: bool


def _bulk(
    ids: Ids = None,
    state: StateOption = "dead",
    partner: PartnerOption = None,
    reason: ReasonOption = None,
    organ: OrganOption = None,
    older_than: AgeOption = None,
    everything: AllOption = False,
    yes: YesOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> Bulk:
    asked = _asked(state, partner, reason, organ, older_than) if everything else None
    return Bulk(ids=tuple(ids or ()), asked=asked, yes=yes, config=config, json=json)


def _in_bulk(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options of `_bulk`, and their value as its first argument."""
    common = signature(_bulk).parameters
    own = list(signature(command).parameters.values())[1:]

    @wraps(command)
    def run(**given: Any) -> None:  # noqa: ANN401 - whatever the options are
        bulk = _bulk(**{name: given.pop(name) for name in common})
        command(bulk, **given)

    parameters = [one.replace(kind=Parameter.KEYWORD_ONLY) for one in (*own, *common.values())]
    run.__signature__ = Signature(parameters)  # type: ignore[attr-defined] # what typer reads
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run


@deliveries_app.command("retry")
@_in_bulk
def retry(bulk: Bulk, why: WhyOption) -> None:
    """Try consignments again, from the start and at once."""
    _change(bulk, TransportState.QUEUED, why)


@deliveries_app.command("reroute")
@_in_bulk
def reroute(
    bulk: Bulk,
    why: WhyOption,
    to: Annotated[str, typer.Option("--to", help="The uplink, or the system that serves the receivers now.")],
) -> None:
    """Send consignments another way, from the start; what waits of the same documents goes with them."""
    _change(bulk, TransportState.QUEUED, why, to)


@deliveries_app.command("cancel")
@_in_bulk
def cancel(bulk: Bulk, why: WhyOption) -> None:
    """Withdraw consignments: they are tried no more."""
    _change(bulk, TransportState.CANCELLED, why)


def _change(bulk: Bulk, becomes: TransportState, why: str, to: str | None = None) -> None:
    from axis.ops.letters import Intervention, intervene

    ids, asked = bulk.ids, bulk.asked
    if not why.strip():
        raise Malformed(Code.BAD_REQUEST, "is empty", at="--why")
    if bool(ids) == (asked is not None):
        raise Malformed(Code.BAD_REQUEST, "ids, or --all with what they have in common: one of the two", at="ID")
    intervention = Intervention(becomes=becomes, reason=why.strip(), actor=ACTOR, to=to)

    async def run(access: "Access") -> "tuple[tuple[Letter, ...], list[str], list[str]]":
        found = await _named(access, ids) if asked is None else await _find(access, asked, _MOST)
        if asked is not None and not bulk.yes:
            return found, [], []
        return found, *(await intervene(access, found, intervention, SystemClock().now()))

    found, changed, missed = with_access(bulk.config, run)
    if asked is not None and not bulk.yes:
        _show(found, json=bulk.json)
        say(f"Sẽ đổi {len(found)} lượt chuyển; thêm --yes.", f"{len(found)} would be changed; add --yes.")
        return
    if bulk.json:
        print_json({"changed": changed, "in_another_state": missed})
    say(
        f"Đã đổi {len(changed)} lượt chuyển; {len(missed)} đã sang trạng thái khác.",
        f"Changed {len(changed)}; {len(missed)} are in another state.",
    )
    if missed and not changed:
        raise typer.Exit(NO)


def _asked(
    state: str, partner: str | None, reason: str | None, organ: str | None, older_than: float | None
) -> "LettersAsked":
    from axis.store.queries import FAILED, LettersAsked

    if state not in (_HELD, *(one.value for one in FAILED)):
        raise Malformed(Code.BAD_REQUEST, "dead, retrying or held", at="--state")
    before = None if older_than is None else SystemClock().now() - timedelta(hours=older_than)
    return LettersAsked(
        state=TransportState.QUEUED if state == _HELD else TransportState(state),
        held=state == _HELD,
        partner_id=partner,
        reason=reason,
        organ=organ,
        queued_before=before,
    )


async def _find(access: "Access", asked: "LettersAsked", limit: int) -> "tuple[Letter, ...]":
    from axis.store.queries import letters

    return await access.store.read(lambda c: letters(c, asked, SystemClock().now(), limit))


async def _named(access: "Access", ids: Sequence[str]) -> "tuple[Letter, ...]":
    """The consignments of these ids. Raises NotFound for one that there is not."""
    from axis.store.queries import letter

    found = await access.store.read(lambda c: [letter(c, one, SystemClock().now()) for one in dict.fromkeys(ids)])
    missing = [one for one, got in zip(dict.fromkeys(ids), found, strict=True) if got is None]
    if missing:
        raise NotFound(Code.NOT_FOUND, ", ".join(missing[:10]))
    return tuple(one for one in found if one is not None)


def _show(found: "Sequence[Letter]", *, json: bool) -> None:
    if json:
        print_json([_plain(one) for one in found])
        return
    rows = ((str(_plain(one)[name] or "") for name in _SHOWN) for one in found)
    print_table("Lượt chuyển không thành công", _SHOWN, rows)


def _plain(letter: "Letter") -> dict[str, Any]:
    values = {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(letter).items()
    }
    return values | ({"state": _HELD, "last_error": letter.hold_reason} if letter.hold_id else {})
