"""A 200 MB envelope is signed and verified; verifying it takes memory that does not grow with the file."""

import base64
import os
import threading
import time
from pathlib import Path

import psutil
import pytest

from axis.trust.envelope import verify_envelope
from axis.trust.model import Overall
from axis.trust.sealing import sign_envelope
from tests.trust import pki
from tests.trust.samples import envelope

SIZE = 200_000_000
GROWTH = 100_000_000


def write_large(path: Path) -> None:
    """A signed file of SIZE bytes."""
    content = base64.b64encode(os.urandom(SIZE * 3 // 4)).decode()
    path.write_bytes(sign_envelope(envelope(content=content), pki.signer("agency")))


@pytest.mark.long
def test_a_200_mb_envelope_is_verified_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.edxml"
    write_large(path)
    judge, process = pki.judge(pki.SOFT, pki.crls()), psutil.Process()
    small = tmp_path / "small.edxml"
    small.write_bytes(sign_envelope(envelope(), pki.signer("agency")))
    verify_envelope(small, judge, pki.AT)
    before, peak, done = process.memory_info().rss, [0], threading.Event()

    def watch() -> None:
        while not done.is_set():
            peak[0] = max(peak[0], process.memory_info().rss)
            time.sleep(0.005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    verdict = verify_envelope(path, judge, pki.AT)
    done.set()
    watcher.join()
    assert verdict.overall is Overall.VALID
    assert peak[0] > 0
    assert peak[0] - before < GROWTH
