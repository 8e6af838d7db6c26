"""``python -m benchmarks.chaos``: thirty minutes of random strikes, and the ledger."""

import asyncio
import random
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from benchmarks import machine, report
from benchmarks.chaos import ledger, tables
from benchmarks.chaos.balance import Verdict, balance
from benchmarks.chaos.plan import Kind
from benchmarks.chaos.run import Options, Seen, chaos, ledgers, say

#: With ``everysec`` a write may be acknowledged and not yet in the kernel for this long.
EVERYSEC_S = 2.0


def run(
    minutes: Annotated[float, typer.Option(min=0.1, help="How long the load and the strikes last.")] = 30,
    seed: Annotated[int | None, typer.Option(help="Of plan and load; by default another each time.")] = None,
    every: Annotated[float, typer.Option(min=0.5, help="Mean seconds between two strikes.")] = 8,
    rate: Annotated[float, typer.Option(min=1, help="Texts sent a second.")] = 50,
    fsync: Annotated[
        Literal["always", "everysec", "no"],
        typer.Option(help="Redis' appendfsync. With everysec it may lose what it has acknowledged."),
    ] = "always",
    results: Annotated[Path, typer.Option(help="Where the report goes.")] = report.RESULTS,
) -> None:
    """Strike processes at random under load; at the end every accepted prediction must have ended once.

    Two gateways, three workers, monitoring, Redis, MLflow and a webhook receiver. Ctrl-C ends the strikes,
    lets the service settle and reports what was seen; once more reports at once. Exit code 1: the ledger
    does not balance, and its folder is kept.

    Examples:

    - `python -m benchmarks.chaos`
    - `python -m benchmarks.chaos --minutes 2 --seed 7`
    - `python -m benchmarks.chaos --fsync everysec`
    """
    here = machine.here()
    seed = random.randrange(10**6) if seed is None else seed
    say(f"seed {seed}")
    options = Options(seconds=minutes * 60, seed=seed, every_s=every, rate=rate, fsync=fsync)
    folder = Path(tempfile.mkdtemp(prefix="barometer-"))
    try:
        seen = asyncio.run(chaos(folder, options))
    except KeyboardInterrupt:
        shutil.rmtree(folder)
        raise
    except BaseException:
        say(f"the logs are in {folder / 'logs'}")
        raise
    balanced = _judge(folder, options, seen, here, results)
    if not balanced:
        say(f"The ledger does not balance. It is in {folder}, with the logs of all services.")
        raise typer.Exit(1)
    shutil.rmtree(folder)


def _judge(folder: Path, options: Options, seen: Seen, here: machine.Machine, results: Path) -> bool:
    """Write the report; return whether every promise was kept."""
    records = ledger.read(ledgers(folder))
    kills = [strike.at for strike in seen.strikes if (strike.kind, strike.service) == (Kind.KILL, "redis")]
    is_excused = partial(_is_excused, kills if options.fsync == "everysec" else ())
    verdict: Verdict = balance(records, seen.labels, is_excused)
    balanced = verdict.balances and not seen.leftovers and not seen.alerts_twice
    found = tables.recoveries(seen.strikes, records)
    summary = (
        f"{seen.lasted_s / 60:.1f} of {options.seconds / 60:g} minutes, seed {options.seed}, "
        f"{options.rate:g} texts/s, a strike every {options.every_s:g} s, `appendfsync {options.fsync}`: "
        f"the ledger {'balances' if balanced else 'DOES NOT BALANCE'}."
    )
    text = [
        summary,
        tables.ledger_table(verdict, seen.leftovers, seen.alerts_twice),
        tables.strikes_table(found),
        "![Predictions completed under random strikes](chaos.svg)",
    ]
    figures = {
        "options": asdict(options),
        "lasted_s": seen.lasted_s,
        "balances": balanced,
        "verdict": asdict(verdict),
        "leftovers": seen.leftovers,
        "alerts_twice": seen.alerts_twice,
        "strikes": [asdict(one) for one in found],
    }
    report.write("chaos", here, text, figures, results)
    tables.draw(found, records, seen.begun, results / "chaos.svg")
    return balanced


def _is_excused(kills: Sequence[float], times: Sequence[float]) -> bool:
    """Whether something about a prediction was written in the last moments before Redis was killed."""
    return any(kill - EVERYSEC_S <= at <= kill for kill in kills for at in times)


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)
    app.command()(run)
    app()
