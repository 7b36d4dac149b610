"""The desk of a clerk whose organisation has no software of its own: it reads, and answers, at this node's console.

Such an organisation is served by a system whose front is the console, or by none; then the node speaks for it
(`composing.acts_for`). What is said here is a status package like every other: it names the person, and is signed with
the node's key. Nothing covers up what somebody else has said meanwhile: whoever had looked before is told so.

An organisation of others is not there for a clerk: NotFound, as for a document that does not exist.

Norm: QĐ 28/2018/QĐ-TTg Art. 9: on a recall notice the receiver cancels the document and says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import structlog
from sqlalchemy import Connection

from axis.edxml.model import StaffInfo
from axis.errors import AxisError, Busy, Code, NotFound
from axis.exchange.composing import CONSOLE_FRONT, AskBackWish, ReportWish, acts_for
from axis.exchange.context import Context
from axis.exchange.forwarding import Forwarded, ForwardWish, ReturnWish
from axis.exchange.service import Exchange
from axis.exchange.values import Acknowledgement, Outcome
from axis.ids import DocumentUid
from axis.organ.model import Organ
from axis.status.acts import ANSWERS
from axis.status.order import Effect, sayable
from axis.store import queries
from axis.store.records import Act, Delivery, Document, StatusEvent
from axis.terms import StatusCode

log = structlog.get_logger(__name__)

SHOWN_DELIVERIES = 200  # of one document, to the organisations of one clerk
_TAKEN_AT_ONCE = 20  # packages that one look acknowledges


@dataclass(frozen=True, slots=True, kw_only=True)
class Clerk:
    """Who sits at the desk. actor: the account, for the audit trail. organs: whom it acts for, by canonical code."""

    actor: str
    staff: StaffInfo
    organs: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AtHand:
    """A document at one of the clerk's organisations, for which the node speaks."""

    delivery: Delivery
    name: str
    last: StatusEvent | None  # what was said last of it here
    sayable: Mapping[StatusCode, Effect]  # what may be said next of its handling, and what that does
    asks: Act | None  # what the sender wants to have answered by 15 or 16

    @property
    def seen(self) -> str:
        """What stands for its present state: an answer that was given to another one is not taken."""
        return self.last.event_id if self.last else ""

    @property
    def may_pass_on(self) -> bool:
        """Whether it may be forwarded: it is in force, and was neither refused nor given back."""
        delivery = self.delivery
        refused = delivery.status_code == StatusCode.REFUSED or delivery.returned_at is not None
        return not delivery.state.is_frozen and not refused


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDesk:
    """What a clerk may do with a document."""

    document: Document
    received: tuple[AtHand, ...]
    more: bool  # further receivers of theirs are not among these
    sends: bool  # the clerk acts for its sender, and the node speaks for that one


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What a clerk says of a document at one organisation.

    at: when the form was shown, so that one that is sent twice says it once. seen: `AtHand.seen` of then.
    """

    document_uid: str
    organ: str
    code: StatusCode
    reason: str
    at: datetime
    seen: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """A document that the clerk's organisation has sent, and how it stands."""

    document: Document
    deliveries: tuple[Delivery, ...]
    unfetched: frozenset[str]  # receivers that have not got it yet
    last_act: Act | None


class Told(StrEnum):
    """What became of a clerk's word."""

    SAID = "said"
    BEFORE = "before"  # the same had been said: nothing is said again
    OVERTAKEN = "overtaken"  # somebody else has said something since: nothing was said
    NOT_NOW = "not_now"  # it cannot be said of the document as it stands: nothing was said


