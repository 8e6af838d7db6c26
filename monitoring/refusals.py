"""The rule "a worker refused a version of its model": one alert for each, until another serves.

Pure: what workers tell goes in, alerts come out. It knows how an alert is named and worded; it does not know
where alerts or events lie.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote

from contract.alerts import Alert
from monitoring.window import EntryId

NAME = "model_refused"
SEVERITY = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A worker found that the champion must not serve, and said why in a word of ours."""

    entry: EntryId
    model: str
    version: str
    worker: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A worker serves the champion."""

    entry: EntryId
    model: str
    version: str
    worker: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Who refused what, and the entry that reports it."""

    model: str
    version: str
    worker: str
    entry: EntryId


def alert_id(origin: Origin) -> str:
    """Return the id of the alert that this refusal fires: the same whenever the stream is read again.

    The entry is part of it because the same worker may refuse the same version again, days later.
    """
    return "-".join(
        (
            NAME,
            _without_hyphen(origin.model),
            _without_hyphen(origin.version),
            origin.worker,
            str(origin.entry),
        )
    )


def origin(alert: Alert) -> Origin:
    """Return what an alert of this rule was fired by, from its id."""
    model, version, rest = alert.id.removeprefix(f"{NAME}-").split("-", 2)
    worker, ms, seq = rest.rsplit("-", 2)
    return Origin(unquote(model), unquote(version), worker, EntryId(int(ms), int(seq)))


def is_open_at(cursor: EntryId, alert: Alert) -> bool:
    """Whether an alert of this rule was open when the cursor's entry had been judged."""
    # An end in the cursor's own millisecond has been judged, or is judged again and changes nothing.
    return origin(alert).entry <= cursor and (
        alert.resolved_at is None or round(alert.resolved_at * 1000) > cursor.ms
    )


class RefusalsRule:
    """Alerts from what workers tell. Those returned have just fired or, with ``resolved_at``, just ended."""

    def __init__(self, open_alerts: Iterable[Alert] = ()) -> None:
        self._open = {origin(alert): alert for alert in open_alerts}

    def update(self, told: Refused | Serving) -> list[Alert]:
        """Take in what one worker tells; return the alerts that it fired or ended."""
        return self._ended(told) if isinstance(told, Serving) else self._fired(told)

    def _fired(self, refused: Refused) -> list[Alert]:
        if any((one.model, one.version) == (refused.model, refused.version) for one in self._open):
            return []
        origin = Origin(refused.model, refused.version, refused.worker, refused.entry)
        alert = Alert(
            id=alert_id(origin),
            rule=NAME,
            severity=SEVERITY,
            summary=f"Version {refused.version} of {refused.model} must not serve: "
            f"worker {refused.worker} refused it ({refused.reason})",
            count=1,
            threshold=0,
            window_s=0.0,
            fired_at=refused.entry.ms / 1000,
            subject=refused.model,
        )
        self._open[origin] = alert
        return [alert]

    def _ended(self, serving: Serving) -> list[Alert]:
        ended = [one for one in self._open if _ends(one, serving)]
        return [replace(self._open.pop(one), resolved_at=serving.entry.ms / 1000) for one in ended]


def _ends(refused: Origin, serving: Serving) -> bool:
    """Another version serves, so the alias has left the refused one; or who refused it now serves it."""
    return refused.model == serving.model and (
        refused.version != serving.version or refused.worker == serving.worker
    )


def _without_hyphen(text: str) -> str:
    """Quote a part of an id, so that hyphens are between parts only."""
    return quote(text, safe="").replace("-", "%2D")
