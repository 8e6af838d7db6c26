"""A client on the gateway's own host: the gateway binds only the loopback address.

``python -m tests.scale.sender URL COUNT``: sends so many texts, prints their ids as a JSON list, then waits
for each and prints how it ended, as a JSON object a line.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx2


def main(url: str, count: int) -> None:
    with httpx2.Client(base_url=url, timeout=70, trust_env=False) as http, ThreadPoolExecutor(8) as senders:

        def create(number: int) -> str:
            body = {"input": {"text": f"slow text {number}"}}
            return http.post("/v1/predictions", json=body).raise_for_status().json()["id"]

        def ended(id: str) -> dict:
            answer = http.get(f"/v1/predictions/{id}", headers={"Prefer": "wait"}).raise_for_status()
            return {name: answer.json()[name] for name in ("id", "status", "attempts")}

        ids = list(senders.map(create, range(count)))
        print(json.dumps(ids), flush=True)
        for prediction in senders.map(ended, ids):
            print(json.dumps(prediction), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
