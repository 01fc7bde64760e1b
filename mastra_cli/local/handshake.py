"""Why does a server take no connection? One startup by hand.

libpq tells it only in words, which are translated; the server tells it as a SQLSTATE.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import socket
import ssl
import struct
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROTOCOL = 3 << 16
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_LONGEST_MESSAGE = 1 << 16
_MOST_ROUNDS = 1_000_000


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Refused, unreachable, or a listener that says nothing: waiting may help."""

    reason: str


@dataclass(frozen=True, slots=True)
class NoTls:
    """The server lives, but TLS as the URL asks for it can not be had."""

    reason: str


@dataclass(frozen=True, slots=True)
class Stranger:
    """What answers is no Postgres."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The server's own answer; `sqlstate` None: it asks for a login that can not be done here."""

    sqlstate: str | None
    said: str | None = None


@dataclass(frozen=True, slots=True)
class Welcome:
    """It let us in."""


Outcome = NoAnswer | NoTls | Stranger | Refused | Welcome


def greet(parameters: Mapping[str, str], *, timeout: float) -> Outcome:
    """Log in with libpq's connection parameters (`host` and `hostaddr` name one server) and hang up."""
    try:
        with _open(parameters, timeout) as connection:
            tls = _secure(connection, parameters)
            if not isinstance(tls, socket.socket):
                return tls
            with tls:
                return _log_in(tls, parameters)
    except ssl.SSLError as error:
        verification = getattr(error, "verify_message", None)
        return NoTls(str(verification or error.reason or "the TLS handshake failed"))
    except (_NotPostgres, struct.error, KeyError):
        return Stranger()
    except TimeoutError:
        return NoAnswer("no answer in time")
    except OSError as error:
        return NoAnswer(error.strerror or "no connection")


class _NotPostgres(Exception):
    pass


def _open(parameters: Mapping[str, str], timeout: float) -> socket.socket:
    host, port = parameters.get("host", ""), parameters.get("port") or "5432"
    family: int | None = getattr(socket, "AF_UNIX", None)
    if family is not None and host.startswith(("/", "@")) and not parameters.get("hostaddr"):
        connection = socket.socket(family, socket.SOCK_STREAM)
        connection.settimeout(timeout)
        path = f"{host}/.s.PGSQL.{port}"
        try:
            connection.connect(f"\0{path[1:]}" if host.startswith("@") else path)
        except OSError:
            connection.close()
            raise
        return connection
    return socket.create_connection((parameters.get("hostaddr") or host or "localhost", int(port)), timeout)


def _secure(connection: socket.socket, parameters: Mapping[str, str]) -> socket.socket | NoTls:
    mode = parameters.get("sslmode") or "prefer"
    if mode in ("disable", "allow") or connection.family == getattr(socket, "AF_UNIX", None):
        return connection
    connection.sendall(_SSL_REQUEST)
    match _exactly(connection, 1):
        case b"S":
            try:
                context = _context(mode, parameters.get("sslrootcert", ""))
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or "it holds no certificate"
                return NoTls(f"sslrootcert={parameters.get('sslrootcert')}: {reason}")
            return context.wrap_socket(connection, server_hostname=parameters.get("host") or None)
        case b"E":  # too many processes, too little memory: it has said so before any protocol
            raise ConnectionRefusedError(0, "it can not start a session")
        case b"N":
            return connection if mode == "prefer" else NoTls("the server offers none")
        case _:
            raise _NotPostgres


def _context(mode: str, root: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = mode == "verify-full"
    if mode not in ("verify-ca", "verify-full"):
        # As libpq does: `require` asks for encryption alone.
        context.verify_mode = ssl.CERT_NONE
    elif root != "system":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = mode == "verify-full"
        context.load_verify_locations(root or Path("~/.postgresql/root.crt").expanduser())
    return context


def _log_in(connection: socket.socket, parameters: Mapping[str, str]) -> Outcome:
    user, password = parameters.get("user", ""), parameters.get("password", "")
    fields = ("user", user, "database", parameters.get("dbname") or user, "client_encoding", "UTF8")
    body = struct.pack("!i", _PROTOCOL) + b"".join(field.encode() + b"\0" for field in fields) + b"\0"
    connection.sendall(struct.pack("!i", len(body) + 4) + body)
    scram: _Scram | None = None
    while True:
        kind, body = _message(connection)
        if kind == b"E":
            return _refusal(body)
        if kind == b"Z":
            with suppress(OSError):
                _send(connection, b"X", b"")
            return Welcome()
        if kind != b"R":
            if kind not in (b"S", b"K", b"N", b"v"):
                raise _NotPostgres
            continue
        (method,), rest = struct.unpack_from("!i", body), body[4:]
        match method:
            case 0 | 12:  # in; or the server's proof, which libpq is the one to check
                pass
            case 3:
                _send(connection, b"p", password.encode() + b"\0")
            case 5:
                _send(
                    connection,
                    b"p",
                    b"md5" + _md5(_md5(password.encode() + user.encode()) + rest[:4]) + b"\0",
                )
            case 10 if b"SCRAM-SHA-256" in rest.split(b"\0"):
                scram = _Scram(password)
                first = scram.first()
                _send(connection, b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(first)) + first)
            case 11 if scram is not None:
                _send(connection, b"p", scram.final(rest))
            case _:
                return Refused(None)


def _md5(content: bytes) -> bytes:
    return hashlib.md5(content, usedforsecurity=False).hexdigest().encode()


class _Scram:
    """The client's half of SCRAM-SHA-256 without channel binding (RFC 5802, RFC 7677)."""

    def __init__(self, password: str) -> None:
        # All of SASLprep that passwords meet; libpq does the rest.
        self._password = unicodedata.normalize("NFKC", password).encode()
        self._bare = b"n=,r=" + secrets.token_urlsafe(18).encode()

    def first(self) -> bytes:
        return b"n,," + self._bare

    def final(self, challenge: bytes) -> bytes:
        parts = dict(part.split(b"=", 1) for part in challenge.split(b","))
        salted = hashlib.pbkdf2_hmac(
            "sha256", self._password, base64.b64decode(parts[b"s"]), int(parts[b"i"])
        )
        key = hmac.digest(salted, b"Client Key", "sha256")
        unproven = b"c=biws,r=" + parts[b"r"]
        signed = b",".join((self._bare, challenge, unproven))
        signature = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
        proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
        return unproven + b",p=" + base64.b64encode(proof)


def _refusal(body: bytes) -> Refused:
    fields = {field[:1]: field[1:].decode("utf-8", "replace") for field in body.split(b"\0") if field}
    return Refused(fields.get(b"C"), fields.get(b"M"))


def _send(connection: socket.socket, kind: bytes, body: bytes) -> None:
    connection.sendall(kind + struct.pack("!i", len(body) + 4) + body)


def _message(connection: socket.socket) -> tuple[bytes, bytes]:
    kind, length = struct.unpack("!ci", _exactly(connection, 5))
    if not 4 <= length <= _LONGEST_MESSAGE:
        raise _NotPostgres
    return kind, _exactly(connection, length - 4)


def _exactly(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        chunk = connection.recv(size - len(received))
        if not chunk:
            raise ConnectionResetError(0, "the connection was closed without an answer")
        received += chunk
    return received
