"""A volume keeps the password it was made with: how a newer one from `.env` gets into it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import unicodedata
from typing import Any

from mastra_cli.errors import DatabaseUnreachable
from mastra_cli.local.compose_schema import ServiceConfig
from mastra_cli.local.docker_engine import Client
from mastra_cli.settings import parts_of

# psql reads the names from its own environment: nothing secret on a command line, and what reaches the server
# and its log is a verifier, from which no password can be had. The local socket asks for none.
_SCRIPT = r"""
exec psql -X -q -v ON_ERROR_STOP=1 -h /var/run/postgresql -U "$MASTRA_ADMIN" -d postgres <<'PSQL'
\set role `printf %s "$MASTRA_ROLE"`
\set verifier `printf %s "$MASTRA_VERIFIER"`
ALTER ROLE :"role" PASSWORD :'verifier';
PSQL
"""
_ROUNDS = 4096


def repair(client: Client, container: str, service: ServiceConfig, url: str) -> None:
    """Give the URL's role the URL's password, through the container's local socket."""
    role, password, _, _ = parts_of(url)
    made = client.api.exec_create(
        container,
        ["sh", "-c", _SCRIPT],
        environment={
            "MASTRA_ADMIN": service.variable("POSTGRES_USER") or "postgres",
            "MASTRA_ROLE": role,
            "MASTRA_VERIFIER": verifier(password),
        },
        user=service.user or "postgres",
    )
    output: bytes = client.api.exec_start(made["Id"])
    result: dict[str, Any] = client.api.exec_inspect(made["Id"])
    if result["ExitCode"] != 0:
        said = " ".join(output.decode("utf-8", "replace").split())
        raise DatabaseUnreachable(
            f"the password in the volume could not be changed: {said}",
            sqlstate="28P01",
            hint="put the old password back into .env, or begin anew, without the data: "
            "`mastra engine down --volumes`",
        )


def verifier(password: str) -> str:
    """What Postgres stores for a password (SCRAM-SHA-256, RFC 5803)."""
    salt = secrets.token_bytes(16)
    # SASLprep, as far as passwords go; what it forbids Postgres takes as it is.
    prepared = password if password.isascii() else unicodedata.normalize("NFKC", password)
    salted = hashlib.pbkdf2_hmac("sha256", prepared.encode(), salt, _ROUNDS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${_ROUNDS}:{encoded[0]}${encoded[1]}:{encoded[2]}"
