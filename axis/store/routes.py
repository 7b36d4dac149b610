"""The `route` table: which system acts for each organisation now.

Worked out anew in the transaction of every change of the configuration, so that lists can be answered by one join.
"""

from sqlalchemy import Connection, bindparam, delete, insert

from axis.store import schema
from axis.store.configuration import mapping


def compute_routes(conn: Connection) -> None:
    """Make `route` what organisations and systems say: an organisation's own system, else its nearest ancestor's."""
    own = mapping(conn, schema.system_organ.c.organ_id, schema.system_organ.c.system_id)
    parents = mapping(conn, schema.organ.c.organ_id, schema.organ.c.parent_id)
    wanted: dict[str, str] = {}
    for organ_id in parents:
        at: str | None = organ_id
        while at is not None and at not in own:
            at = parents[at]
        if at is not None:
            wanted[organ_id] = own[at]
    present = mapping(conn, schema.route.c.organ_id, schema.route.c.system_id)
    gone = [{"gone": organ_id} for organ_id, system_id in present.items() if wanted.get(organ_id) != system_id]
    made = [
        {"organ_id": organ_id, "system_id": system_id}
        for organ_id, system_id in wanted.items()
        if present.get(organ_id) != system_id
    ]
    if gone:
        conn.execute(delete(schema.route).where(schema.route.c.organ_id == bindparam("gone")), gone)
    if made:
        conn.execute(insert(schema.route), made)
