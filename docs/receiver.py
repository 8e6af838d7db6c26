"""A webhook receiver in one screen: verifies each signature, prints what it says, answers 204.

python docs/receiver.py http://127.0.0.1:8000        # listens on http://127.0.0.1:9000/
"""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx2
from standardwebhooks import Webhook, WebhookVerificationError


class Receiver(BaseHTTPRequestHandler):
    """Takes webhooks. A delivery may come twice under one ``webhook-id``: remember those you have handled."""

    verifier: Webhook

    def do_POST(self) -> None:
        """Verify one delivery and print it; anything but 2xx makes the sender try again later."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            prediction = self.verifier.verify(body, dict(self.headers))
        except WebhookVerificationError as error:
            self.send_error(400, str(error))
            return
        output = prediction["output"] or {}
        print(prediction["id"], prediction["status"], output.get("label"), output.get("score"), flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing but what arrives."""


if __name__ == "__main__":
    gateway = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000"
    port = int(sys.argv[2]) if len(sys.argv) > 2 else 9000
    key = httpx2.get(f"{gateway}/v1/webhooks/default/secret").raise_for_status().json()["key"]
    Receiver.verifier = Webhook(key)
    print(f"listening on http://127.0.0.1:{port}/", flush=True)
    HTTPServer(("127.0.0.1", port), Receiver).serve_forever()
