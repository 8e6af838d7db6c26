"""Clients that ask without a pause and write down every answer; a program, run in a host's network.

    python -m tests.systemd.load URL KEY FILE CLIENTS

Until SIGTERM. Half of the clients keep their connection, half make one for each request; none tries again. A
line of FILE is one prediction: when it was sent, how long it took, whether it succeeded, and what was wrong
if not.
"""

import asyncio
import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import httpx2 as httpx

TEXT = {"input": {"text": "The crew were lovely and we landed early!"}}
#: Longer than any pause that an upgrade may make.
PATIENCE_S = 60.0


async def ask(client: httpx.AsyncClient) -> dict[str, Any]:
    """Ask for one prediction and see it through to its end."""
    sent, began = time.time(), time.monotonic()
    wrong: str | None = None
    try:
        answer = await client.post("/v1/predictions", json=TEXT, headers={"Prefer": "wait=30"})
        while answer.status_code == 202 or answer.json().get("status") in ("starting", "processing"):
            answer = await client.get(answer.json()["urls"]["get"], headers={"Prefer": "wait=30"})
        body = answer.json()
        if answer.status_code not in (200, 201) or body.get("status") != "succeeded":
            wrong = f"{answer.status_code} {body.get('status')}"
    except (httpx.HTTPError, ValueError, KeyError) as error:
        wrong = repr(error)
    return {"sent": sent, "ms": round((time.monotonic() - began) * 1000, 1), "wrong": wrong}


async def run(url: str, key: str, file: Path, clients: int) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    options = {"base_url": url, "headers": {"Authorization": f"Bearer {key}"}, "timeout": PATIENCE_S}

    async def keep_asking(number: int, lines: Any) -> None:
        kept = httpx.AsyncClient(**options)
        while not stop.is_set():
            if number % 2:
                seen = await ask(kept)
            else:
                async with httpx.AsyncClient(**options) as new:
                    seen = await ask(new)
            lines.write(json.dumps(seen) + "\n")
            await asyncio.sleep(0.02)
        await kept.aclose()

    with file.open("w") as lines:
        await asyncio.gather(*(keep_asking(number, lines) for number in range(clients)))


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])))
