"""What monitoring tells the page: one JSON object in Redis at ``keys.OVERVIEW``, made anew every few seconds.

Monitoring alone reads the history; the gateway hands on what it finds here and adds what it knows itself
(queues, workers, webhooks, alerts, versions). Times are seconds since the epoch by Redis' clock. There is no
text of users in it, and no owner. A field that is not known here is handed on too.
"""

from datetime import timedelta
from typing import TypedDict

#: An overview is not shown as the present when it is older: monitoring is away.
FRESH = timedelta(seconds=15)
#: Minutes that an overview shows, the one under way among them.
MINUTES = 120
#: Hours that an overview shows, the one under way among them: seven days, for the hours of a day.
HOURS = 7 * 24


class Window(TypedDict):
    """The negative results of one subject within the window of the rule."""

    subject: str  # a model, a model and a key, or "" for all
    count: int
    limit: int  # more than this raise the alert
    window_s: float
    times: list[float]  # of the newest negative results within it, oldest first; at most 100


class Minute(TypedDict):
    """Predictions of one model that ended within one minute; minutes without any are left out."""

    at: int  # its first second
    succeeded: int
    failed: int
    canceled: int
    negative: int
    p50_s: float | None  # from accepted to ended; None when nothing ended that was waited for
    p95_s: float | None
    p99_s: float | None


class Hour(TypedDict):
    """Predictions of one model that ended within one hour; hours without any are left out."""

    at: int
    ended: int


class Class(TypedDict):
    """Live quality of one class, by feedback."""

    label: str
    precision: float | None
    precision_interval: tuple[float, float]
    recall: float | None
    recall_interval: tuple[float, float]
    f1: float | None
    f1_interval: tuple[float, float]
    support: int


class Quality(TypedDict):
    """Live quality of one version within the analysis' window."""

    version: str
    at: float
    judged: int  # predictions with feedback
    accuracy: float | None
    accuracy_interval: tuple[float, float]
    estimated_accuracy: float | None  # without labels, by CBPE
    estimated_interval: tuple[float, float] | None
    classes: list[Class]


class Point(TypedDict):
    """One figure of a version at one time; the course of quality."""

    at: float
    version: str
    value: float


class Comparison(TypedDict):
    """One comparison of now with the version's first answers."""

    name: str  # labels, scores, sizes, languages, texts
    effect: float
    measure: str  # what the effect is: PSI, Kolmogorov-Smirnov distance ...
    p_value: float | None
    is_drifting: bool


class Drift(TypedDict):
    """How far the present traffic of a version is from its reference."""

    version: str
    at: float
    reference: int  # answers compared with
    current: int
    comparisons: list[Comparison]


class Model(TypedDict):
    """What is known of one model's predictions."""

    minutes: list[Minute]
    hours: list[Hour]
    quality: list[Quality]  # the newest of each version, newest version first
    accuracy: list[Point]  # by feedback, oldest first
    drift: list[Drift]
    labels: dict[str, int]  # answers of the last 24 hours by label


class Overview(TypedDict):
    """All of it."""

    at: float
    windows: list[Window]
    models: dict[str, Model]
