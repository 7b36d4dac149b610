"""`axis health`: what the operators' page tells, on the command line."""

import shutil
from datetime import UTC, datetime, timedelta

from axis.cli.main import app
from tests.certificates import certificate, key_pem, pem
from tests.cli.conftest import Home


def test_it_tells_what_waits_how_full_the_node_is_and_which_certificates_end(home: Home) -> None:
    now = datetime.now(UTC)
    trust = home.path / "trust"
    trust.mkdir()
    (trust / "root.pem").write_bytes(pem(certificate("Gốc G1", now + timedelta(days=9, hours=1), authority=True)))
    found = home.axis("health", "--json").json
    assert set(found["waiting"]) == {
        *("push", "mark", "figure", "check", "evidence", "reminder", "event", "bulk", "leaf"),
    }
    assert (found["waiting"]["push"]["count"], found["waiting"]["leaf"]["late"]) == (0, False)
    assert found["storage"]["database_bytes"] > 100_000
    assert 0 < found["storage"]["disk_free_bytes"] < shutil.disk_usage(home.path).total
    ((subject, days, role),) = [(one["subject"], one["days_left"], one["role"]) for one in found["certificates"]]
    assert (subject, days, role) == ("CN=Gốc G1", 9, "anchor")
    told = home.axis("health").out
    assert ("Gốc G1" in told, "9 ngày" in told, "gói tin chờ chuyển cho đối tác" in told) == (True, True, True)


def test_the_nodes_own_server_certificate_is_told(home: Home) -> None:
    file, key = home.path / "keys" / "server.crt", home.path / "keys" / "server.key"
    file.write_bytes(pem(certificate("truc.invalid", datetime.now(UTC) - timedelta(days=3, hours=1))))
    key.write_bytes(key_pem())
    text = home.config.read_text()
    lines = f'[server]\ntls_certificate_file = "{file}"\ntls_key_file = "{key}"\n'
    home.config.write_text(text.replace("[server]\n", lines, 1))
    (one,) = home.axis("health", "--json").json["certificates"]
    assert (one["role"], one["days_left"]) == ("tls", -4)


def test_a_certificate_that_cannot_be_read_is_told(home: Home) -> None:
    (home.path / "trust").mkdir()
    (home.path / "trust" / "a.pem").write_text("no certificate")
    ran = home.axis("health")
    assert (ran.code, "a.pem" in ran.err) == (0, True)


def test_no_command_hides_another() -> None:
    names = [one.name or getattr(one.callback, "__name__", "") for one in app.registered_commands]
    names += [one.name or one.typer_instance.info.name for one in app.registered_groups if one.typer_instance]
    assert len(names) == len(set(names)), sorted(names)
