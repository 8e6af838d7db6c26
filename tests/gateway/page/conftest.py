"""A running service, and a browser that writes down what it should never have to say."""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from redis import Redis

from tests.conftest import RedisServer, lacking, serve
from tests.gateway.conftest import Gateway, running
from tests.gateway.page.registry import registering
from tests.gateway.page.told import tell
from tests.working import Rule, wait_for, working

#: A machine with other things to do; what is there is seen at once.
PATIENCE_MS = 30_000
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


class Words(Rule):
    """Explains each word: "bad" ones speak for the label, all others against it."""

    def explain(self, text: str) -> list[dict[str, Any]]:
        return [
            {
                "token": word[0],
                "start": word.start(),
                "end": word.end(),
                "weight": 0.5 if "bad" in word[0] else -0.2,
            }
            for word in re.finditer(r"\S+", text)
        ]


@dataclass
class Scene:
    """A gateway with a worker behind it, on a Redis of its own."""

    gateway: Gateway
    server: RedisServer
    redis: Redis


@dataclass
class Seen:
    """A page, and what went wrong in it."""

    page: Page
    origin: str
    forgiven: str
    errors: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        self.page.on("console", lambda said: said.type == "error" and self._said(said.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda asked: self._asked(asked.url))
        self.page.goto(self.origin + path)
        return self.page

    def _said(self, text: str) -> None:
        if not re.search(self.forgiven, text):
            self.errors.append(text)

    def _asked(self, url: str) -> None:
        if not url.startswith(self.origin + "/"):
            self.errors.append(f"asked {url}")


Show = Callable[..., Page]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with ExitStack() as stack:
        server = stack.enter_context(contextmanager(serve)("embedded"))
        registry = stack.enter_context(registering())
        log = tmp_path_factory.mktemp("page") / "gateway.log"
        gateway = stack.enter_context(running(server.url, log, MLFLOW_TRACKING_URI=registry))
        stack.enter_context(working(server.url, Words()))
        redis = stack.enter_context(Redis.from_url(server.url, decode_responses=True))
        tell(redis)
        wait_for(lambda: gateway.http.get("/readyz").status_code == 200)
        yield Scene(gateway, server, redis)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        lacking("no Chromium here: 'apt install chromium'")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])


@pytest.fixture
def show(browser: Browser, scene: Scene) -> Iterator[Show]:
    """Open the page in a window of its own; at the end nothing must have gone wrong but what is forgiven."""
    seen: list[Seen] = []

    def open(path: str = "/", forgiven: str = "$^", **options: Any) -> Page:
        before = options.pop("before", None)
        context = browser.new_context(**{"locale": "en-GB", "timezone_id": "Europe/Paris", **options})
        context.set_default_timeout(PATIENCE_MS)
        seen.append(Seen(context.new_page(), scene.gateway.url, forgiven))
        if before:
            before(seen[-1].page)
        return seen[-1].open(path)

    yield open
    for one in seen:
        one.page.context.close()
        assert one.errors == []
