"""A TCP proxy before a test server that understands Postgres message boundaries, and breaks what it is told to."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any, Literal

FRONTEND = {
    "Q": "Query", "P": "Parse", "B": "Bind", "D": "Describe", "E": "Execute", "S": "Sync", "C": "Close",
    "H": "Flush", "X": "Terminate", "d": "CopyData", "c": "CopyDone", "f": "CopyFail", "p": "Password",
}  # fmt: skip
BACKEND = {
    "R": "Authentication", "S": "ParameterStatus", "K": "BackendKeyData", "Z": "ReadyForQuery",
    "1": "ParseComplete", "2": "BindComplete", "3": "CloseComplete", "C": "CommandComplete", "D": "DataRow",
    "T": "RowDescription", "t": "ParameterDescription", "n": "NoData", "I": "EmptyQuery", "E": "Error",
    "N": "Notice", "G": "CopyIn", "H": "CopyOut", "d": "CopyData", "c": "CopyDone", "s": "PortalSuspended",
}  # fmt: skip
# The messages without a type, by their code.
UNTYPED = {80877102: "Cancel", 80877103: "SSL?", 80877104: "GSS?"}

Side = Literal["client", "server"]


class Framing:
    """Bytes in, whole messages out: (name, bytes)."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.untyped = side == "client"
        self.single_bytes = 0
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        self._buffer += data
        while message := self._next():
            yield message

    def _next(self) -> tuple[str, bytes] | None:
        buffer = self._buffer
        if self.single_bytes and buffer:
            self.single_bytes -= 1
            return f"{chr(buffer[0])}!", self._take(1)
        head = 0 if self.untyped else 1
        if len(buffer) < head + 4:
            return None
        [length] = struct.unpack_from("!I", buffer, head)
        if len(buffer) < head + length:
            return None
        message = self._take(head + length)
        if self.untyped:
            name = UNTYPED.get(struct.unpack_from("!I", message, 4)[0], "Startup")
            self.untyped = name.endswith("?")
            return name, message
        names = FRONTEND if self.side == "client" else BACKEND
        return names[chr(message[0])], message

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken


class _Link:
    """One connection of a client, and the one to the server that belongs to it."""

    def __init__(self, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self.writers = {"client": near, "server": far}
        self.framings: dict[str, Framing] = {"client": Framing("client"), "server": Framing("server")}
        self.commits = False

    def abort(self) -> None:
        for writer in self.writers.values():
            one: socket.socket | None = writer.get_extra_info("socket")
            if one is not None and one.fileno() >= 0:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


class Proxy:
    """Forwards to a server on this machine. Its faults are attributes, which may be set at any time.

    Messages are counted over all connections and both directions, from `arm` on.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.heal()
        self.messages: list[str] = []
        self._links: set[_Link] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server: asyncio.Server = self._run(
            asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=256)
        )
        self.port: int = self._server.sockets[0].getsockname()[1]

    # -- faults -------------------------------------------------------------------------------------------

    def heal(self) -> None:
        """No fault from now on."""
        self.latency = 0.0
        """Seconds that each piece of data is held."""
        self.slice: int | None = None
        """Bytes a packet."""
        self.hole: set[Side] = set()
        """What the client says, or the server, is taken and never passed on."""
        self.down = False
        """New connections are reset at once."""
        self._kill: int | None = None
        self._stay_down = False
        self._reset: tuple[Side, int] | None = None
        self._commit: Literal["reset", "silence"] | None = None
        self.fired = False
        """Whether the fault that waits for its moment has happened."""

    def arm(self) -> None:
        """Forget the messages so far."""
        self.messages = []

    def kill_at(self, message: int, *, stay_down: bool = False) -> None:
        """Reset the connection at this message (1, 2, ...), which is not passed on; then take new ones, or none."""
        self.arm()
        self.fired, self._kill, self._stay_down = False, message, stay_down

    def reset_after(self, count: int, side: Side = "server", *, stay_down: bool = False) -> None:
        """Reset the connection when that side has said so many bytes more; then take new ones, or none."""
        self.fired, self._reset, self._stay_down = False, (side, count), stay_down

    def swallow_commit(self, then: Literal["reset", "silence"] = "reset", *, stay_down: bool = False) -> None:
        """Pass on the next COMMIT, and keep its answer; then reset the connection, or be silent on it."""
        self.fired, self._commit, self._stay_down = False, then, stay_down

    def cut(self) -> None:
        """Reset all connections."""
        self._run(self._cut())

    async def _cut(self) -> None:
        for link in self._links:
            link.abort()

    # -- forwarding ---------------------------------------------------------------------------------------

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.down:
            _Link(writer, writer).abort()
            return
        try:
            far_reader, far = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            _Link(writer, writer).abort()
            return
        link = _Link(writer, far)
        for one in (writer, far):
            one.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._links.add(link)
        pumps = (self._pump(link, "client", reader, far), self._pump(link, "server", far_reader, writer))
        try:
            await asyncio.gather(*pumps, return_exceptions=True)
        finally:
            self._links.discard(link)
            for one in (writer, far):
                one.close()

    async def _pump(
        self, link: _Link, side: Side, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            while data := await reader.read(65536):
                if self.latency:
                    await asyncio.sleep(self.latency)
                out = bytearray()
                for name, message in link.framings[side].feed(data):
                    if name.endswith("?"):
                        link.framings["server"].single_bytes += 1
                    verdict = self._judge(link, side, name, message)
                    if verdict == "pass":
                        out += message
                    elif verdict == "kill":
                        # What came before it arrives.
                        await self._send(link, side, writer, out)
                        link.abort()
                        return
                await self._send(link, side, writer, out)
        except OSError:
            pass
        finally:
            if not writer.is_closing():
                writer.close()

    def _judge(self, link: _Link, side: Side, name: str, message: bytes) -> Literal["pass", "drop", "kill"]:
        self.messages.append(f"{side}:{name}")
        if self._kill is not None and not self.fired and len(self.messages) >= self._kill:
            self.fired, self.down = True, self._stay_down
            return "kill"
        if side == "client" and self._commit and not self.fired and _is_commit(name, message):
            self.fired, link.commits, self.down = True, True, self._stay_down
        elif side == "server" and link.commits:
            return "kill" if self._commit == "reset" and name == "ReadyForQuery" else "drop"
        return "drop" if side in self.hole else "pass"

    async def _send(self, link: _Link, side: Side, writer: asyncio.StreamWriter, data: bytearray) -> None:
        if self._reset is not None and self._reset[0] == side and not self.fired:
            left = self._reset[1]
            if left <= len(data):
                writer.write(bytes(data[:left]))
                await writer.drain()
                self.fired, self.down = True, self._stay_down
                link.abort()
                return
            self._reset = side, left - len(data)
        step = self.slice or max(len(data), 1)
        for start in range(0, len(data), step):
            writer.write(bytes(data[start : start + step]))
            await writer.drain()
            if self.slice:
                await asyncio.sleep(0)

    # -- its life -----------------------------------------------------------------------------------------

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def url(self, database: str) -> str:
        """The way through here to a database, named or given as its direct URL."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database.rpartition('/')[2]}"

    def close(self) -> None:
        self._run(self._closed())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _closed(self) -> None:
        self._server.close()
        await self._cut()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        if tasks:
            await asyncio.wait(tasks, timeout=5)

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _is_commit(name: str, message: bytes) -> bool:
    if name == "Query":
        return message[5:].lstrip().upper().startswith(b"COMMIT")
    if name == "Parse":
        return message[5:].partition(b"\0")[2].lstrip().upper().startswith(b"COMMIT")
    return False
