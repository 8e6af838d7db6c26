"""The page, as people use it: in a real browser, against a running service."""

import json
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect
from rq import Queue
from rq.serializers import JSONSerializer

from contract import keys
from contract.jobs import TRAINING_QUEUE
from gateway.keyring import KEYS, Key
from tests.conftest import lacking
from tests.gateway.page.conftest import Scene, Show
from tests.gateway.page.registry import REFUSED
from tests.gateway.page.told import fire, overview, tell
from tests.gateway.test_keys import bearing, id_of, make
from tests.gateway.test_overview import streaming
from tests.working import wait_for

HOSTILE = "<img src=x onerror=\"alert('x')\"> 😀 <script>bad()</script> שלום עולם"
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
HERE = Path(__file__).parent


def live(page: Page) -> Page:
    expect(page.locator("#state")).to_have_attribute("data-state", "live")
    return page


def ask(page: Page, text: str) -> None:
    page.fill("#text", text)
    page.get_by_role("button", name="Ask").click()


# What it is made of


def test_its_files_may_do_nothing_but_what_they_need_and_are_asked_after_each_time(scene: Scene) -> None:
    page = scene.gateway.http.get("/")
    assert page.headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert not re.search(r"<script>|<style|\sstyle=|\son\w+=|https?://", page.text)
    for path in ("/", *(f"/{path}" for path in re.findall(r'(?:src|href)="(page/[^"]+)"', page.text))):
        answer = scene.gateway.http.get(path)
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-cache")
        again = scene.gateway.http.get(path, headers={"If-None-Match": answer.headers["ETag"]})
        assert again.status_code == 304


def test_its_colours_can_be_told_apart_in_the_light_and_in_the_dark() -> None:
    style = (HERE.parents[2] / "gateway/page/static/style.css").read_text()
    light, dark = (
        dict(re.findall(r"--(\S+): (#[0-9a-f]{6});", part)) for part in style.split("@media", 2)[:2]
    )
    for colours in (light, dark):
        for text in ("text", "muted", "accent", "good", "warn", "bad"):
            assert min(contrast(colours[text], colours[ground]) for ground in ("card", "ground")) >= 4.5, text
        for ground in ("for", "against"):
            assert contrast(colours["text"], colours[ground]) >= 4.5
        assert contrast(colours["on-accent"], colours["accent"]) >= 4.5
        assert contrast(colours["edge"], colours["card"]) >= 3


def contrast(one: str, other: str) -> float:
    """By WCAG 2.2's formula."""

    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


# In use


def test_a_text_is_answered_and_explained_and_a_hostile_one_is_a_text(show: Show) -> None:
    page = live(show())
    ask(page, "😀 a bad day")
    expect(page.locator(".verdict")).to_have_text("negative with 90 %")
    expect(page.locator("#answer .scores li")).to_have_text(
        [re.compile("negative.*90 %"), re.compile("positive.*10 %")]
    )
    # Offsets count characters: one behind an emoji would be off by one.
    expect(page.locator(".explained mark.for")).to_have_text(["bad"])
    expect(page.locator(".explained mark.against")).to_have_text(["😀", "a", "day"])
    expect(page.locator("#answer")).to_contain_text("in the queue")
    ask(page, HOSTILE)
    expect(page.locator(".explained")).to_have_text(HOSTILE)
    expect(page.locator(".explained")).to_have_attribute("dir", "auto")
    assert page.locator("#answer img, #answer script").count() == 0
    ask(page, "poison")
    expect(page.get_by_role("alert")).to_have_text(
        "No answer: the model could not answer this text (ValueError)"
    )


def test_figures_are_shown_and_each_chart_has_its_table(show: Show) -> None:
    page = live(show())
    expect(page.locator("#tiles")).to_contain_text("p99100 ms to the answer")
    expect(page.locator("canvas")).to_have_count(5)
    for place in ("minutes", "latency", "rates", "hours", "accuracy"):
        chart = page.locator(f"#{place}")
        expect(chart.get_by_role("img")).to_have_attribute("aria-label", re.compile(r"\d"))
        chart.get_by_text("Figures as a table").click()
        expect(chart.get_by_role("row").nth(9)).to_be_attached()
    # 48 hours of 100 and more, at the viewer's hours.
    expect(page.locator("#hours").get_by_role("row").last).to_contain_text("00:00")
    expect(page.locator("#quality")).to_contain_text("Accuracy 88 % (80 to 95 %) by 200 labels")
    expect(page.locator("#quality")).to_contain_text("Estimated without labels (CBPE): 90 %")
    expect(page.locator("#drift")).to_contain_text("labelsdrifting0.3 of 0.2PSI< 0.001")
    expect(page.locator("#queue")).to_contain_text("sentiment: 1 with version 1")
    expect(page.locator("#webhooks")).to_contain_text("0 to be delivered")


