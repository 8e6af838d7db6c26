"""What monitoring tells the page: one JSON object in Redis at ``keys.OVERVIEW``, made anew every few seconds.

Monitoring alone reads the history; the gateway hands on what it finds here and adds what it knows itself
(queues, workers, webhooks, alerts, versions). Times are seconds since the epoch by Redis' clock. There is no
text of users in it, and no owner but in the subject of a window, where the operator asked for windows by key.
A field that is not known here is handed on too.
"""

from datetime import timedelta
from typing import TypedDict

#: An overview is not shown as the present when it is older: monitoring is away.
FRESH = timedelta(seconds=15)
#: Subjects whose windows an overview shows, the fullest first.
WINDOWS = 50
#: Times that a window shows.
TIMES = 100
#: Minutes that an overview shows, the one under way among them.
MINUTES = 120
#: Hours that an overview shows, the one under way among them: seven days, for the hours of a day.
HOURS = 7 * 24


class Window(TypedDict):
    """The negative results of one subject within the window of the rule, as the rule counts them."""

    subject: str  # as an alert's: a model, a model and a key (``MODEL:KEY``), or ``*`` for all
    count: int
    limit: int  # more than this raise the alert
    window_s: float
    times: list[float]  # of the newest negative results within it, oldest first; at most TIMES


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
    """Live quality of one class, by feedback. What is undefined is None, and so is its interval."""

    label: str
    precision: float | None
    precision_interval: tuple[float, float] | None
    recall: float | None
    recall_interval: tuple[float, float] | None
    f1: float
    f1_interval: tuple[float, float]
    support: int


class Quality(TypedDict):
    """Quality of one version within the analysis' window; without enough feedback, the estimate alone."""

    version: str
    at: float
    judged: int  # predictions with feedback
    accuracy: float | None
    accuracy_interval: tuple[float, float] | None
    estimated_accuracy: float | None  # without labels, by CBPE
    estimated_interval: tuple[float, float] | None  # of chance alone: scores are taken as calibrated
    classes: list[Class]


class Point(TypedDict):
    """The accuracy of a version at one time; at most one an hour, and within ``HOURS``."""

    at: float
    version: str
    value: float


class Comparison(TypedDict):
    """One comparison of now with the version's first answers."""

    name: str  # labels, scores, sizes, languages, texts
    effect: float
    measure: str  # what the effect is: psi, ks (Kolmogorov-Smirnov distance), auc
    limit: float  # what the effect must not exceed
    p_value: float | None
    is_drifting: bool


class Drift(TypedDict):
    """How far the present traffic of a version is from its reference."""

    version: str
    at: float
    reference: int | None  # answers compared with
    current: int
    comparisons: list[Comparison]


class Data(TypedDict):
    """What the newest texts of a version are like, as shares; None where texts are not kept."""

    version: str
    at: float
    rows: int
    truncated: float
    median_size: int | None  # characters of input and metadata
    empty: float | None
    repeated: float | None
    languages: dict[str, float] | None  # by ISO 639-1 code, ``und`` where nobody can tell


class Model(TypedDict):
    """What is known of one model's predictions."""

    minutes: list[Minute]
    hours: list[Hour]
    quality: list[Quality]  # the newest of each version, newest version first
    accuracy: list[Point]  # by feedback, oldest first
    drift: list[Drift]  # the newest of each version, as ``data``
    data: list[Data]
    labels: dict[str, int]  # answers of the last 24 hours by label


class Overview(TypedDict):
    """All of it.

    ``at`` is the present, ``windows_at`` up to when negative results are counted. The models' figures come
    from the history: they hold what happened up to ``history_at``, which stands still while the database is
    away and is None before it was read for the first time.
    """

    at: float
    windows_at: float
    history_at: float | None
    windows: list[Window]
    models: dict[str, Model]
