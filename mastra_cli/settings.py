"""Where the database is: the environment and `.env`, read once, in one order, for CLI and library alike."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from mastra_cli.errors import EnvFileRefused, InvalidArgument, NoDatabaseUrl

# First hit wins. DATABASE_URL comes last: other tools set it for a database of their own.
URL_NAMES = ("DB_URL", "POSTGRES_CONNECTION_STRING")
OTHER_TOOLS_NAME = "DATABASE_URL"
DIRECT_NAME = "DIRECT_URL"

# Options of Prisma's own, as in the URLs that Supabase shows; libpq refuses an option that it does not know.
_OF_PRISMA = ("schema", "pgbouncer", "connection_limit", "pool_timeout", "statement_cache_size")
_SCHEME = re.compile(r"postgres(?:ql)?(?:\+\w+)?")
_SECRET_PARAMETERS = re.compile(r"(?i)([?&](?:password|sslpassword|oauth_client_secret)=)[^&]*")


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """A database URL with the name and the place it was found under. Its repr shows no password."""

    value: str = field(repr=False)
    """A URI as libpq takes it, password included."""
    name: str
    """`DB_URL`, `POSTGRES_CONNECTION_STRING`, `DATABASE_URL`, `DIRECT_URL`, or `url` for an argument."""
    place: str
    """`environment`, the path of a `.env` file, or `argument`."""

    @property
    def masked(self) -> str:
        """The URL with `***` for the password."""
        return mask(self.value)

    @property
    def source(self) -> str:
        """`DB_URL in the environment`, `DB_URL in .env`, for messages."""
        if self.place == "environment":
            return f"{self.name} in the environment"
        return self.name if self.place == "argument" else f"{self.name} in {self.place}"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment and `.env` say about the database."""

    url: DatabaseUrl | None
    direct_url: DatabaseUrl | None
    """For migrations only, where `url` leads to a pooler; from the same source as `url`."""

    @property
    def migration_url(self) -> DatabaseUrl | None:
        return self.direct_url or self.url


def mask(url: str) -> str:
    """The URL with `***` in place of each password."""
    scheme, separator, rest = url.partition("://")
    # A password that was not percent-encoded may hold `/`, `?`, `#`, `@`: the last `@` ends it all the same.
    userinfo, at, tail = rest.rpartition("@")
    user, colon, _ = userinfo.partition(":")
    if separator and at and colon:
        url = f"{scheme}://{user}:***@{tail}"
    return _SECRET_PARAMETERS.sub(r"\1***", url)


def password_of(url: str) -> str | None:
    """The decoded password of a URL, wherever it stands in it."""
    parts = urlsplit(url)
    userinfo, at, _ = parts.netloc.rpartition("@")
    _, colon, password = userinfo.partition(":")
    if at and colon:
        return unquote(password)
    return dict(parse_qsl(parts.query)).get("password")


def libpq_url(url: str, name: str = "url") -> str:
    """The URL as libpq takes it; another scheme is refused.

    Left out is what is another tool's own: SQLAlchemy's name of a driver, Prisma's options.
    """
    scheme, separator, rest = url.strip().partition("://")
    if not separator or not _SCHEME.fullmatch(scheme):
        shown = f"{scheme}://..." if separator and re.fullmatch(r"[\w+.-]+", scheme) else "something else"
        raise InvalidArgument(
            f"{name} must be a postgresql:// URL, and is {shown}",
            hint=f"set {name}=postgresql://USER:PASSWORD@HOST:5432/DATABASE",
        )
    before, _, query = rest.partition("?")
    if "@" not in query:  # or the `?` is one of a password that was not percent-encoded
        kept = [option for option in query.split("&") if option.partition("=")[0] not in _OF_PRISMA]
        rest = "?".join(filter(None, (before, "&".join(kept))))
    return f"postgresql://{rest}"


def read_env_file(path: Path) -> dict[str, str]:
    """The variables of a `.env` file; `{}` when it is not there."""
    from dotenv import dotenv_values
    from dotenv.parser import parse_stream

    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except UnicodeDecodeError as error:
        raise EnvFileRefused(
            f"{path} is not UTF-8 text", hint="save it as UTF-8, or name another file with --env-file"
        ) from error
    except OSError as error:
        raise EnvFileRefused(
            f"{path} can not be read: {error.strerror}",
            hint="make it a file that this user may read, or name another file with --env-file",
        ) from error
    import io

    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            # The line itself may be a secret: only its number is shown.
            lead = len(binding.original.string) - len(binding.original.string.lstrip("\r\n"))
            line = binding.original.line + binding.original.string[:lead].count("\n")
            raise EnvFileRefused(
                f"{path} line {line} is not NAME=value",
                hint=f"mend line {line}: close its quotes, or put a # before it",
            )
    return {k: v for k, v in dotenv_values(stream=io.StringIO(text)).items() if v is not None}


