"""LitServe: batches of up to 64, its ZeroMQ queue, one worker beside one server process."""

from typing import Any

import litserve

from benchmarks.peers import model
from benchmarks.peers.peer import Answer

LARGEST = 64
#: How long a batch waits for company.
PATIENCE_S = 0.002


class Api(litserve.LitAPI):
    """A text in, an answer out."""

    def setup(self, device: str) -> None:
        del device
        model.load()

    def decode_request(self, request: dict[str, Any], **_: Any) -> str:
        text: str = request["input"]["text"]
        return text

    def predict(self, x: list[str], **_: Any) -> list[Answer]:
        return model.answers(list(x))

    def encode_response(self, output: Answer, **_: Any) -> Answer:
        return output


def run(path: str, port: int) -> None:
    """Serve until SIGTERM."""
    api = Api(max_batch_size=LARGEST, batch_timeout=PATIENCE_S, api_path=path)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1, fast_queue=True)
    server.run(host="127.0.0.1", port=port, log_level="warning", generate_client_file=False, access_log=False)
