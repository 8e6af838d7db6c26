"""How soon webhooks arrive while one receiver in ten hangs.

``python -m benchmarks.webhooks``
"""

import sys
import time
from dataclasses import asdict, dataclass
from typing import Annotated

import psutil
import typer

from benchmarks import machine, processes, redis_server, report, service
from benchmarks.receivers import Member, crowd, have_ended

SETTINGS = {
    "GATEWAY_WEBHOOK_ALLOW": "127.0.0.0/8",
    "GATEWAY_WEBHOOK_HTTP": "true",
    "GATEWAY_LOG_LEVEL": "WARNING",
}
#: One gateway delivers several hundred a second.
PATIENCE_S = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """Seconds from the gateway's first delivery; ``cpu_us`` of the gateway for each."""

    receivers: int
    hanging: int
    deliveries: int
    half_s: float
    all_s: float
    rate: float
    cpu_us: float
    held: int


def run(
    receivers: Annotated[int, typer.Option(min=2, help="One in ten of them hangs, at least one.")] = 10,
    each: Annotated[int, typer.Option(min=1, help="Webhooks that are due to each.")] = 1_000,
) -> None:
    """Have webhooks due to many receivers, those that hang first, and one gateway deliver them.

    Examples:

    - `python -m benchmarks.webhooks`
    - `python -m benchmarks.webhooks --receivers 100 --each 100`
    """
    processes.stop_on_sigterm()
    here = machine.here()
    hanging = max(1, receivers // 10)
    with redis_server.started() as url, crowd(receivers - hanging, hanging) as members:
        have_ended(url, members, each)
        with service.gateway(url, **SETTINGS) as (_, process):
            found = watched(members, each, process)
    report.write("webhooks", here, [table(found)], asdict(found))


def watched(members: list[Member], each: int, gateway: psutil.Process) -> Delivered:
    """Wait until all receivers that answer have theirs."""
    answering = [member for member in members if not member.hangs]
    wanted = len(answering) * each
    began = half = 0.0
    deadline = time.monotonic() + PATIENCE_S
    while (got := sum(len(member.got) for member in answering)) < wanted:
        now = time.monotonic()
        if now > deadline:
            raise SystemExit(f"{got:,} of {wanted:,} arrived in {PATIENCE_S} s")
        if got and not began:
            began, spent = now, sum(gateway.cpu_times()[:2])
        if got * 2 >= wanted and not half:
            half = now - began
            print(f"half of {wanted:,} after {half:.1f} s", file=sys.stderr)
        time.sleep(0.01)
    took = time.monotonic() - began
    return Delivered(
        receivers=len(members), hanging=len(members) - len(answering), deliveries=wanted, half_s=half,
        all_s=took, rate=wanted / took, cpu_us=(sum(gateway.cpu_times()[:2]) - spent) * 1e6 / wanted,
        held=max(member.most_open for member in members if member.hangs),
    )  # fmt: skip


def table(found: Delivered) -> str:
    """Return the table."""
    return report.table(
        [f"{found.hanging} of {found.receivers} receivers hang", ""],
        [
            ["webhooks to those that answer", f"{found.deliveries:,}"],
            ["half of them delivered after, s", f"{found.half_s:.1f}"],
            ["all of them delivered after, s", f"{found.all_s:.1f}"],
            ["a second", f"{found.rate:,.0f}"],
            ["gateway's CPU for each, µs", f"{found.cpu_us:,.0f}"],
            ["most attempts held by one that hangs", f"{found.held}"],
        ],
    )


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)
    app.command()(run)
    app()
