"""What the gateway reads of MLflow's registry, answered by a server that starts in no time."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from contract import registry

#: Version 2 serves, 1 did before, 3 waits, 4 was refused.
ALIASES = {"champion": "2", "previous": "1", "challenger": "3"}
REFUSED = "macro F1 0.79 is below the champion's 0.84"


def _version(number: str) -> dict:
    is_refused = number == "4"
    tags = {
        registry.LABELS_TAG: '["negative", "positive"]',
        registry.METRICS_TAG: '{"accuracy": 0.9}',
        registry.GATE_TAG: "refused" if is_refused else "passed",
        registry.GATE_REASONS_TAG: REFUSED if is_refused else "better by 0.02",
    }
    told = [{"key": key, "value": value} for key, value in tags.items()]
    return {"name": "sentiment", "version": number, "creation_timestamp": 1_790_000_000_000, "tags": told}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if "registered-models/get" in self.path:
            aliases = [{"alias": alias, "version": version} for alias, version in ALIASES.items()]
            answer: dict = {"registered_model": {"name": "sentiment", "aliases": aliases}}
        else:
            answer = {"model_versions": [_version(str(number)) for number in range(1, 5)]}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def registering() -> Iterator[str]:
    """The server's address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
