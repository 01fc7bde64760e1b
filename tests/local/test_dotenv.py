from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from mastra_cli.errors import EnvFileRefused
from mastra_cli.local.dotenv import HEADING, EnvFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".env"


def test_a_new_file_is_private_and_says_who_wrote_it(path: Path) -> None:
    file = EnvFile(path)
    file.set({"DB_URL": "postgresql://postgres:s@127.0.0.1:5432/mastra", "POSTGRES_PORT": "5432"})
    file.write()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == (
        f"{HEADING}\nDB_URL=postgresql://postgres:s@127.0.0.1:5432/mastra\nPOSTGRES_PORT=5432\n"
    )


def test_what_is_not_ours_comes_through_byte_for_byte(path: Path) -> None:
    before = (
        b"\xef\xbb\xbf# caf\xc3\xa9\r\n\r\nexport OTHER = 'a # b'  # why\r\nMULTI=\"one\r\ntwo\"\r\n"
        b'export DB_URL="old"   # the database\r\nEMPTY=\r\nPOSTGRES_PORT\r\nOTHER=again'
    )
    path.write_bytes(before)
    file = EnvFile(path)
    file.set({"DB_URL": "new", "EMPTY": "x", "POSTGRES_PORT": "5433", "POSTGRES_DB": "mastra"})
    file.write()
    assert path.read_bytes() == (
        b"\xef\xbb\xbf# caf\xc3\xa9\r\n\r\nexport OTHER = 'a # b'  # why\r\nMULTI=\"one\r\ntwo\"\r\n"
        b'export DB_URL="new"   # the database\r\nEMPTY=x\r\nPOSTGRES_PORT=5433\r\nOTHER=again\r\n'
        b"\r\n" + HEADING.encode() + b"\r\nPOSTGRES_DB=mastra\r\n"
    )


def test_of_several_lines_with_one_name_the_last_is_edited(path: Path) -> None:
    path.write_text("DB_URL=a\nX=1\nDB_URL=b # note\n")
    file = EnvFile(path)
    file.set({"DB_URL": "c"})
    assert file.content == b"DB_URL=a\nX=1\nDB_URL=c # note\n"


def test_values_that_are_there_already_are_not_touched(path: Path) -> None:
    path.write_text("DB_URL='same'  \n")
    file = EnvFile(path)
    file.set({"DB_URL": "same"})
    assert not file.changed()


def test_an_open_file_loses_the_bits_of_group_and_others(path: Path) -> None:
    path.write_text("A=1\n")
    path.chmod(0o664)
    file = EnvFile(path)
    file.set({"POSTGRES_PASSWORD": "s"})
    assert file.write()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_symlink_is_refused(path: Path) -> None:
    (path.parent / "real").write_text("A=1\n")
    path.symlink_to("real")
    with pytest.raises(EnvFileRefused, match="is a symlink; passwords are not written through one"):
        EnvFile(path)


def test_a_line_that_does_not_parse_is_named_and_not_shown(path: Path) -> None:
    path.write_text("A=1\n\nSECRET='hunter2\nB=2\n")
    with pytest.raises(EnvFileRefused, match=r"\.env line 3 is not NAME=value") as caught:
        EnvFile(path)
    assert "hunter2" not in str(caught.value)


def test_bytes_that_are_no_text_are_refused(path: Path) -> None:
    path.write_bytes(b"A=\xff\n")
    with pytest.raises(EnvFileRefused, match="is not UTF-8 text"):
        EnvFile(path)


@pytest.mark.skipif(sys.platform == "win32", reason="has no pipe with a name")
def test_a_pipe_is_refused_without_waiting_for_a_writer(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(EnvFileRefused, match="is a device or a pipe"):
        EnvFile(path)


def test_a_directory_is_refused(path: Path) -> None:
    path.mkdir()
    with pytest.raises(EnvFileRefused, match="can not be read: Is a directory"):
        EnvFile(path)


LINES = st.lists(
    st.sampled_from(
        ["A=1", "# c", "", "export B='x y'", 'C="a#b" # d', "D = e  # f", "E", "DB_URL=old", "export DB_URL='o' #n",
         "DB_URL=", "DB_URL", 'DB_URL="a b"', "F='multi\nline'", "DB_URL=a b # c"]
    )
)  # fmt: skip


@given(lines=LINES, newline=st.sampled_from(["\n", "\r\n"]), end=st.booleans(),
       value=st.text(st.characters(exclude_characters="\0\r\n$", exclude_categories=("Cs",)), max_size=20))  # fmt: skip
def test_what_was_set_is_read_back_and_nothing_else_changes(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], newline: str, end: bool, value: str
) -> None:
    path = tmp_path_factory.mktemp("env") / ".env"
    path.write_bytes((newline.join(lines) + (newline if end else "")).encode())
    before = dotenv_values(path)
    file = EnvFile(path)
    file.set({"DB_URL": value})
    file.write()
    after = dotenv_values(path)
    assert after.pop("DB_URL") == value
    before.pop("DB_URL", None)
    assert after == before
