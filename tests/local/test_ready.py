from __future__ import annotations

import os
import re
import signal
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from mastra_cli.errors import DatabaseUnreachable, InvalidArgument, MastraError, PermissionDenied
from mastra_cli.local.ready import ServerInfo, probe, wait_until_ready
from tests.servers import Server, free_port

SECRET = "s3cret%/@: #?x"
METHODS = {"scram": "scram-sha-256", "md5": "md5", "plain": "password"}


@pytest.fixture(scope="module")
def strict() -> Iterator[Server]:
    """A server that asks for passwords in each way, on TCP and on its socket."""
    server = Server()
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute("SET client_min_messages = error")
        for user in METHODS:
            admin.execute(f"SET password_encryption = '{'md5' if user == 'md5' else 'scram-sha-256'}'")
            admin.execute(f"CREATE ROLE {user} LOGIN PASSWORD '{SECRET}'")
        admin.execute("CREATE ROLE full_house LOGIN CONNECTION LIMIT 0")
        admin.execute("CREATE DATABASE closed")
        admin.execute("REVOKE CONNECT ON DATABASE closed FROM PUBLIC")
    rules = [f"{place} all {user} {net} {method}\n" for user, method in METHODS.items()
             for place, net in (("host", "127.0.0.1/32"), ("local", ""))]  # fmt: skip
    trusted = [f"host all {user} 127.0.0.1/32 trust\n" for user in ("postgres", "full_house", "nobody_here")]
    (server.data / "pg_hba.conf").write_text("".join(rules + trusted))
    server.stop("fast")
    server.start()
    yield server
    server.close()


def url_of(
    server: Server, user: str, password: str = SECRET, database: str = "postgres", rest: str = ""
) -> str:
    return f"postgresql://{user}:{quote(password, safe='')}@127.0.0.1:{server.port}/{database}{rest}"


def failure(url: str, *, timeout: float = 30, within: float = 2.0) -> MastraError:
    """What `wait_until_ready` raises, which must come quickly and show nothing secret."""
    began = time.monotonic()
    with pytest.raises(MastraError) as caught:
        wait_until_ready(url, timeout=timeout)
    assert time.monotonic() - began < within
    error = caught.value
    shown = "".join(traceback.format_exception(error)) + repr(error) + str(error.hint) + str(vars(error))
    assert SECRET not in shown
    assert quote(SECRET, safe="") not in shown
    assert error.hint
    return error


@pytest.mark.parametrize("user", METHODS)
def test_a_good_login_is_answered_with_the_versions(strict: Server, user: str) -> None:
    info = wait_until_ready(url_of(strict, user), timeout=10)
    assert re.fullmatch(r"18\.\d+", info.server)
    assert re.fullmatch(r"0\.\d+\.\d+", info.pgvector or "")  # offered, not installed


def test_the_installed_pgvector_is_the_one_told(admin: psycopg.Connection, empty_database: str) -> None:
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector")
        connection.execute("UPDATE pg_extension SET extversion = '0.1' WHERE extname = 'vector'")
    major, minor = divmod(admin.info.server_version, 10000)
    assert probe(empty_database) == ServerInfo(f"{major}.{minor}", "0.1")


@pytest.mark.parametrize("user", METHODS)
def test_a_wrong_password_fails_at_once(strict: Server, user: str) -> None:
    error = failure(url_of(strict, user, SECRET + "!"))
    assert isinstance(error, DatabaseUnreachable)
    assert error.sqlstate == "28P01"
    assert str(error) == (
        f"postgresql://{user}:***@127.0.0.1:{strict.port}/postgres refused the login: "
        f'wrong password or user: password authentication failed for user "{user}"'
    )
    assert error.hint == "mend the user or the password in the URL"


def test_a_missing_password_is_said(strict: Server) -> None:
    error = failure(f"postgresql://scram@127.0.0.1:{strict.port}/postgres")
    assert str(error).endswith("the URL has no password")


def test_a_wrong_password_on_a_unix_socket_fails_at_once(strict: Server) -> None:
    url = f"postgresql://scram:x@/postgres?host={quote(str(strict.folder), safe='')}&port={strict.port}"
    assert "wrong password or user" in str(failure(url))
    assert wait_until_ready(url.replace(":x@", f":{quote(SECRET, safe='')}@"), timeout=5).server


@pytest.mark.parametrize("user", METHODS)
def test_a_missing_database_fails_at_once(strict: Server, user: str) -> None:
    error = failure(url_of(strict, user, database="nowhere"))
    assert isinstance(error, DatabaseUnreachable)
    assert error.sqlstate == "3D000"
    assert 'no such database: database "nowhere" does not exist' in str(error)
    assert error.hint == "create the database, or mend its name in the URL"