def test_the_fourth_negative_and_its_alert_appear_and_the_alert_is_taken_on(show: Show, scene: Scene) -> None:
    page = live(show())
    expect(page.locator("#windows")).to_contain_text("One more raises an alert.")
    expect(page.locator("#windows .time")).to_have_text([re.compile(r"^5\d:\d\d$")] * 3)
    expect(page.locator("#alerts")).to_contain_text("None is open.")
    tell(scene.redis, negatives=4)
    fire(scene.redis, "negatives-sentiment-1-0")
    expect(page.locator("#windows")).to_contain_text("Over the threshold")
    expect(page.locator("#announce")).to_have_text(
        "New alert: 4 negative answers of sentiment within 5 minutes"
    )
    page.get_by_role("button", name="Acknowledge: 4 negative").click()
    expect(page.locator("#alerts")).to_contain_text("acknowledged by anybody")
    expect(page.get_by_role("button", name="Acknowledge: 4 negative")).to_have_count(0)
    assert scene.redis.hget(keys.alert("negatives-sentiment-1-0"), "acknowledged_by") == "anybody"
    tell(scene.redis)


def test_a_promotion_is_asked_twice_and_given_to_the_trainer(show: Show, scene: Scene) -> None:
    page = live(show())
    rows = page.locator("#versions tbody tr")
    expect(rows).to_have_count(4)
    rows.nth(0).get_by_text("refused").click()
    expect(rows.nth(0)).to_contain_text(REFUSED)
    expect(rows.nth(0).get_by_role("button")).to_have_count(0)
    page.get_by_role("button", name="Promote version 3").click()
    page.get_by_role("button", name="Cancel").click()
    assert scene.redis.llen(keys.queue(TRAINING_QUEUE)) == 0
    page.get_by_role("button", name="Promote version 3").click()
    page.get_by_label("Why it need not be tried").fill("no traffic yet")
    page.get_by_role("dialog").get_by_role("button", name="Promote").click()
    expect(page.locator("#moved")).to_have_text(re.compile("Promote version 3: It waits for the trainer"))
    queue = Queue(TRAINING_QUEUE, connection=scene.redis, serializer=JSONSerializer)
    [id] = queue.job_ids
    scene.redis.hset(keys.job(id), "status", "failed")
    expect(page.locator("#moved")).to_have_text("Promote version 3: It failed; the trainer's log says why.")
    expect(page.get_by_role("button", name="Roll back version 2")).to_be_visible()
    called, _, [arguments], _ = json.loads(str(scene.redis.hget(keys.job(id), "data")))
    assert (called, arguments["without_shadow"]) == ("trainer.jobs.promote", "no traffic yet")


def test_everything_can_be_done_by_keyboard(show: Show) -> None:
    page = live(show())
    expect(page.locator("#versions tbody tr")).to_have_count(4)
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(
            "() => { const on = document.activeElement; const look = getComputedStyle(on);"
            " return [on.id || on.getAttribute('aria-label') || on.textContent.trim(), look.outlineStyle] }"
        ))  # fmt: skip
        if reached[-1][0] == "text":
            page.keyboard.type("a bad day")
            page.keyboard.press("Control+Enter")
        if reached[-1][0] == "Promote version 3":
            break
    names = [name for name, _ in reached]
    assert names[0] == "Skip to the content"
    assert {"model", "text", "Ask", "explain", "How to silence a rule", "Promote version 3"} <= set(names)
    assert [name for name, outline in reached if outline == "none"] == []
    expect(page.locator(".verdict")).to_have_text("negative with 90 %")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("Promote?")
    page.keyboard.press("Escape")
    expect(page.locator("#ask-dialog")).to_be_hidden()


