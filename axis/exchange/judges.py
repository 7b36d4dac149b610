"""The judge in force, and how much each sender's signatures matter: in memory, compared with the truth every second.

A judge is made of the trust folder, the registered organisations and the revocation data that was fetched. When
one of them changes another judge is made; verdicts say by fingerprint which one they come from.
"""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog

from axis.delivery.directory import CurrentDirectory, Directory
from axis.organ.codes import codes_above
from axis.store import queries
from axis.store.records import Revocation, SignaturePolicy
from axis.store.store import Store
from axis.trust.certs import (
    Organisation,
    Organisations,
    RevocationData,
    TrustStore,
    load_trust_store,
    read_certificates,
    trust_store_of,
)
from axis.trust.occasion import Occasion
from axis.trust.paths import Judge
from axis.trust.policy import Policy

log = structlog.get_logger(__name__)

REFRESH_S = 0.8


DEFAULT_POLICY: Final = SignaturePolicy(
    organ_id=queries.ANY_SENDER, envelope="report", files="report", fail_closed=False
)
"""What holds for every sender while nobody has said anything."""


def nearest_policy(lineage: Iterable[str], policies: Mapping[str, SignaturePolicy]) -> SignaturePolicy:
    """The policy of a sender: its own, else its nearest ancestor's, else that of any other. lineage: itself first."""
    own = next((policies[code] for code in lineage if code in policies), None)
    return own or policies.get(queries.ANY_SENDER, DEFAULT_POLICY)


class Judges:
    """Keeps the judge and the signature policies in force."""

    def __init__(
        self, store: Store, directory: CurrentDirectory, folder: Path, rules: Policy, node_code: str = ""
    ) -> None:
        """folder: the trust store; where there is none, nobody is trusted. rules: of every check.

        node_code: of the organisation that runs the node, whose key signs what the node composes.
        """
        self._store = store
        self._directory = directory
        self._folder = folder
        self._rules = rules
        self._node_code = node_code
        self._seen: object = None
        self._judge = Judge(TrustStore(), rules)
        self._policies: dict[str, SignaturePolicy] = {}

    @property
    def current(self) -> Judge:
        """The judge in force."""
        return self._judge

    def policy_for(self, organ_id: str) -> SignaturePolicy:
        """The policy of a sender: its own, else its nearest ancestor's, else that of any other."""
        return nearest_policy(self._directory.current.registry.lineage(organ_id), self._policies)

    def occasion(self, organ_id: str, at: datetime, *, ours: bool = False) -> Occasion:
        """For a check of a sender's package: whose certificates may sign it. ours: the node composed it."""
        registry = self._directory.current.registry
        superiors = {*registry.lineage(organ_id), *codes_above(organ_id)}
        if ours:
            superiors.add(registry.canonical(self._node_code))
        return Occasion(
            at=at,
            senders=frozenset({organ_id}),
            superiors=frozenset(superiors - {organ_id}),
            issuers=self._issuers(organ_id),
        )

    def _issuers(self, organ_id: str) -> frozenset[str]:
        """Which authorities count for a sender: as the nearest policy says that says anything of it."""
        for code in (*self._directory.current.registry.lineage(organ_id), queries.ANY_SENDER):
            policy = self._policies.get(code)
            if policy is not None and policy.issuers is not None:
                return frozenset(policy.issuers.split())
        return frozenset()

    async def refresh(self) -> bool:
        """Make another judge if anything that it is made of has changed. Returns whether it had."""
        directory = self._directory.current
        fetched_at = await self._store.read(queries.revocation_version)
        seen = (directory.version, fetched_at, await asyncio.to_thread(_listing, self._folder))
        if seen == self._seen:
            return False
        policies = await self._store.read(queries.signature_policies)
        fetched = await self._store.read(queries.current_revocation)
        contents = [(row, await self._store.blobs.read_bytes(row.sha256_hex)) for row in fetched]
        self._judge = await asyncio.to_thread(self._build, directory, contents)
        self._policies = {policy.organ_id: policy for policy in policies}
        self._seen = seen
        log.info("trust_reloaded", fingerprint=self._judge.trust_fingerprint, revocation=len(contents))
        return True

    async def keep_fresh(self) -> None:
        """Refresh for ever; a failure is logged and tried again, the old judge stays in force meanwhile."""
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                await self.refresh()
            except Exception:
                log.exception("trust_reload_failed")

    def _build(self, directory: Directory, contents: list[tuple[Revocation, bytes]]) -> Judge:
        trust = load_trust_store(self._folder) if self._folder.is_dir() else TrustStore()
        issuers = [c for row, content in contents if row.kind == "issuer" for c in read_certificates(content)]
        # A fetched certificate helps to build a path, and is never an anchor: a stranger named its address.
        helpers = trust_store_of([certificate for certificate in issuers if not certificate.self_signed])
        trust = TrustStore(
            anchors=trust.anchors,
            intermediates=trust.intermediates + helpers.intermediates,
            revocation=trust.revocation,
        )
        revocation = RevocationData(
            crls=tuple(content for row, content in contents if row.kind == "crl"),
            ocsps=tuple(content for row, content in contents if row.kind == "ocsp"),
        )
        return Judge(trust, self._rules, _organisations(directory), revocation)


def _organisations(directory: Directory) -> Organisations:
    return Organisations.of(
        Organisation(
            code=organ.organ_id,
            # a certificate that was issued before a new name still bears the old one
            names=(organ.name, *(former.name for former in directory.former_names(organ.organ_id))),
            codes=directory.aliases_of(organ.organ_id),
        )
        for organ in directory.organs()
    )


def _listing(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """What changes when a file of the folder does."""
    if not folder.is_dir():
        return ()
    found = ((path, path.stat()) for path in sorted(folder.rglob("*")) if path.is_file())
    return tuple((str(path), stat.st_mtime_ns, stat.st_size) for path, stat in found)
