"""A recall or an update comes in: its own package goes to everyone it concerns, and it acts on what it names.

The node forges nothing: receivers get the sender's act as it is and answer it with 15 or 16. An act on a document that
is not known here is recorded under the document's name, and delivered all the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from sqlalchemy import Connection

from axis.delivery.router import Destination
from axis.errors import Code, NotAllowed, WrongState
from axis.exchange import parcel as rows
from axis.exchange.acts import Named, find_named, find_targets, replaced_organs
from axis.exchange.context import Context
from axis.exchange.effects import Doing, Target, concerned, work_out
from axis.exchange.following import with_following
from axis.exchange.parcel import Parcel, Shipment
from axis.exchange.repeats import reopen
from axis.exchange.values import Accepted, Outcome
from axis.exchange.withdrawing import read_waiting
from axis.ids import DocumentUid, PackageId
from axis.organ.registry import Registry
from axis.store import queries
from axis.store.hot import ActTargetFound, Change, Hot
from axis.store.records import Act, ActReceiver, ActTarget, Blob, Consignment, Package, Row
from axis.terms import ActEffect, ActKind, BusinessType, Origin, PackageKind, TransportState

_KINDS = {
    BusinessType.RECALL: ActKind.RECALL,
    BusinessType.UPDATE: ActKind.UPDATE,
    BusinessType.REPLACE: ActKind.REPLACE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """An act that came before, which this package repeats."""

    act: Act
    package: Package
    same_bytes: Package | None  # the very bytes of the repeat, if they came before
    targets: tuple[ActTarget, ...]
    reached: tuple[Destination, ...]  # whom its packages went to, as far as this node brought them
    receivers: frozenset[str]
    dead: tuple[Consignment, ...]  # of its packages, to receivers that the repeat names again


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What is stored around an act."""

    before: Before | None
    targets: tuple[Target, ...]

    @property
    def document_uid(self) -> str | None:
        """The document that the act's package counts with: the first known one."""
        if self.before is not None:
            return self.before.package.document_uid
        return next((t.named.document.document_uid for t in self.targets if t.named.document), None)

    def fresh(self, parcel: Parcel) -> tuple[Destination, ...]:
        """Receivers whom the act has not reached before."""
        had = self.before.receivers if self.before else frozenset()
        return tuple(to for to in parcel.destinations if to.organ not in had)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What an act adds to a write, besides its package."""

    inserts: tuple[Row, ...] = ()
    changes: tuple[Change, ...] = ()
    deliveries: Mapping[str, str] = field(default_factory=dict)  # receiver → its delivery of what the act is about


class ActIntake:
    """Decides on recalls and updates."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def decide(self, parcel: Parcel) -> tuple[Hot | None, Accepted]:
        """What to write for an act, and its answer.

        Raises NotAllowed(FOREIGN_DOCUMENT) and WrongState(CODE_CHANGED).
        """
        context = self._context
        scene = await context.store.read(partial(read_scene, context, parcel))
        check_act(parcel, scene)
        known = [delivery for target in scene.targets for delivery in target.deliveries]
        parcel = replace(parcel, destinations=with_following(parcel.destinations, known))
        blob = None
        if scene.fresh(parcel) and not (scene.before and scene.before.same_bytes):
            blob = await context.store.blobs.record(parcel.spooled, parcel.at)
        return await context.work_out(len(parcel.destinations), partial(self._write, parcel, scene, blob))

    def _write(self, parcel: Parcel, scene: Scene, blob: Blob | None) -> tuple[Hot | None, Accepted]:
        if scene.before is not None:
            return self._write_repeat(parcel, scene, scene.before, blob)
        package_id, uid = parcel.entry.package_id(self._context), scene.document_uid
        written = act_rows(self._context, parcel, package_id, package_id, scene)
        inserts = (
            *((blob,) if blob else ()),
            *rows.package_rows(parcel, package_id, uid),
            *written.inserts,
            *self._ship(parcel, scene, (package_id, uid), written),
            *parcel.entry.composed_rows,
            rows.accepted_leaf(parcel, package_id, uid),
        )
        return Hot(inserts=inserts, changes=written.changes), _answer(Outcome.ACCEPTED, package_id, uid)

    def _write_repeat(
        self, parcel: Parcel, scene: Scene, before: Before, blob: Blob | None
    ) -> tuple[Hot | None, Accepted]:
        """What the first one left undone: receivers that it did not have, documents that came since, dead ways."""
        first, uid = before.package.package_id, before.package.document_uid
        answer = _answer(Outcome.REPEATED, first, uid)
        carried = before.same_bytes.package_id if before.same_bytes else self._context.new_id()
        written = act_rows(self._context, parcel, first, carried, scene)
        opened, moves = reopen(self._context, parcel, before.dead, uid)
        fresh = scene.fresh(parcel)
        if not (fresh or moves or written.changes):
            return None, answer
        carrying = (blob, *rows.package_rows(parcel, carried, uid)) if blob else ()
        touched = [to.organ for to in fresh] + [consignment.receiver_organ for consignment in before.dead]
        inserts = (
            *carrying,
            *written.inserts,
            *self._ship(parcel, scene, (carried, uid), written),
            *opened,
            rows.repeated_leaf(parcel, first, uid, touched),
        )
        return Hot(inserts=inserts, changes=(*moves, *written.changes)), answer

    def _ship(self, parcel: Parcel, scene: Scene, carried: tuple[str, str | None], written: Written) -> tuple[Row, ...]:
        """carried: the package, and the document that it acts on."""
        package_id, uid = carried
        shipment = Shipment(
            package_id=package_id,
            urgency=parcel.urgency,
            at=parcel.at,
            to=scene.fresh(parcel),
            deliveries=written.deliveries,
            document_uid=uid,
            behind=written.deliveries,
        )
        return rows.shipment_rows(self._context, shipment)


