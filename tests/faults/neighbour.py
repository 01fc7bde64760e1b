"""Another machine on the wire, as far as the kernel is concerned: a network namespace and a cable to it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

# At which of the addresses the port answers, asked all at once; a refusal and silence are both "no".
ASK = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from socket import create_connection
port, *addresses = sys.argv[1:]
def answers(address):
    try:
        create_connection((address, int(port)), timeout=1.5).close()
        return True
    except OSError:
        return False
with ThreadPoolExecutor(len(addresses)) as pool:
    print(json.dumps([a for a, yes in zip(addresses, pool.map(answers, addresses)) if yes]))
"""


def ip(*words: str) -> str:
    assert shutil.which("ip"), "no ip: apt-get install iproute2"
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Neighbour:
    """Another machine in the same network; what is for anybody else it sends to this one."""

    namespace: str
    cable: str
    """Our end of it."""

    def reaches(self, port: int, addresses: list[str]) -> list[str]:
        """The addresses at which the port answers it."""
        command = [sys.executable, "-c", ASK, str(port), *addresses]
        return json.loads(ip("netns", "exec", self.namespace, *command))


@contextmanager
def neighbour() -> Iterator[Neighbour]:
    number = os.getpid() % 2**14
    name, near, far = f"mastra-{os.getpid()}", f"mastra{number}a", f"mastra{number}b"
    # 198.18.0.0/15 is for tests between networks, 2001:db8::/32 for examples.
    networks: list[IPv4Network | IPv6Network] = [IPv4Network((0xC6120000 + 4 * number, 30))]
    if Path("/proc/net/if_inet6").exists():
        networks.append(IPv6Network(f"2001:db8:{number:x}::/64"))
    ip("netns", "add", name)
    try:
        ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", name)
        inside = ("-n", name)
        for network in networks:
            early = ["nodad"] if network.version == 6 else []
            ip("addr", "add", f"{network[1]}/{network.prefixlen}", "dev", near, *early)
            ip(*inside, "addr", "add", f"{network[2]}/{network.prefixlen}", "dev", far, *early)
        ip("link", "set", near, "up")
        ip(*inside, "link", "set", far, "up")
        for network in networks:
            ip(*inside, f"-{network.version}", "route", "add", "default", "via", str(network[1]))
        # It has no loopback of its own: what it asks of 127.0.0.1 it sends to us too.
        ip("netns", "exec", name, "sh", "-c", f"echo 1 >/proc/sys/net/ipv4/conf/{far}/route_localnet")
        ip(*inside, "route", "add", "127.0.0.1/32", "via", str(networks[0][1]))
        yield Neighbour(name, near)
    finally:
        ip("netns", "del", name)  # the cable goes with it


def addresses() -> list[str]:
    """Those of this machine that others may use."""
    links = json.loads(ip("-j", "addr", "show", "up"))
    return [
        info["local"] for link in links for info in link.get("addr_info", []) if info["scope"] == "global"
    ]


@contextmanager
def listener() -> Iterator[int]:
    """The port of a server that takes everybody, at every address."""
    dual = socket.has_dualstack_ipv6()
    family, every = (socket.AF_INET6, "::") if dual else (socket.AF_INET, "0.0.0.0")
    with socket.create_server((every, 0), family=family, dualstack_ipv6=dual, backlog=50) as server:
        yield server.getsockname()[1]


def is_loopback_only(port: int, forged: list[str]) -> None:
    """A neighbour reaches this machine at each of its addresses, and the port at none, which answers here.

    `forged`: addresses that no honest neighbour sends to us.
    """
    with neighbour() as other, listener() as open_port:
        everywhere = addresses()
        assert len(everywhere) >= 2
        assert sorted(other.reaches(open_port, everywhere)) == sorted(everywhere)
        assert other.reaches(port, [*forged, *everywhere]) == []
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