def environment() -> Mapping[str, str]:
    """The process's environment, for those who may not read it themselves."""
    return os.environ


def resolve(env_file: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """The database URL of this process; `env_file` defaults to `.env` in the working directory.

    First hit wins: environment `DB_URL`, environment `POSTGRES_CONNECTION_STRING`, the file's `DB_URL`, the
    file's `POSTGRES_CONNECTION_STRING`, then `DATABASE_URL` of the environment, then of the file. An empty
    value is no value; a `DATABASE_URL` of another kind of database is passed over. The file is not read when
    the environment decides alone.
    """
    environ = os.environ if environ is None else environ
    path = env_file or Path(".env")

    def pick(source: Mapping[str, str], place: str, *names: str) -> DatabaseUrl | None:
        for name in names:
            if value := source.get(name, "").strip():
                return DatabaseUrl(libpq_url(value, name), name, place)
        return None

    def pick_postgres(name: str) -> DatabaseUrl | None:
        for source, place in ((environ, "environment"), (file, str(path))):
            if _SCHEME.fullmatch(source.get(name, "").strip().partition("://")[0]):
                return pick(source, place, name)
        return None

    url = pick(environ, "environment", *URL_NAMES)
    if url:
        return Settings(url, pick(environ, "environment", DIRECT_NAME))
    file = read_env_file(path)
    url = pick(file, str(path), *URL_NAMES) or pick_postgres(OTHER_TOOLS_NAME)
    if not url:
        direct = pick_postgres(DIRECT_NAME)
    elif url.place == "environment":
        direct = pick(environ, "environment", DIRECT_NAME)
    else:
        direct = pick(file, str(path), DIRECT_NAME)
    return Settings(url, direct)


def require_url(env_file: Path | None = None) -> DatabaseUrl:
    """The URL that `resolve` finds, or `NoDatabaseUrl`."""
    url = resolve(env_file).url
    if url is None:
        raise no_url(env_file)
    return url


def no_url(env_file: Path | None = None) -> NoDatabaseUrl:
    return NoDatabaseUrl(
        f"no database URL: neither DB_URL nor POSTGRES_CONNECTION_STRING is set, "
        f"in the environment or in {env_file or '.env'}",
        hint="run `mastra engine add` for a database on this machine, or set DB_URL",
    )


def database_url(*, user: str, password: str, port: int, database: str, host: str = "127.0.0.1") -> str:
    """A URL of these parts, each percent-encoded where it must be."""
    user, password, database = (quote(part, safe="") for part in (user, password, database))
    return f"postgresql://{user}:{password}@{host}:{port}/{database}"


def parts_of(url: str) -> tuple[str, str, int, str]:
    """User, password, port and database of a URL with one host."""
    parts = urlsplit(url)
    user = unquote(parts.username or "")
    return user, password_of(url) or "", parts.port or 5432, unquote(parts.path.lstrip("/")) or user


def with_login_of(url: str, other: str) -> str:
    """The URL with the user and the password of another one."""
    scheme, separator, rest = url.partition("://")
    login = other.partition("://")[2].rpartition("@")[0]
    return f"{scheme}{separator}{login}@{rest.rpartition('@')[2]}"


def same_database(one: str, other: str) -> bool:
    """Whether two URLs lead to one database of one server; users, passwords and options do not count."""
    return _address(one) == _address(other)


def _address(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return url, ""  # a `[` that is no IPv6 address: an unencoded password
    query = dict(parse_qsl(parts.query))
    userinfo, _, hosts = parts.netloc.rpartition("@")
    user = unquote(userinfo.partition(":")[0])
    places: list[str] = []
    for place in (hosts or query.get("host", "localhost")).split(","):
        host, _, port = place.rpartition(":") if re.search(r":\d*$", place) else (place, "", "")
        host = unquote(host).lower()
        host = "127.0.0.1" if host in ("", "localhost", "[::1]", "::1") else host
        places.append(f"{host}:{port or query.get('port', '5432')}")
    return ",".join(places), unquote(parts.path.lstrip("/")) or query.get("dbname") or user
