"""Is a port of this machine free, and who holds it when it is not."""

from __future__ import annotations

import errno
import re
import shutil
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from mastra_cli.errors import PortTaken

_LISTEN = "0A"  # TCP_LISTEN in /proc/net/tcp
# They only forward to a container, which is the answer.
_FORWARDERS = ("docker-proxy", "rootlessport", "rootlesskit", "com.docker", "vpnkit", "colima", "limactl",
               "ssh", "OrbStack", "gvproxy", "wslrelay")  # fmt: skip


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen at `host:port` now; the server's own bind is the last judge."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # As servers do, or a connection in TIME_WAIT would look like one. On Windows it means the reverse.
        if sys.platform == "win32":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE or sys.platform == "win32":
                return False
            # Not ours to bind (below 1024, an address of a virtual machine): somebody else's server may.
    if sys.platform == "linux":
        return True
    # macOS lets a bind to 127.0.0.1 pass beside a server on every interface.
    with suppress(OSError), socket.create_connection((host, port), timeout=0.5):
        return False
    return True


def next_free(port: int, host: str = "127.0.0.1") -> int:
    """The first free port from `port` on."""
    for candidate in range(port, 65536):
        if is_free(host, candidate):
            return candidate
    raise PortTaken(f"no port from {port} up is free on {host}", hint="name a lower one with --port")


def who_holds(port: int) -> str | None:
    """`container shop-db-1`, `process 4711 (postgres)`, `a process of user postgres`; None: not found out."""
    process = _process(port) if Path("/proc/net/tcp").exists() else _process_by_lsof(port)
    name = process.partition("(")[2] if process else ""
    if not process or not process.startswith("process") or name.startswith(_FORWARDERS):
        # Late: the SDK takes its time to load.
        from mastra_cli.local.docker_things import publisher

        return publisher(port) or process
    return process


def _process(port: int) -> str | None:
    inodes: set[str] = set()
    owners: set[int] = set()
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path("/proc/net", table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    inodes.add(f"socket:[{fields[9]}]")
                    owners.add(int(fields[7]))
    if not inodes:
        return None
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):  # another user's process, or one that ended meanwhile
                if any(str(fd.readlink()) in inodes for fd in (folder / "fd").iterdir()):
                    return f"process {folder.name} ({(folder / 'comm').read_text().strip()})"
    return f"a process of user {_user(min(owners))}"


def _user(uid: int) -> str:
    if sys.platform != "win32":
        import pwd

        with suppress(KeyError):
            return pwd.getpwuid(uid).pw_name
    return str(uid)


def _process_by_lsof(port: int) -> str | None:
    if not (lsof := shutil.which("lsof")):
        return None
    try:
        listing = subprocess.run(
            [lsof, "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc"], capture_output=True, text=True, timeout=3
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"^p(\d+)\nc(.+)$", listing, re.MULTILINE)
    return f"process {found[1]} ({found[2]})" if found else None