def test_a_missing_user_fails_at_once(strict: Server) -> None:
    assert "no such user" in str(failure(f"postgresql://nobody_here@127.0.0.1:{strict.port}/postgres"))


def test_a_host_that_pg_hba_does_not_let_in_fails_at_once(strict: Server) -> None:
    error = failure(f"postgresql://stranger@127.0.0.1:{strict.port}/postgres")
    assert "pg_hba.conf does not let it in" in str(error)


def test_a_role_without_connect_fails_at_once(strict: Server) -> None:
    error = failure(url_of(strict, "scram", database="closed"))
    assert isinstance(error, PermissionDenied)
    assert error.hint == "an admin runs: GRANT CONNECT ON DATABASE ... TO ..."


def test_tls_that_the_server_does_not_offer_fails_at_once(strict: Server) -> None:
    error = failure(url_of(strict, "scram", rest="?sslmode=require"))
    assert "refuses TLS as the URL asks for it (sslmode=require): the server offers none" in str(error)


def test_a_password_beyond_ascii_is_not_taken_for_a_wrong_one(strict: Server) -> None:
    with psycopg.connect(strict.url(), autocommit=True) as admin:
        admin.execute("SET password_encryption = 'scram-sha-256'")
        admin.execute("ALTER ROLE scram PASSWORD 'pässwörd ﬁ'")
    try:
        assert "no such database" in str(failure(url_of(strict, "scram", "pässwörd ﬁ", database="nowhere")))
    finally:
        with psycopg.connect(strict.url(), autocommit=True) as admin:
            admin.execute(f"ALTER ROLE scram PASSWORD '{SECRET}'")


@pytest.mark.parametrize("answer", [b"R\0\0\0\x04", b"R\0\0\0\x06xx", b"R\xff\xff\xff\xff", b"T\0\0\0\x04"])
def test_a_server_that_speaks_nonsense_fails_at_once(answer: bytes) -> None:
    with listener(answer) as port:
        error = failure(f"postgresql://u:{quote(SECRET, safe='')}@127.0.0.1:{port}/db?sslmode=disable")
    assert "what listens there is no Postgres" in str(error)


def test_a_broken_tls_server_fails_at_once() -> None:
    with listener(b"S" + b"no TLS here" * 9) as port:
        error = failure(f"postgresql://u:{quote(SECRET, safe='')}@127.0.0.1:{port}/db?sslmode=require")
    assert "refuses TLS as the URL asks for it" in str(error)


def test_a_certificate_that_is_not_there_fails_at_once(strict: Server) -> None:
    with listener(b"S") as port:
        error = failure(f"postgresql://u@127.0.0.1:{port}/db?sslmode=verify-full&sslrootcert=/nowhere.pem")
    assert "sslrootcert=/nowhere.pem: No such file or directory" in str(error)


def test_an_option_that_libpq_refuses_fails_at_once(strict: Server) -> None:
    error = failure(url_of(strict, "scram", rest="?target_session_attrs=standby"))
    assert "lets us in, but not as the URL asks for" in str(error)
    assert error.hint == "mend the options in the URL"


