"""Evidence leaves."""

import hashlib
import json
from datetime import UTC, datetime

import pytest

from axis.evidence.leaf import FIELDS, LeafKind, leaf_hash, make_leaf

AT = datetime(2026, 11, 24, 3, 4, 5, 6, tzinfo=UTC)
FIELD_VALUES = {"package_id": "01J", "receivers": ["H24.1", "H24.2"], "system": "so-y-te"}


def test_a_leaf_is_canonical_json_hashed_with_the_leaf_prefix() -> None:
    leaf = make_leaf(LeafKind.ACKNOWLEDGED, AT, FIELD_VALUES)
    value = json.loads(leaf.data)
    assert value["fields"] == FIELD_VALUES
    assert (value["v"], value["kind"], value["at"]) == (1, "acknowledged", "2026-11-24T03:04:05.000006+00:00")
    assert leaf.data == json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert leaf.leaf_hash == hashlib.sha256(b"\x00" + leaf.data).digest() == leaf_hash(leaf.data)


def test_two_leaves_of_one_fact_differ_by_their_salt() -> None:
    one, other = (make_leaf(LeafKind.ACKNOWLEDGED, AT, FIELD_VALUES) for _ in range(2))
    assert one.leaf_hash != other.leaf_hash


@pytest.mark.parametrize("kind", list(LeafKind))
def test_a_leaf_has_exactly_the_published_fields_of_its_kind(kind: LeafKind) -> None:
    values = dict.fromkeys(FIELDS[kind], "x")
    assert json.loads(make_leaf(kind, AT, values).data)["fields"].keys() == FIELDS[kind]
    with pytest.raises(ValueError, match="exactly"):
        make_leaf(kind, AT, {**values, "more": 1})
    with pytest.raises(ValueError, match="exactly"):
        make_leaf(kind, AT, {name: values[name] for name in sorted(values)[1:]})


def test_every_kind_has_published_fields() -> None:
    assert FIELDS.keys() == set(LeafKind)
