"""Expand: services and rules of routing have a time; a route names whose service it is."""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

from axis.ids import new_id
from axis.store.schema import from_micros

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_SERVED = "SELECT o.organ_id, o.system_id, s.created_at FROM system_organ o JOIN system s ON s.system_id = o.system_id"


def upgrade() -> None:
    """Make the tables; whom a system served before, it serves since it was connected."""
    connection = op.get_bind()
    served = [tuple(row) for row in connection.execute(sa.text(_SERVED))]
    parents = dict(tuple(row) for row in connection.execute(sa.text("SELECT organ_id, parent_id FROM organ")))
    op.drop_table("system_organ")
    op.drop_table("route")
    services, routes = _system_organ(), _route()
    if served:
        op.bulk_insert(services, [_service(*row) for row in served])
        op.bulk_insert(routes, list(_routes({organ: system for organ, system, _ in served}, parents)))
    _route_rule()
    op.create_index(op.f("ix_organ_parent_id"), "organ", ["parent_id"], unique=False)
    op.add_column("config_version", sa.Column("routes_at", sa.BigInteger(), nullable=True))
    latest = max((created_at for _, _, created_at in served), default=None)
    connection.execute(sa.text("UPDATE config_version SET routes_at = :at"), {"at": latest})


def _service(organ_id: str, system_id: str, since: int) -> dict[str, object]:
    service_id = new_id(from_micros(since))
    names = {"service_id": service_id, "organ_id": organ_id, "system_id": system_id}
    return {**names, "priority": 0, "valid_from": since, "valid_until": None}


def _routes(own: dict[str, str], parents: dict[str, str | None]) -> Iterator[dict[str, str]]:
    for organ_id in parents:
        at: str | None = organ_id
        while at is not None and at not in own:
            at = parents[at]
        if at is not None:
            yield {"organ_id": organ_id, "system_id": own[at], "via_organ": at}


def _system_organ() -> sa.Table:
    table = op.create_table(
        "system_organ",
        sa.Column("service_id", sa.String(length=26), nullable=False),
        sa.Column("organ_id", sa.String(length=128), nullable=False),
        sa.Column("system_id", sa.String(length=64), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("valid_until", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("valid_until > valid_from", name=op.f("ck_system_organ_validity")),
        sa.ForeignKeyConstraint(["organ_id"], ["organ.organ_id"], name=op.f("fk_system_organ_organ_id")),
        sa.ForeignKeyConstraint(["system_id"], ["system.system_id"], name=op.f("fk_system_organ_system_id")),
        sa.PrimaryKeyConstraint("service_id", name=op.f("pk_system_organ")),
        sa.UniqueConstraint(
            "organ_id", "priority", "valid_from", name=op.f("uq_system_organ_organ_id_priority_valid_from")
        ),
    )
    op.create_index(op.f("ix_system_organ_system_id"), "system_organ", ["system_id"], unique=False)
    return table


def _route() -> sa.Table:
    table = op.create_table(
        "route",
        sa.Column("organ_id", sa.String(length=128), nullable=False),
        sa.Column("system_id", sa.String(length=64), nullable=False),
        sa.Column("via_organ", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(["organ_id"], ["organ.organ_id"], name=op.f("fk_route_organ_id")),
        sa.ForeignKeyConstraint(["system_id"], ["system.system_id"], name=op.f("fk_route_system_id")),
        sa.PrimaryKeyConstraint("organ_id", name=op.f("pk_route")),
    )
    op.create_index(op.f("ix_route_system_id"), "route", ["system_id"], unique=False)
    return table


def _route_rule() -> None:
    op.create_table(
        "route_rule",
        sa.Column("rule_id", sa.String(length=26), nullable=False),
        sa.Column("prefix", sa.String(length=128), nullable=False),
        sa.Column("uplink_id", sa.String(length=64), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("valid_until", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint("valid_until > valid_from", name=op.f("ck_route_rule_validity")),
        sa.PrimaryKeyConstraint("rule_id", name=op.f("pk_route_rule")),
        sa.UniqueConstraint("prefix", "valid_from", name=op.f("uq_route_rule_prefix_valid_from")),
    )
