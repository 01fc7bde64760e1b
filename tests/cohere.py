"""A local server that speaks Cohere's rerank API."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Cohere:
    """Scores documents by a table; answers the replies of `first` before that."""

    def __init__(self, scores: dict[str, float], first: list[tuple[int, Any]] | None = None) -> None:
        self.asked: list[tuple[dict[str, str], Any]] = []
        replies = list(first or [])
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append((dict(self.headers), question))
                assert self.path == "/v2/rerank"
                if replies:
                    status, answer = replies.pop(0)
                else:
                    results = [
                        {"index": index, "relevance_score": scores[text]}
                        for index, text in enumerate(question["documents"])
                    ]
                    results.sort(key=lambda each: -each["relevance_score"])
                    status, answer = 200, {"id": "x", "results": results[: question["top_n"]]}
                body = b"<html>" if answer is None else json.dumps(answer).encode()
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "http://127.0.0.1:9/elsewhere")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Cohere:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