class Desk:
    """The use cases of the desk."""

    def __init__(self, context: Context, exchange: Exchange) -> None:
        self._context = context
        self._exchange = exchange

    def speaks_for(self, organ_id: str) -> bool:
        """Whether the node speaks for an organisation: its clerks do at the console what its software would."""
        return acts_for(self._context.directory.current, organ_id)

    async def look(self, clerk: Clerk, document_uid: str) -> OnDesk | None:
        """What the clerk may do with a document; None when there is none of this id."""
        if not clerk.organs:
            return None
        return await self._context.store.read(lambda conn: self._look(conn, clerk, document_uid))

    async def at_hand(self, clerk: Clerk, document_uid: str, organ: str) -> tuple[Document, AtHand]:
        """A document at one of the clerk's organisations. Raises NotFound."""
        one = Clerk(actor=clerk.actor, staff=clerk.staff, organs=clerk.organs & {organ})
        found = await self.look(one, document_uid)
        if found is None or not found.received:
            raise NotFound(Code.NOT_FOUND, "no such delivery of yours")
        return found.document, found.received[0]

    async def own(self, clerk: Clerk, document_uid: str) -> Own:
        """A document of one of the clerk's organisations, in whose name the node speaks. Raises NotFound."""

        def look(conn: Connection) -> Own | None:
            document = queries.document(conn, document_uid)
            if document is None or document.from_organ not in clerk.organs or not self.speaks_for(document.from_organ):
                return None
            acts = queries.acts_on(conn, document_uid)
            return Own(
                document=document,
                deliveries=queries.deliveries(conn, document_uid),
                unfetched=frozenset(one.receiver_organ for one in queries.withdrawable(conn, document_uid)),
                last_act=acts[-1] if acts else None,
            )

        found = await self._context.store.read(look)
        if found is None:
            raise NotFound(Code.NOT_FOUND, "no such document of yours")
        return found

    async def say(self, clerk: Clerk, word: Word) -> Told:
        """State a status in the organisation's name. The same word again has no second effect.

        Raises NotFound, Malformed for a refusal without a reason, Busy.
        """
        _document, at_hand = await self.at_hand(clerk, word.document_uid, word.organ)
        wish = ReportWish(
            document_uid=DocumentUid(word.document_uid),
            receiver_organ=word.organ,
            code=word.code,
            reason=word.reason,
            staff=clerk.staff,
            actor=clerk.actor,
            at=word.at,
        )
        if at_hand.seen != word.seen:
            return Told.BEFORE if _says(at_hand.last, wish) else Told.OVERTAKEN
        if not _is_open(at_hand, word.code):
            return Told.NOT_NOW
        accepted = await self._exchange.report(wish)
        return Told.SAID if accepted.outcome is Outcome.ACCEPTED else Told.BEFORE

    async def take_in(self, clerk: Clerk, document_uid: str) -> None:
        """The clerk has opened the document: what waits about it has come, and 01 is said where nothing was said yet.

        A console has no software that could say so by itself; before somebody has looked, nothing has arrived anywhere.
        Opening it again has no effect. It never keeps anybody from reading: what cannot be recorded now is the next
        look's.
        """
        if not clerk.organs:
            return
        try:
            await self._acknowledge(clerk, document_uid)
            await self._say_arrived(clerk, document_uid)
        except Busy as e:
            log.info("arrival_put_off", document_uid=document_uid, code=e.code)
        except AxisError as e:
            log.warning("arrival_unreported", document_uid=document_uid, code=e.code)

    async def forward(self, clerk: Clerk, wish: ForwardWish) -> Forwarded:
        """Pass the document on for one of the clerk's organisations. Raises as `Exchange.forward`."""
        await self.at_hand(clerk, wish.document_uid, wish.by_organ)
        return await self._exchange.forward(wish)

    async def send_back(self, clerk: Clerk, wish: ReturnWish) -> Outcome:
        """Give a misaddressed document back. Raises as `Exchange.send_back`."""
        await self.at_hand(clerk, wish.document_uid, wish.by_organ)
        return (await self._exchange.send_back(wish)).outcome

    async def ask_back(self, clerk: Clerk, wish: AskBackWish) -> Outcome:
        """Ask one receiver to give a document of the clerk's organisation back (13). Raises as `Exchange.ask_back`."""
        await self.own(clerk, wish.document_uid)
        return (await self._exchange.ask_back(wish)).outcome

    def below(self, organ_id: str) -> tuple[Organ, ...]:
        """The organisations below one to which it may pass a document on, by code."""
        registry = self._context.directory.current.registry
        found: list[Organ] = []
        waiting, seen = [organ_id], {organ_id}
        while waiting:
            children = [one for one in registry.children_of(waiting.pop()) if one.organ_id not in seen]
            seen.update(one.organ_id for one in children)
            waiting.extend(one.organ_id for one in children)
            found += [one for one in children if not one.is_closed]
        return tuple(sorted(found, key=lambda one: one.organ_id))

    def _look(self, conn: Connection, clerk: Clerk, document_uid: str) -> OnDesk | None:
        document = queries.document(conn, document_uid)
        if document is None:
            return None
        spoken = {organ for organ in clerk.organs if self.speaks_for(organ)}
        deliveries, more = queries.deliveries_here(conn, document_uid, spoken, SHOWN_DELIVERIES)
        return OnDesk(
            document=document,
            received=tuple(self._at_hand(conn, one) for one in deliveries),
            more=more,
            sends=document.from_organ in spoken,
        )

    def _at_hand(self, conn: Connection, delivery: Delivery) -> AtHand:
        organ = self._context.directory.current.registry.find(delivery.receiver_organ)
        current = StatusCode(delivery.status_code) if delivery.status_code else None
        asking = queries.oldest_open_act(conn, delivery.document_uid, delivery.receiver_organ)
        return AtHand(
            delivery=delivery,
            name=organ.name if organ else delivery.receiver_organ,
            last=queries.last_event_of_delivery(conn, delivery.document_uid, delivery.delivery_id),
            sayable={} if delivery.state.is_frozen else sayable(current),
            asks=asking.act if asking else None,
        )

    async def _acknowledge(self, clerk: Clerk, document_uid: str) -> None:
        """A console inbox has what its clerk can see. What nobody serves keeps waiting for a system."""
        directory = self._context.directory.current
        served = {
            organ: system.system_id
            for organ in clerk.organs
            if (system := directory.system(directory.route(organ) or "")) is not None and system.front == CONSOLE_FRONT
        }
        if not served:
            return
        waiting = await self._context.store.read(
            lambda conn: queries.untaken(conn, document_uid, served, _TAKEN_AT_ONCE)
        )
        for package_id, system_id in dict.fromkeys((one.package_id, served[one.receiver_organ]) for one in waiting):
            await self._exchange.record_hand_over(system_id, package_id)
            await self._exchange.acknowledge(system_id, package_id, Acknowledgement.DONE)

    async def _say_arrived(self, clerk: Clerk, document_uid: str) -> None:
        found = await self.look(clerk, document_uid)
        minute = self._context.clock.now().replace(second=0, microsecond=0)
        for one in found.received if found else ():
            if one.delivery.status_code is not None or StatusCode.ARRIVED not in one.sayable:
                continue
            wish = ReportWish(
                document_uid=DocumentUid(document_uid),
                receiver_organ=one.delivery.receiver_organ,
                code=StatusCode.ARRIVED,
                actor=clerk.actor,
                at=max(minute, one.delivery.created_at),  # the same for two looks at once: they make one package
            )
            await self._exchange.report(wish)


def _is_open(at_hand: AtHand, code: StatusCode) -> bool:
    """Whether this can be said of the document as it is."""
    if code in ANSWERS:
        return at_hand.asks is not None
    return code in at_hand.sayable


def _says(event: StatusEvent | None, wish: ReportWish) -> bool:
    """Whether the event is what is wished: the same code and words by the same person."""
    if event is None or wish.staff is None:
        return False
    said = (event.status_code, event.description or "", event.department, event.staff)
    return said == (wish.code.value, wish.reason, wish.staff.department, wish.staff.staff)
