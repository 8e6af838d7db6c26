"""What an operator can set, read once from the environment; nothing else here reads it."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

import redis
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from contract.registry import DEFAULT_MODEL
from monitoring.errors import ConfigurationError
from monitoring.history.counting import COUNTS_RETENTION
from monitoring.judging import Rules
from monitoring.retraining.triggers import Order, Wishes
from monitoring.rule import By
from monitoring.rules.conditions import Conditions
from monitoring.rules.rule import Rule, Severity
from telemetry import supervisor


def _from_seconds(value: object) -> object:
    """Turn ``300`` as the environment gives it into a number: pydantic reads text as ISO 8601 only."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


#: ``300`` (seconds) or ``PT5M``.
Duration = Annotated[timedelta, BeforeValidator(_from_seconds)]


class RuleSettings(BaseModel):
    """What can be set of a rule, as in ``MONITORING_ERROR_RATE__THRESHOLD=0.1``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    threshold: Annotated[float, Field(ge=0)]
    window: Annotated[Duration, Field(le=timedelta(days=7))] = timedelta(0)
    hold_off: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(days=1))] = timedelta(minutes=1)
    severity: Severity = Severity.WARNING
    minimum: Annotated[int, Field(ge=1)] = 1

    def named(self, name: str) -> Rule:
        """Return the rule that these settings make."""
        return Rule(name, self.threshold, self.window, self.hold_off, self.severity, self.minimum)


class RetrainSettings(BaseModel):
    """When the trainer is asked to train, and with what: ``MONITORING_RETRAIN__CRON="0 3 * * 0"``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Rows to train on, as the trainer's host sees the file. Nothing is trained without it.
    data: Path | None = None
    #: Rows to evaluate on; else a part of ``data``.
    evaluation: Path | None = None
    family: str = "tfidf"
    model: str = DEFAULT_MODEL
    #: Five fields, UTC; empty: not by the clock.
    cron: str = ""
    #: Train also on what people said of predictions. Keeps the texts of those; they are personal data.
    feedback: bool = False
    #: When an alert on drift or on quality is open.
    on_drift: bool = False
    #: When so many predictions had feedback since the last training; 0: never.
    labels: Annotated[int, Field(ge=0)] = 0
    #: Drift and labels are no reason again before this has passed.
    cooldown: Annotated[Duration, Field(ge=timedelta(0))] = timedelta(days=1)

    def order(self) -> Order | None:
        """Return what is to be trained; None without data."""
        if self.data is None:
            return None
        arguments = {"data": str(self.data), "family": self.family}
        if self.evaluation is not None:
            arguments["evaluation"] = str(self.evaluation)
        wishes = Wishes(self.on_drift, self.labels, self.cooldown)
        return Order(self.model, arguments, wishes, self.feedback)


