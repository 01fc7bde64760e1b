"""A registry of images, small enough to read: what `docker pull` asks, and nothing else."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


class Registry:
    """Serves `127.0.0.1:PORT/NAME:TAG` for each image that is put in. An engine takes plain HTTP there."""

    def __init__(self, architecture: str) -> None:
        self._architecture = architecture
        self._answers: dict[str, tuple[str, bytes]] = {"/v2/": ("application/json", b"{}")}
        answers = self._answers

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                kind, body = answers.get(self.path, ("application/json", b""))
                self.send_response(200 if self.path in answers else 404)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                if "/manifests/" in self.path:
                    self.send_header("Docker-Content-Digest", _digest(body))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            do_HEAD = do_GET

            def log_message(self, format: str, *args: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.host = f"127.0.0.1:{self._server.server_address[1]}"

    def put(self, name: str, tag: str, layers: int, size: int, *, broken: bool = False) -> str:
        """An image of so many layers of random bytes; broken: a layer is not what its digest says."""
        blobs: list[bytes] = []
        plain: list[str] = []
        for number in range(layers):
            archive = io.BytesIO()
            with tarfile.open(fileobj=archive, mode="w") as tar:
                member = tarfile.TarInfo(f"file-{number}")
                member.size = size
                tar.addfile(member, io.BytesIO(os.urandom(size)))
            plain.append(_digest(archive.getvalue()))
            blobs.append(gzip.compress(archive.getvalue(), 1))
        config = json.dumps(
            {
                "architecture": self._architecture,
                "os": "linux",
                "config": {"Cmd": ["/none"]},
                "rootfs": {"type": "layers", "diff_ids": plain},
            }
        ).encode()
        describe = lambda blob, kind: {  # noqa: E731
            "mediaType": f"application/vnd.docker.{kind}",
            "size": len(blob),
            "digest": _digest(blob),
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": describe(config, "container.image.v1+json"),
            "layers": [describe(blob, "image.rootfs.diff.tar.gzip") for blob in blobs],
        }
        body = json.dumps(manifest).encode()
        for blob in (config, *blobs):
            spoilt = b"x" * len(blob) if broken and blob is blobs[-1] else blob
            self._answers[f"/v2/{name}/blobs/{_digest(blob)}"] = ("application/octet-stream", spoilt)
        for reference in (tag, _digest(body)):
            self._answers[f"/v2/{name}/manifests/{reference}"] = (MANIFEST, body)
        return f"{self.host}/{name}:{tag}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
