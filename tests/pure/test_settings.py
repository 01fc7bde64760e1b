from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastra_cli.errors import EnvFileRefused, InvalidArgument, NoDatabaseUrl
from mastra_cli.settings import database_url, mask, password_of, require_url, resolve, same_database

U = "postgresql://u:p@{}/d"


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / ".env"


ORDER = [
    ("environment", "DB_URL"),
    ("environment", "POSTGRES_CONNECTION_STRING"),
    (".env", "DB_URL"),
    (".env", "POSTGRES_CONNECTION_STRING"),
    ("environment", "DATABASE_URL"),
    (".env", "DATABASE_URL"),
]


@pytest.mark.parametrize("first", range(len(ORDER)))
def test_the_first_hit_wins(env: Path, first: int) -> None:
    present = ORDER[first:]
    environ = {name: U.format(f"e-{name}") for place, name in present if place == "environment"}
    env.write_text("".join(f"{name}={U.format(f'f-{name}')}\n" for place, name in present if place == ".env"))
    url = resolve(environ=environ).url
    assert url is not None
    assert (url.place, url.name) == ORDER[first]
    assert url.source == f"{ORDER[first][1]} in {'the environment' if ORDER[first][0] != '.env' else '.env'}"


def test_an_empty_value_is_no_value(env: Path) -> None:
    env.write_text(f"DB_URL={U.format('h')}\n")
    url = resolve(environ={"DB_URL": "  "}).url
    assert url is not None
    assert url.place == ".env"


def test_the_file_is_not_read_when_the_environment_decides(env: Path) -> None:
    env.write_text("BROKEN='\n")
    assert resolve(environ={"DB_URL": U.format("h")}).url is not None
    with pytest.raises(EnvFileRefused):
        resolve(environ={})


def test_direct_url_counts_only_beside_the_url_it_belongs_to(env: Path) -> None:
    direct = U.format("direct")
    env.write_text(f"DIRECT_URL={direct}\n")
    of_environment = resolve(environ={"DB_URL": U.format("h")})
    assert of_environment.direct_url is None
    assert of_environment.migration_url == of_environment.url
    alone = resolve(environ={})
    assert alone.url is None
    assert alone.migration_url is not None
    assert alone.migration_url.value == direct
    env.write_text(f"DB_URL={U.format('pooler')}\nDIRECT_URL={direct}\n")
    both = resolve(environ={"DIRECT_URL": U.format("other")})
    assert both.migration_url is not None
    assert both.migration_url.value == direct
    pair = resolve(environ={"DB_URL": U.format("h"), "DIRECT_URL": U.format("other")}).migration_url
    assert pair is not None
    assert (pair.name, pair.place) == ("DIRECT_URL", "environment")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+asyncpg"])
def test_the_schemes_are_one(env: Path, scheme: str) -> None:
    url = resolve(environ={"DB_URL": f"{scheme}://u:p%40@a:1,b:2/d?sslmode=require"}).url
    assert url is not None
    assert url.value == "postgresql://u:p%40@a:1,b:2/d?sslmode=require"


@pytest.mark.parametrize("value", ["mysql://u:secret@h/d", "host=h password=secret", "secret"])
def test_another_scheme_is_refused_without_showing_the_value(env: Path, value: str) -> None:
    with pytest.raises(InvalidArgument, match="DB_URL must be a postgresql:// URL") as caught:
        resolve(environ={"DB_URL": value})
    assert "secret" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("value", ["mysql://u:secret@h/d", "sqlite:///app.db", "file:./dev.db"])
def test_the_url_of_another_tools_database_is_passed_over(env: Path, value: str) -> None:
    env.write_text(f"DATABASE_URL={U.format('h')}\n")
    found = resolve(environ={"DATABASE_URL": value, "DIRECT_URL": value}).url
    assert found is not None
    assert found.source == "DATABASE_URL in .env"
    env.write_text(f"DATABASE_URL={value}\nDIRECT_URL={value}\n")
    assert resolve(environ={}).migration_url is None


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("?pgbouncer=true", ""),
        ("?schema=public&sslmode=require&connection_limit=1", "?sslmode=require"),
        ("?sslmode=require&application_name=schema", "?sslmode=require&application_name=schema"),
    ],
)
def test_options_of_prisma_do_not_reach_libpq(env: Path, query: str, kept: str) -> None:
    url = resolve(environ={"DB_URL": f"postgres://u:p@h:6543/d{query}"}).url
    assert url is not None
    assert url.value == f"postgresql://u:p@h:6543/d{kept}"


def test_no_url_names_the_next_command(env: Path) -> None:
    with pytest.raises(NoDatabaseUrl) as caught:
        require_url()
    assert str(caught.value) == (
        "no database URL: neither DB_URL nor POSTGRES_CONNECTION_STRING is set, in the environment or in .env"
    )
    assert caught.value.hint == "run `mastra engine add` for a database on this machine, or set DB_URL"


def test_a_repr_shows_no_password(env: Path) -> None:
    settings = resolve(
        environ={"DB_URL": "postgresql://u:s3cret@h/d", "DIRECT_URL": "postgresql://u:s3cret@h/d"}
    )
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("postgresql://u:p@h:1/d", "postgresql://u:***@h:1/d"),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
        ("postgresql://u:p@a,b/d?sslpassword=q&x=1", "postgresql://u:***@a,b/d?sslpassword=***&x=1"),
        ("postgresql:///d?password=q", "postgresql:///d?password=***"),
        ("postgresql://u:a/b@h/d", "postgresql://u:***@h/d"),
        ("postgresql://u:a@b@h/d", "postgresql://u:***@h/d"),
        ("postgresql://u:a?b#c@h/d", "postgresql://u:***@h/d"),
    ],
)
def test_a_masked_url_shows_all_but_the_password(url: str, masked: str) -> None:
    assert mask(url) == masked


@given(password=st.text(min_size=3, max_size=30))
def test_no_password_survives_masking(password: str) -> None:
    secret = f"Zq9{password}9qZ"
    for written in (secret, quote(secret, safe="")):
        assert "Zq9" not in mask(f"postgresql://user:{written}@host:5432/db")


@given(user=st.text(min_size=1), password=st.text(min_size=1), database=st.text(min_size=1))
def test_a_url_made_of_parts_gives_them_back(user: str, password: str, database: str) -> None:
    from psycopg.conninfo import conninfo_to_dict

    if any("\0" in part or not part.isprintable() for part in (user, password, database)):
        return
    url = database_url(user=user, password=password, port=5433, database=database)
    parts = conninfo_to_dict(url)
    assert (parts["user"], parts["password"], parts["dbname"]) == (user, password, database)
    assert (parts["host"], parts["port"]) == ("127.0.0.1", "5433")
    assert password_of(url) == password


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("postgresql://u:p@localhost:5432/d", "postgresql://x:y@127.0.0.1/d?sslmode=disable", True),
        ("postgresql://u:p@[::1]:5432/d", "postgresql://x@127.0.0.1:5432/d", True),
        ("postgresql://u:p@h:5432/d", "postgresql://u:p@h:5433/d", False),
        ("postgresql://u:p@h:5432/d", "postgresql://u:p@h:5432/e", False),
        ("postgresql://d@h", "postgresql://x@h/d", True),
    ],
)
def test_one_database_under_two_urls(a: str, b: str, same: bool) -> None:
    assert same_database(a, b) is same
