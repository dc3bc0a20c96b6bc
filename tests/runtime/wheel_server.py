"""A web server on this machine that serves files well or badly, and notes what it was asked for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class WheelServer:
    """How it serves; to be changed by tests at any time.

    Parameters
    ----------
    folder : of the files
    ranges : whether it sends parts of files
    cut_after : of the first answers' bodies, this many bytes are sent before the connection ends
    cuts : how many answers are cut
    refusals : status codes of the first answers
    instead : content that is sent in place of a file's
    more : bytes that are sent after a file's own
    pause_s : wait after each chunk of 256 bytes
    requests : what was asked for: name, and first byte
    """

    folder: Path
    address: str = ""
    ranges: bool = True
    cut_after: int = 0
    cuts: int = 0
    refusals: list[int] = field(default_factory=list)
    instead: dict[str, bytes] = field(default_factory=dict)
    more: bytes = b""
    pause_s: float = 0.0
    requests: list[tuple[str, int]] = field(default_factory=list)


@contextmanager
def serving(folder: Path) -> Iterator[WheelServer]:
    """Serve a folder until the end of the block."""
    state = WheelServer(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.lstrip("/")
            asked = self.headers.get("Range", "")
            start = int(asked.removeprefix("bytes=").partition("-")[0]) if asked else 0
            state.requests.append((name, start))
            if state.refusals:
                self.send_error(state.refusals.pop(0))
                return
            path = state.folder / name
            content = state.instead.get(name) or (path.read_bytes() if path.is_file() else None)
            if content is None:
                self.send_error(404)
                return
            if asked and state.ranges and start >= len(content):
                self.send_error(416)
                return
            self._send(content, start if state.ranges else 0)

        def _send(self, content: bytes, start: int) -> None:
            body = content[start:] + state.more
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if state.cuts:
                state.cuts -= 1
                body = body[: state.cut_after]
            for place in range(0, len(body), 256):
                self.wfile.write(body[place : place + 256])
                self.wfile.flush()
                time.sleep(state.pause_s)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            pass  # a client that was killed half-way is part of the tests

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
