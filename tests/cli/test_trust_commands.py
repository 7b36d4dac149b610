"""What a node knows and wants of signatures: certificates, policies, verdicts, another look."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes

from axis.demo.pki import Seal, load_pair
from axis.demo.processes import NodeProcess
from tests.cli.conftest import Home, Ran
from tests.cli.sealed import Sealed, sealed


@pytest.fixture
def city() -> Sealed:
    return sealed()


# --- cert -------------------------------------------------------------------------------------------------------------


def test_the_certificates_of_the_trust_folder_are_listed_the_first_to_expire_first(city: Sealed, home: Home) -> None:
    assert home.axis("cert", "list", "--json").json == []
    shutil.copytree(city.pki.trust, home.path / "trust")
    (home.path / "trust" / "tsa").mkdir()
    shutil.copy(city.pki.tsa, home.path / "trust" / "tsa")
    found = home.axis("cert", "list", "--json").json
    assert [one["role"] for one in found] == ["trusted", "authority", "anchor", "authority", "anchor"]
    assert [one["days_left"] for one in found] == sorted(one["days_left"] for one in found)
    assert found[0]["purposes"] == ["tsa"]
    assert found[0]["days_left"] in (1824, 1825)
    assert sorted(found[1]["purposes"]) == ["agency", "system", "tls", "tsa"]
    told = home.axis("cert", "list")
    assert (told.code, "Axis Demo TSA" in told.out, f"{found[0]['days_left']} ngày" in told.out) == (0, True, True)


def test_a_folder_with_something_else_under_a_certificates_name_is_refused(home: Home) -> None:
    (home.path / "trust").mkdir()
    (home.path / "trust" / "a.pem").write_text("no certificate")
    (home.path / "trust" / "b.crl").write_bytes(b"no list")
    assert home.axis("cert", "list").code == 2


# --- policy -----------------------------------------------------------------------------------------------------------


def test_a_policy_is_set_kept_in_part_and_leaves_an_audit_line(home: Home) -> None:
    assert home.axis("policy", "list", "--json").json == []
    assert home.axis("policy", "set", "*", "--envelope", "warn").code == 0
    assert home.axis("policy", "set", "H24.3", "--envelope", "require", "--files", "warn", "--fail-closed").code == 0
    assert home.axis("policy", "set", "H24.3", "--files", "off").code == 0
    assert home.axis("policy", "list", "--json").json == [
        {"organ": "*", "envelope": "warn", "files": "report", "fail_closed": False, "issuers": None},
        {"organ": "H24.3", "envelope": "require", "files": "off", "fail_closed": True, "issuers": None},
    ]
    told = home.axis("policy", "list")
    assert (told.code, "H24.3" in told.out, "503" in told.out) == (0, True, True)
    with closing(sqlite3.connect(home.path / "axis.db")) as database:
        kinds = database.execute("SELECT kind, actor FROM audit WHERE kind LIKE 'signature%'").fetchall()
    assert kinds == [("signature_policy_set", "cli")] * 3


def test_a_policy_for_a_code_of_the_old_form_is_the_organisations(home: Home) -> None:
    assert home.axis("policy", "set", "000.00.03.H24", "--envelope", "require").code == 0
    (found,) = home.axis("policy", "list", "--json").json
    assert found["organ"] == "H24.3"
    unknown = home.axis("policy", "set", "G99", "--envelope", "warn")
    assert (unknown.code, "G99 is not registered here" in unknown.err) == (0, True)


def test_authorities_are_named_by_file_or_digits_and_inherited(city: Sealed, home: Home) -> None:
    shutil.copytree(city.pki.trust, home.path / "trust")
    listed = {one["subject"]: one["sha256"] for one in home.axis("cert", "list", "--json").json}
    g2 = next(sha256 for subject, sha256 in listed.items() if "CA chuyên dùng G2" in subject)

    def issuers(organ: str = "H24.3") -> object:
        return {one["organ"]: one["issuers"] for one in home.axis("policy", "list", "--json").json}.get(organ)

    by_file = city.pki.authority("ca-g1")
    assert home.axis("policy", "set", "H24.3", "--issuers", by_file, "--issuers", g2[:10].upper()).code == 0
    g1 = load_pair(by_file, city.pki.authority_key("ca-g1")).certificate.fingerprint(hashes.SHA256()).hex()
    assert issuers() == sorted([g1, g2])
    assert home.axis("policy", "set", "H24.3", "--files", "warn").code == 0
    assert issuers() == sorted([g1, g2])  # what is not named stays
    assert g2[:16] in home.axis("policy", "list").out
    for wrong in (g2[:4], "0" * 64, city.pki.certificate("H24.3")):  # too few digits, nobody's, no authority's
        assert home.axis("policy", "set", "H24.3", "--issuers", wrong).code == 2
    assert issuers() == sorted([g1, g2])
    assert home.axis("policy", "set", "H24.3", "--issuers", "any").code == 0
    assert issuers() == []
    assert home.axis("policy", "set", "H24.3", "--issuers", "inherit").code == 0
    assert issuers() is None


def test_the_nodes_own_certificate_is_listed(city: Sealed, home: Home) -> None:
    key, certificate = city.pki.key("H24.5", Seal.SYSTEM), city.pki.certificate("H24.5", Seal.SYSTEM)
    text = home.config.read_text()
    text = text.replace("[signing]\n", f'[signing]\nkey_file = "{key}"\ncertificate_file = "{certificate}"\n', 1)
    home.config.write_text(text)
    (own,) = [one for one in home.axis("cert", "list", "--json").json if one["role"] == "own"]
    assert own["organ"] == "H24.5"
    assert 1_800 < own["days_left"] <= 1_826
    home.config.write_text(text.replace(str(key), str(home.path / "none.key")))
    assert home.axis("cert", "list").code == 2
    assert home.axis("serve").code == 2  # a key that was promised and is not there is no detail


def test_an_unknown_level_is_refused(home: Home) -> None:
    assert home.axis("policy", "set", "*", "--envelope", "maybe").code == 2
    assert home.axis("policy", "list", "--json").json == []


# --- verdicts, beside a running node ----------------------------------------------------------------------------------


@pytest.fixture
async def node(city: Sealed, home: Home) -> AsyncIterator[NodeProcess]:
    """A node that trusts the demo's authorities, without revocation data yet."""
    city.trust_without_crls(home.path / "trust")
    added = await asyncio.to_thread(home.axis, "system", "add", "so-xd", "--serves", "H24.3")
    (home.path / "so-xd.secret").write_text(added.json["secret"] + "\n")
    added = await asyncio.to_thread(home.axis, "system", "add", "p-le-chan", "--serves", "H24.42")
    process = home.process()
    await process.start()
    yield process
    await process.stop()