def test_a_phone_scrolls_in_one_direction_only(show: Show) -> None:
    page = live(show(color_scheme="dark", **PHONE))
    ask(page, "a bad day " + "x" * 300)
    expect(page.locator(".verdict")).to_be_visible()
    expect(page.locator("#versions tbody tr")).to_have_count(4)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(show: Show, axe: str, scheme: str) -> None:
    page = live(show(color_scheme=scheme))
    ask(page, "a bad day")
    expect(page.locator(".explained")).to_be_visible()
    expect(page.locator("#versions tbody tr")).to_have_count(4)
    page.evaluate(axe)
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    assert [(one["id"], [node["html"][:120] for node in one["nodes"]]) for one in found] == []


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """axe-core's source, as the lock file has it."""
    folder = tmp_path_factory.mktemp("axe")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder)
    npm = shutil.which("npm") or lacking("no npm here: 'apt install npm'")
    done = subprocess.run(
        [npm, "ci", "--no-audit", "--no-fund"], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        lacking(f"axe-core cannot be installed: {done.stderr[-500:]}")
    return (folder / "node_modules/axe-core/axe.min.js").read_text()


# When something is not there


def test_without_charts_there_are_tables(show: Show) -> None:
    page = live(
        show(forgiven="ERR_FAILED", before=lambda page: page.route("**/uPlot*", lambda route: route.abort()))
    )
    expect(page.locator("#minutes")).to_contain_text("Charts are not installed")
    assert page.locator("#minutes").get_by_role("row").count() > 60
    assert page.locator("canvas").count() == 0


def test_behind_a_path_it_asks_below_that_path(show: Show, scene: Scene) -> None:
    asked: list[str] = []

    def pass_on(route: Route) -> None:
        path = route.request.url.removeprefix(scene.gateway.url)
        asked.append(path)
        if path.endswith("/stream"):
            route.abort()
        else:
            answer = scene.gateway.http.get(path.removeprefix("/behind"))
            route.fulfill(status=answer.status_code, headers=dict(answer.headers), body=answer.content)

    def before(page: Page) -> None:
        page.route("**/*", pass_on)

    page = show("/behind/", forgiven="ERR_FAILED", before=before)
    expect(page.locator("#state")).to_contain_text("Trying again in")
    assert {path.split("/")[1] for path in asked} == {"behind"}
    assert "/behind/v1/overview/stream" in asked


@pytest.mark.slow
def test_it_says_what_is_away_and_goes_on_by_itself(show: Show, scene: Scene) -> None:
    page = live(show())
    scene.redis.set(keys.OVERVIEW, json.dumps(overview(time.time() - 60)))
    expect(page.locator("#state")).to_have_text("Live, but monitoring is away")
    scene.server.kill()
    expect(page.locator("#state")).to_have_text(re.compile("^Redis is away"))
    scene.server.start()
    expect(page.locator("#state")).to_have_text("Live, but monitoring is away")
    tell(scene.redis)
    live(page)


# With keys: these come last, a gateway that has seen one never opens again


def test_where_there_are_keys_it_asks_for_one(show: Show, scene: Scene) -> None:
    reader, admin = (
        make(scene.server.url, "--scope", "predict", "--scope", one) for one in ("read", "admin")
    )
    wait_for(lambda: scene.gateway.http.get("/v1/overview").status_code == 401)
    urls: list[str] = []
    page = show(forgiven="40[13]", before=lambda page: page.on("request", lambda one: urls.append(one.url)))
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("A key, please")
    give(page, "brm_aaaaaaaaaa_" + "A" * 43)
    expect(dialog.get_by_role("alert")).to_have_text("This key is unknown or was revoked.")
    give(page, reader)
    expect(page.locator("#notice")).to_contain_text("need a key with the scope admin")
    expect(page.locator("#figures")).to_be_hidden()
    ask(page, "a bad day")
    expect(page.locator(".verdict")).to_have_text("negative with 90 %")
    page.get_by_role("button", name="Change key").click()
    give(page, admin)
    live(page)
    expect(page.locator("#tiles")).to_be_visible()
    assert page.evaluate("[Object.values(sessionStorage), localStorage.length, document.cookie]") == [
        [admin],
        0,
        "",
    ]
    assert not [url for url in urls if "brm_" in url]


def give(page: Page, key: str) -> None:
    page.get_by_label("Key", exact=True).fill(key)
    page.get_by_role("button", name="Continue").click()


def test_figures_of_the_whole_service_and_promotions_are_for_admins(scene: Scene) -> None:
    reader, admin = (make(scene.server.url, "--scope", one) for one in ("read", "admin"))
    wait_for(lambda: scene.gateway.http.get("/v1/overview").status_code == 401)
    promote = "/v1/models/barometer/sentiment/promote", {"version": "3"}
    with bearing(scene.gateway, reader) as client:
        for path in ("/v1/overview", "/v1/overview/stream", "/v1/trainings/nobody"):
            assert client.get(path).json()["code"] == "forbidden"
        assert client.post(promote[0], json=promote[1]).status_code == 403
    with bearing(scene.gateway, admin) as client:
        assert client.get("/v1/overview").status_code == 200
        asked = client.post(promote[0], json=promote[1]).json()
        data = json.loads(str(scene.redis.hget(keys.job(asked["id"]), "data")))
        assert data[2][0]["by"] == f"key {id_of(admin)}"
        with streaming(client) as events:
            next(events)
            stored = Key.model_validate_json(str(scene.redis.hget(KEYS, id_of(admin))))
            scene.redis.hset(KEYS, stored.id, stored.revoked().model_dump_json())
            # A revoked key hears nothing more: the stream ends, which ends this.
            assert {name for name, _ in events} <= {"present", "history"}