class Settings(BaseSettings):
    """Settings of the monitoring service. Durations are seconds or ISO 8601 (``300`` or ``PT5M``)."""

    model_config = SettingsConfigDict(
        env_prefix="MONITORING_",
        frozen=True,
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
    )

    #: What has a window of negative results of its own: a JSON list of ``model``, ``key``, ``all``.
    negatives_by: frozenset[By] = frozenset({By.MODEL})
    #: Share of predictions that failed.
    error_rate: RuleSettings = RuleSettings(threshold=0.05, window=timedelta(minutes=5), minimum=20)
    #: Seconds that the 95th percentile may take, from accepted to ended; rows of batches are not counted.
    latency: RuleSettings = RuleSettings(threshold=5, window=timedelta(minutes=5), minimum=20)
    #: Seconds that the first in a queue has been waiting; bulk and explanations are not looked at.
    queue_age: RuleSettings = RuleSettings(threshold=30, hold_off=timedelta(seconds=20))
    #: Workers of a model: so many are too few.
    no_worker: RuleSettings = RuleSettings(threshold=0, severity=Severity.CRITICAL)
    #: Versions that the workers of one model answer with: more than so many for the hold-off.
    mixed_versions: RuleSettings = RuleSettings(threshold=1, hold_off=timedelta(minutes=5))
    #: Webhooks that are due and not sent.
    webhook_backlog: RuleSettings = RuleSettings(threshold=1_000)
    #: Seconds for which a notice of an alert has not reached its target.
    target_down: RuleSettings = RuleSettings(threshold=120, hold_off=timedelta(0))
    #: Share of a disk that is used.
    disk: RuleSettings = RuleSettings(threshold=0.9, severity=Severity.CRITICAL)
    #: Accuracy by feedback of the last week: a floor that even the upper bound of its interval is below.
    live_quality: RuleSettings = RuleSettings(threshold=0.7, minimum=50, hold_off=timedelta(0))
    #: By how much the accuracy as estimated from scores may fall since the version was new.
    estimated_quality: RuleSettings = RuleSettings(threshold=0.05, minimum=200, hold_off=timedelta(0))
    #: Comparisons with the version's first answers that may differ: labels, scores, sizes, texts.
    drift: RuleSettings = RuleSettings(threshold=0, minimum=200, hold_off=timedelta(0))
    #: The history is analysed this often; 0 switches it off.
    analyse_every: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(days=1))] = timedelta(minutes=5)
    #: Answers of so long are compared with a version's first ones.
    analyse_window: Annotated[Duration, Field(ge=timedelta(seconds=1))] = timedelta(days=1)
    #: Feedback of so long is what live quality is.
    quality_window: Annotated[Duration, Field(ge=timedelta(seconds=1))] = timedelta(days=7)
    retrain: RetrainSettings = RetrainSettings()
    #: A promoted version that does worse than the one before is taken back within this; 0: it never is.
    probation: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(days=7))] = timedelta(hours=1)
    #: Models that must have a worker also when nothing waits for them: a JSON list.
    models: tuple[str, ...] = (DEFAULT_MODEL,)
    #: Folders whose disks are watched, beside the history's: a JSON list.
    folders: tuple[Path, ...] = ()
    #: Apprise URLs of those who are told of alerts, with spaces between them. Needs ``barometer[notify]``.
    notify: SecretStr = SecretStr("")
    #: More negative results than this within ``window`` raise an alert.
    limit: Annotated[int, Field(ge=0, le=10_000)] = 3
    window: Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(days=1))] = timedelta(minutes=5)
    #: Bounded, because the heartbeat that a supervisor waits for lives ten seconds.
    tick: Annotated[Duration, Field(ge=timedelta(seconds=0.05), le=timedelta(seconds=5))] = timedelta(
        seconds=1
    )
    #: Where Prometheus reads the figures, on loopback; 0 for nowhere.
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 0
    #: Where the history lies: ``sqlite:///PATH`` or ``postgresql://USER:PASSWORD@HOST/NAME``.
    database_url: SecretStr = SecretStr("sqlite:///.barometer/history.db")
    #: What is older is deleted.
    retention: Annotated[Duration, Field(ge=timedelta(hours=1))] = timedelta(days=30)
    #: Counts by minute, which name nobody, are kept longer.
    counts_retention: Annotated[Duration, Field(ge=timedelta(days=8))] = COUNTS_RETENTION
    #: Keep the texts of predictions too. They are personal data.
    keep_text: bool = False
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    #: Where telemetry waits while Application Insights is away; else in Azure's own temporary folder.
    telemetry_dir: Path | None = None

    redis_url: Annotated[SecretStr, Field(validation_alias="REDIS_URL")] = SecretStr(
        "redis://127.0.0.1:6379/0"
    )
    connection_string: Annotated[
        SecretStr, Field(validation_alias="APPLICATIONINSIGHTS_CONNECTION_STRING")
    ] = SecretStr("")

    @field_validator("redis_url")
    @classmethod
    def _is_redis_url(cls, url: SecretStr) -> SecretStr:
        try:
            redis.Redis.from_url(url.get_secret_value())
        except ValueError:
            # Our own words: the library's may quote a part of the password.
            raise ValueError(
                "use redis://HOST:PORT/DB, rediss://HOST:PORT/DB or unix:///PATH?db=DB"
            ) from None
        return url

    def rules(self) -> Rules:
        """Return the rules on events."""
        return Rules(
            self.limit,
            self.window,
            self.error_rate.named("error_rate"),
            self.latency.named("latency"),
            self.negatives_by,
        )

    def conditions(self) -> Conditions:
        """Return the rules on the state of the service."""
        return Conditions(
            queue_age=self.queue_age.named("queue_age"),
            no_worker=self.no_worker.named("no_worker"),
            webhooks=self.webhook_backlog.named("webhook_backlog"),
            notices=self.target_down.named("target_down"),
            disk=self.disk.named("disk"),
            versions=self.mixed_versions.named("mixed_versions"),
        )


def load() -> Settings:
    """Read the environment, and the credentials that the supervisor hands over.

    Raises:
        ConfigurationError: a setting is malformed. Its value is not shown: it may hold a password.
    """
    try:
        return Settings(**supervisor.credentials())
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        name = str(first["loc"][0])
        # Of a rule, the part of it that is wrong; of a list, no position in it.
        parts = [str(part).upper() for part in first["loc"] if isinstance(part, str)]
        variable = name if name.isupper() else f"MONITORING_{'__'.join(parts)}"
        raise ConfigurationError(f"{variable} is not usable: {first['msg']}.") from error