def read_scene(context: Context, parcel: Parcel, conn: Connection) -> Scene:
    """Everything around an act, in one read."""
    registry = context.directory.current.registry
    act = queries.act_by_identity(conn, parcel.identity)
    if act is None:
        return Scene(before=None, targets=tuple(_target(conn, n) for n in find_targets(conn, registry, parcel)))
    before = _before(conn, registry, parcel, act)
    scene = Scene(before=before, targets=())
    organs = replaced_organs(parcel.package.header, registry) if act.kind is ActKind.REPLACE else {}
    targets = []
    for row in before.targets:
        named = Named(position=row.position, document_key=row.document_key, organs=organs.get(row.document_key))
        # A replacement under a DocumentId that was not known is that document now, not its own predecessor.
        itself = act.kind is ActKind.REPLACE and row.document_key == parcel.document_key
        if row.document_uid is None and row.effect is ActEffect.UNKNOWN and not itself:
            named = find_named(conn, registry, parcel.from_organ, named)
        elif row.document_uid is not None and scene.fresh(parcel):
            named = replace(named, document=queries.document(conn, row.document_uid))
        targets.append(_target(conn, named))
    return replace(scene, targets=tuple(targets))


def _before(conn: Connection, registry: Registry, parcel: Parcel, act: Act) -> Before:
    package = queries.package(conn, act.package_id)
    if package is None:
        raise LookupError(act.package_id)  # a foreign key forbids it
    addressed = {to.organ for to in parcel.destinations}
    receivers = queries.act_receivers(conn, act.act_id)
    packages = {act.package_id, *(one.package_id for one in receivers if one.package_id)}
    consignments = queries.consignments_of(conn, sorted(packages))
    return Before(
        act=act,
        package=package,
        same_bytes=queries.package_by_bytes(conn, parcel.from_organ, parcel.spooled.sha256_hex),
        targets=queries.act_targets(conn, act.act_id),
        reached=tuple(_reached(registry, one) for one in consignments),
        receivers=frozenset(one.receiver_organ for one in receivers),
        dead=tuple(c for c in consignments if c.receiver_organ in addressed and c.state is TransportState.DEAD),
    )


def _reached(registry: Registry, consignment: Consignment) -> Destination:
    """Where a package went before."""
    organ = registry.find(consignment.receiver_organ)
    return Destination(
        organ=consignment.receiver_organ,
        addressed_as=consignment.receiver_organ,
        place=consignment.place,
        uplink_id=consignment.uplink_id,
        name=organ.name if organ else None,
    )