@pytest.mark.usefixtures("node")
async def test_verdicts_are_listed_and_another_look_adds_one(city: Sealed, home: Home, tmp_path: Path) -> None:
    """One node for all of it: starting one takes longer than everything else."""

    async def axis(*arguments: object) -> Ran:
        return await asyncio.to_thread(home.axis, *arguments)

    async def verdicts(about: str, last: str) -> list[dict[str, object]]:
        """All verdicts, once the last one says so."""
        async with asyncio.timeout(60):
            while True:
                found = (await axis("verdicts", about, "--json")).json
                if found and found[-1]["overall"] == last:
                    return list(found)
                await asyncio.sleep(0.2)

    file = tmp_path / "letter.edxml"
    file.write_bytes(await asyncio.to_thread(city.letter))
    sent = await axis("send", file, "--system", "so-xd")
    assert sent.code == 0, sent.err
    doc_id = sent.out.strip()
    first = await verdicts(doc_id, "indeterminate")
    assert first[0]["cause"] == "intake"
    assert first[0]["verdict"]["overall"] == "indeterminate"  # type: ignore[index]

    for crl in city.pki.trust.glob("*.crl"):
        shutil.copy(crl, home.path / "trust")
    async with asyncio.timeout(60):
        while True:  # the node reads its folder again within a second
            assert (await axis("recheck", doc_id)).code == 0
            await asyncio.sleep(1)
            if (await axis("verdicts", doc_id, "--json")).json[-1]["overall"] == "valid":
                break
    later = await verdicts(doc_id, "valid")
    assert later[: len(first)] == first  # an earlier verdict is never replaced
    assert later[-1]["verdict"]["parts"][0]["overall"] == "valid"  # type: ignore[index]
    (document,) = (await axis("status", doc_id, "--json")).json["documents"]
    by_document_id = (await axis("verdicts", document["document_id"], "--json")).json
    assert by_document_id == later
    told = await axis("verdicts", doc_id)
    assert (told.code, "Chữ ký hợp lệ" in told.out, "Chưa kết luận được" in told.out) == (0, True, True)

    met = (await axis("cert", "list", "--json")).json
    assert {one["organ"] for one in met if one["role"] == "met"} == {"H24.3"}

    assert (await axis("policy", "set", "H24.3", "--envelope", "require")).code == 0
    file.write_bytes(await asyncio.to_thread(city.letter, signed=False))
    async with asyncio.timeout(60):
        while (refused := await axis("send", file, "--system", "so-xd")).code == 0:
            file.write_bytes(await asyncio.to_thread(city.letter, signed=False))
    assert refused.code == 1
    plain = await asyncio.to_thread(city.letter, signed=False)
    file.write_bytes(city.seals.sign_package(plain, "H24.42", Seal.AGENCY))
    foreign = await axis("send", file, "--system", "so-xd")
    assert foreign.code == 1
    file.write_bytes(await asyncio.to_thread(city.letter))
    assert (await axis("send", file, "--system", "so-xd")).code == 0

    assert (await axis("verdicts", "nobody's")).code == 1
    assert (await axis("recheck", "nobody's")).code == 1
