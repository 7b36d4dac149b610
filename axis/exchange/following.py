"""Who has a document from whom: what is done to a receiver's delivery is done to those that came from it."""

from collections.abc import Iterable

from axis.delivery.router import Destination
from axis.store.records import Delivery


def following(deliveries: Iterable[Delivery], organs: Iterable[str]) -> frozenset[str]:
    """Receivers to whom the document came from one of these, at any remove; those not among them."""
    every, given = tuple(deliveries), frozenset(organs)
    ids = {one.delivery_id for one in every if one.receiver_organ in given}
    found: set[str] = set()
    while more := {one for one in every if one.forwarded_from in ids and one.delivery_id not in ids}:
        ids |= {one.delivery_id for one in more}
        found |= {one.receiver_organ for one in more}
    return frozenset(found - given)


def with_following(destinations: tuple[Destination, ...], deliveries: Iterable[Delivery]) -> tuple[Destination, ...]:
    """An act's receivers, and those to whom they have passed on what it is about."""
    every = tuple(deliveries)
    more = following(every, [to.organ for to in destinations])
    return destinations + tuple(
        Destination(organ=one.receiver_organ, addressed_as=one.addressed_as, place=one.place, name=one.receiver_name)
        for one in {one.receiver_organ: one for one in every if one.receiver_organ in more}.values()
    )