def _target(conn: Connection, named: Named) -> Target:
    if named.document is None:
        return Target(named=named)
    uid = named.document.document_uid
    return Target(named=named, deliveries=queries.deliveries(conn, uid), waiting=read_waiting(conn, uid))


def check_act(parcel: Parcel, scene: Scene) -> None:
    """Raises NotAllowed(FOREIGN_DOCUMENT) for an act on what another organisation sent, WrongState(CODE_CHANGED).

    What comes from another axis is not refused for the first: who has taken over from whom there is not known here.
    A replacement brings a document of its own, so it is never refused.
    """
    names = [target.named for target in scene.targets]
    if parcel.business is BusinessType.REPLACE:
        return
    if (
        parcel.source.origin is not Origin.UPLINK
        and any(n.foreign for n in names)
        and not any(n.document for n in names)
    ):
        raise NotAllowed(Code.FOREIGN_DOCUMENT, names[0].document_key, at="MessageHeader")
    if parcel.business is BusinessType.UPDATE and parcel.code_key:
        for document in (n.document for n in names if n.document):
            if document.code_key != parcel.code_key:
                change = f"{document.code or '-'} → {parcel.code_key}"
                raise WrongState(Code.CODE_CHANGED, change, at="MessageHeader/Code")


def act_rows(context: Context, parcel: Parcel, package_id: str, carried_by: str, scene: Scene) -> Written:
    """The act, whom it concerns, and what it does; of a repeat only what the first one left undone.

    package_id: the act's first package. carried_by: the one that goes to the receivers that it had not reached.
    """
    before = scene.before
    act = before.act if before else _act(context, parcel, package_id)
    inserts: list[Row] = [] if before else [act]
    changes: list[Change] = []
    deliveries: dict[str, str] = {}
    fresh = frozenset(to.organ for to in scene.fresh(parcel))
    for target in scene.targets:
        named = target.named
        found = (
            before is not None and named.document is not None and before.targets[named.position].document_uid is None
        )
        doing = Doing(
            act_id=act.act_id,
            package_id=package_id,
            kind=act.kind,
            at=parcel.at,
            organs=fresh | before.receivers if before and found else fresh,
            reached=before.reached if before and found else (),
            first=found or before is None,
        )
        if before and not concerned(doing, named):
            continue
        effects = work_out(context, parcel, doing, target)
        uid = named.document.document_uid if named.document else None
        if before is None:
            inserts.append(
                ActTarget(
                    act_id=act.act_id,
                    position=named.position,
                    document_key=named.document_key,
                    document_uid=uid,
                    effect=effects.effect,
                )
            )
        elif found and uid is not None:
            changes.append(
                ActTargetFound(act_id=act.act_id, position=named.position, document_uid=uid, effect=effects.effect)
            )
        inserts += [
            ActReceiver(act_id=act.act_id, position=named.position, receiver_organ=organ, package_id=carried_by)
            for organ in sorted(concerned(doing, named) & fresh)
        ]
        inserts += effects.inserts
        changes += effects.changes
        for delivery in (*target.deliveries, *effects.deliveries):
            deliveries.setdefault(delivery.receiver_organ, delivery.delivery_id)
    return Written(inserts=tuple(inserts), changes=tuple(changes), deliveries=deliveries)


def _act(context: Context, parcel: Parcel, package_id: str) -> Act:
    business = parcel.package.header.business
    return Act(
        act_id=context.new_id(),
        package_id=package_id,
        identity=parcel.identity,
        kind=_KINDS[parcel.business],
        from_organ=parcel.from_organ,
        reason=business.business_doc_reason if business else None,
        received_at=parcel.at,
    )


def _answer(outcome: Outcome, package_id: str, document_uid: str | None) -> Accepted:
    return Accepted(
        outcome=outcome,
        kind=PackageKind.DOCUMENT,
        package_id=PackageId(package_id),
        document_uid=DocumentUid(document_uid) if document_uid else None,
    )
