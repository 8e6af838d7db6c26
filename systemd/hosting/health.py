"""Whether this host answers: its units run, the gateway is ready, and a prediction comes back.

A host that has workers and no gateway, or a gateway and no workers, is judged by what it has.
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Sequence

from hosting import places, units
from hosting.errors import Unhealthy

#: How long a release may take to answer, in seconds, and for how long it must then stay up.
PATIENCE_S, STEADY_S = 90.0, 3.0
_TEXT = "The installation went well, thank you."


def require(services: Sequence[str], patience_s: float = PATIENCE_S) -> None:
    """Wait until this host is healthy and stays so.

    Raises:
        Unhealthy: it is not, with the reason.
    """
    end = time.monotonic() + patience_s
    while (trouble := _trouble(services)) is not None:
        if time.monotonic() > end:
            raise Unhealthy(trouble)
        time.sleep(0.5)
    before = {unit: units.restarts(unit) for unit in services}
    time.sleep(STEADY_S)
    for unit in services:
        if units.restarts(unit) != before[unit]:
            raise Unhealthy(f"{unit} does not stay up: journalctl -u {unit}")
    if (trouble := _trouble(services)) is not None:
        raise Unhealthy(trouble)


def _trouble(services: Sequence[str]) -> str | None:
    for unit in services:
        if not units.is_active(unit):
            return f"{unit} does not run: journalctl -u {unit}"
    if "barometer-gateway.service" not in services:
        return None
    if not any(unit.startswith("barometer-worker@") for unit in services):
        status, body = _ask("/livez")
        return None if status == 200 else f"the gateway does not answer ({status})"
    status, body = _ask("/readyz")
    if status != 200:
        return f"the gateway is not ready ({status}): {body.get('detail', '')}"
    status, body = _ask("/v1/predictions", {"input": {"text": _TEXT}})
    # A revoked key says nothing about health.
    if status not in (401, 403) and (status not in (200, 201) or body.get("status") != "succeeded"):
        return f"a prediction was answered with {status}: {body.get('detail', body.get('status', ''))}"
    return None


def _ask(path: str, document: object = None) -> tuple[int, dict[str, object]]:
    """Return status and body of an answer; status 0 where there is none."""
    headers = {"Content-Type": "application/json", "Prefer": "wait=20"}
    if places.PROBE_KEY.exists():
        headers["Authorization"] = f"Bearer {places.PROBE_KEY.read_text().strip()}"
    data = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(places.GATEWAY_URL + path, data, headers)  # noqa: S310 - our own address
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, _problem(error.read())
    except (OSError, ValueError) as error:
        return 0, {"detail": type(error).__name__}


def _problem(body: bytes) -> dict[str, object]:
    try:
        return dict(json.loads(body))
    except ValueError:
        return {}