def test_another_kind_of_server_fails_at_once() -> None:
    with listener(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        error = failure(f"postgresql://u@127.0.0.1:{port}/db")
    assert "what listens there is no Postgres" in str(error)


@pytest.mark.parametrize("url", [f"postgresql://u:{SECRET}@h/db", "postgresql://u:s3cret%zz@h/db"])
def test_a_url_that_can_not_be_read_shows_nothing_of_the_password(url: str) -> None:
    with pytest.raises(MastraError) as caught:
        wait_until_ready(url, timeout=0.5)
    shown = "".join(traceback.format_exception(caught.value)) + str(caught.value.hint)
    assert "s3cret" not in shown.replace(url, "")
    if "zz" in url:
        assert isinstance(caught.value, InvalidArgument)
        assert "percent-encode" in str(caught.value.hint)


@pytest.mark.parametrize("password", ["s3cret@home", "s3cret@home/s3cret"])
def test_an_at_sign_in_a_password_is_not_waited_for(password: str) -> None:
    with pytest.raises(InvalidArgument, match="more than one @") as caught:
        wait_until_ready(f"postgresql://u:{password}@127.0.0.1/db", timeout=30)
    assert "s3cret" not in f"{caught.value} {caught.value.hint}"
    assert "@ is %40" in str(caught.value.hint)


def test_an_sslmode_that_there_is_not_is_named() -> None:
    with pytest.raises(InvalidArgument, match="asks for sslmode=on, which there is not") as caught:
        wait_until_ready("postgresql://u@127.0.0.1:1/db?sslmode=on", timeout=30)
    assert "verify-full" in str(caught.value.hint)


def test_no_server_is_waited_for_until_the_deadline() -> None:
    port = free_port()
    error = failure(f"postgresql://u:{quote(SECRET, safe='')}@127.0.0.1:{port}/db", timeout=0.6, within=1.2)
    assert str(error) == (
        f"postgresql://u:***@127.0.0.1:{port}/db does not answer: Connection refused; waited 0.6 s"
    )
    assert "mastra engine up" in str(error.hint)


def test_an_unknown_host_is_waited_for_until_the_deadline() -> None:
    error = failure("postgresql://u@nowhere.invalid/db", timeout=0.6, within=2)
    assert "does not answer" in str(error)
    assert "waited 0.6 s" in str(error)


def test_a_deaf_listener_holds_nobody_past_the_deadline() -> None:
    with listener(None) as port:
        error = failure(f"postgresql://u@127.0.0.1:{port}/db", timeout=1, within=1.5)
    assert "no answer" in str(error)


def test_a_stopped_server_holds_nobody_past_the_deadline(strict: Server) -> None:
    pid = int((strict.data / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGSTOP)
    try:
        assert "no answer" in str(failure(url_of(strict, "scram"), timeout=1, within=1.5))
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_server_without_a_free_connection_is_waited_for(strict: Server) -> None:
    url = f"postgresql://full_house@127.0.0.1:{strict.port}/postgres"
    error = failure(url, timeout=0.5)
    assert 'has no connection left: too many connections for role "full_house"; waited 0.5 s' in str(error)
    with psycopg.connect(strict.url(), autocommit=True) as admin:
        admin.execute("ALTER ROLE full_house CONNECTION LIMIT 1")
        assert wait_until_ready(url, timeout=5).server
        admin.execute("ALTER ROLE full_house CONNECTION LIMIT 0")


def test_a_server_that_starts_meanwhile_is_waited_for_and_starting_up_too() -> None:
    server = Server()
    try:
        server.stop("fast")
        (server.data / "standby.signal").touch(0o644)
        with (server.data / "postgresql.auto.conf").open("a") as file:
            file.write("hot_standby = off\n")  # answers every login with 57P03 until it is promoted
        threading.Timer(0.3, server.start).start()
        with pytest.raises(DatabaseUnreachable, match="starting up or shutting down") as caught:
            wait_until_ready(server.url(), timeout=2)
        assert caught.value.sqlstate == "57P03"
        promotion = threading.Timer(0.3, lambda: server._run("pg_ctl", "-D", str(server.data), "promote"))
        promotion.start()
        assert wait_until_ready(server.url(), timeout=20).server
        promotion.join()
    finally:
        server.close()


def test_the_wait_ends_when_the_server_is_known_to_be_dead() -> None:
    calls: list[int] = []

    def alive() -> None:
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError("the container died")

    with pytest.raises(RuntimeError, match="died"):
        wait_until_ready(f"postgresql://u@127.0.0.1:{free_port()}/db", timeout=30, alive=alive)


def test_of_several_hosts_the_living_one_answers(strict: Server) -> None:
    hosts = f"127.0.0.1:{free_port()},127.0.0.1:{strict.port}"
    assert probe(f"postgresql://scram:{quote(SECRET, safe='')}@{hosts}/postgres").server
    assert "wrong password or user" in str(failure(f"postgresql://scram:x@{hosts}/postgres"))
    swapped = ",".join(reversed(hosts.split(",")))
    assert "wrong password or user" in str(failure(f"postgresql://scram:x@{swapped}/postgres"))


def test_a_deaf_first_host_does_not_hide_the_living_second(strict: Server) -> None:
    with listener(None) as port:
        hosts = f"127.0.0.1:{port},127.0.0.1:{strict.port}"
        assert wait_until_ready(f"postgresql://scram:{quote(SECRET, safe='')}@{hosts}/postgres", timeout=10)


def test_a_service_file_is_followed(strict: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "services.conf"
    text = f"[shop]\nhost=127.0.0.1\nport={strict.port}\nuser=scram\ndbname=postgres\npassword="
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    file.write_text(f"{text}{SECRET}\n")
    assert probe("postgresql://?service=shop").server
    file.write_text(f"{text}wrong\n")
    assert "wrong password or user" in str(failure("postgresql://?service=shop"))


class listener:
    """A TCP server that says `answer` to whoever says something, or nothing at all."""

    def __init__(self, answer: bytes | None) -> None:
        self.answer = answer
        self.server = socket.create_server(("127.0.0.1", 0))
        self.kept: list[socket.socket] = []

    def __enter__(self) -> int:
        threading.Thread(target=self._serve, daemon=True).start()
        return self.server.getsockname()[1]

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            self.kept.append(client)
            if self.answer is not None:
                with closing(client):
                    client.recv(1000)
                    client.sendall(self.answer)
                    client.settimeout(0.2)
                    try:
                        client.recv(1000)
                    except OSError:
                        pass

    def __exit__(self, *_: object) -> None:
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        for client in self.kept:
            client.close()
