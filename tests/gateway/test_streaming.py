"""``GET /v1/predictions/{id}/stream`` over HTTP, with a worker, cut and resumed."""

import time

import pytest
from redis import Redis

from contract import keys
from gateway.admission import NewPrediction
from gateway.app import create_app
from gateway.settings import Settings
from gateway.streams import routes as streaming
from tests.gateway.conftest import Gateway, Start, running
from tests.gateway.listening import Heard, listening
from tests.working import Rule, wait_for, working

FINE = "what a fine day"


def names(heard: list[Heard]) -> list[str]:
    return [one.event for one in heard]


def test_a_stream_tells_each_state_when_it_comes_and_ends_with_the_result(
    gateway: Gateway, redis_url: str
) -> None:
    id = gateway.create(FINE).json()["id"]
    with listening(gateway, id) as listener:
        assert (listener.status, listener.headers["content-type"]) == (
            200,
            "text/event-stream; charset=utf-8",
        )
        starting = listener.next()
        assert (starting.event, starting.data["status"]) == ("starting", "starting")
        assert listener.retry == 2000
        with working(redis_url, Rule(seconds=3)):
            processing = listener.next()
            assert (processing.event, processing.data["status"]) == ("processing", "processing")
            assert gateway.get(id).json()["status"] == "processing", "told before it ended"
            completed = listener.next()
        assert listener.next() is None
    assert completed.event == "completed"
    assert completed.data == gateway.get(id).json()
    assert starting.id < processing.id < completed.id


def test_who_comes_after_the_end_hears_the_whole_story(gateway: Gateway, redis_url: str) -> None:
    with working(redis_url, Rule()):
        done = gateway.create(FINE, prefer="wait").json()
    with listening(gateway, done["id"]) as listener:
        heard = listener.all()
    assert [one.data["status"] for one in heard] == ["starting", "processing", "succeeded"]
    assert heard[1].data["started_at"] == done["started_at"]
    assert heard[-1].data == done


def test_a_stream_that_is_cut_goes_on_where_it_was_without_gap_or_repeat(
    gateway: Gateway, redis_url: str
) -> None:
    for cut_after in (1, 2):
        id = gateway.create(FINE).json()["id"]
        heard: list[Heard] = []
        with working(redis_url, Rule(seconds=2)):
            with listening(gateway, id) as listener:
                heard += [listener.next() for _ in range(cut_after)]
            with listening(gateway, id, heard[-1].id) as listener:
                heard += listener.all()
        assert names(heard) == ["starting", "processing", "completed"]


def test_who_was_away_for_the_end_hears_what_is_left(gateway: Gateway, redis_url: str) -> None:
    id = gateway.create(FINE).json()["id"]
    with listening(gateway, id) as listener:
        starting = listener.next()
    with working(redis_url, Rule()):
        gateway.get(id, prefer="wait")
    with listening(gateway, id, starting.id) as listener:
        rest = listener.all()
    assert names(rest) == ["processing", "completed"]
    with listening(gateway, id, rest[-1].id) as listener:
        assert (listener.status, listener.all()) == (204, []), "what keeps a browser from coming back"


@pytest.mark.parametrize("last", [99_999, "garbage", "1700000000000-3"])
def test_an_id_that_is_unknown_gets_a_full_snapshot(gateway: Gateway, redis_url: str, last) -> None:
    with working(redis_url, Rule()):
        done = gateway.create(FINE, prefer="wait").json()
    with listening(gateway, done["id"], last) as listener:
        assert listener.all()[-1].data == done


def test_a_failure_is_an_error_event_and_a_cancel_completes(gateway: Gateway, redis_url: str) -> None:
    id = gateway.create(FINE).json()["id"]
    with listening(gateway, id) as listener:
        listener.next()
        gateway.http.post(f"/v1/predictions/{id}/cancel")
        [canceled] = listener.all()
    assert (canceled.event, canceled.data["status"]) == ("completed", "canceled")
    with working(redis_url, Rule()):
        failed = gateway.create("poison", prefer="wait").json()
    with listening(gateway, failed["id"]) as listener:
        assert (last := listener.all()[-1]).event == "error"
        assert last.data == failed


def test_a_worker_that_dies_is_heard_of(gateway: Gateway, redis_url: str) -> None:
    id = gateway.create(FINE).json()["id"]
    redis = Redis.from_url(redis_url, decode_responses=True)
    with listening(gateway, id) as listener:
        listener.next()
        redis.hset(
            keys.prediction(id), mapping={"status": "processing", "attempts": 1, "started_at": "1700000000"}
        )
        assert listener.next().event == "processing"
        redis.hset(keys.prediction(id), "status", "starting")
        assert (again := listener.next()).event == "starting"
        with working(redis_url, Rule()):
            rest = listener.all()
    assert names(rest) == ["processing", "completed"]
    assert rest[0].data["attempts"] == 2
    assert again.id < rest[0].id


def test_of_an_unknown_prediction_there_is_no_stream(gateway: Gateway) -> None:
    answer = gateway.http.get("/v1/predictions/unknown/stream")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.headers["content-type"] == "application/problem+json"


def test_open_streams_cost_redis_one_call_a_second_together(gateway: Gateway, redis_url: str) -> None:
    def asked() -> int:
        return int(redis.info("commandstats")["cmdstat_hmget"]["calls"])

    redis = Redis.from_url(redis_url)
    id = gateway.create(FINE).json()["id"]
    with listening(gateway, id) as first, listening(gateway, id) as second:
        first.next(), second.next()
        time.sleep(1.2)
        before = asked()
        time.sleep(3)
        assert 2 <= asked() - before <= 4
    time.sleep(2.5)
    before = asked()
    time.sleep(1.5)
    assert asked() == before, "nobody follows, nobody asks"


def test_a_stop_ends_the_stream_at_once_and_it_goes_on_elsewhere(
    start: Start, apart_url: str, tmp_path
) -> None:
    with start() as gateway:
        id = gateway.create(FINE).json()["id"]
        with listening(gateway, id) as listener:
            heard = [listener.next()]
            begun = time.monotonic()
            gateway.process.terminate()
            assert listener.next() is None
        gateway.process.wait(8)
        assert time.monotonic() - begun < 8, "not by the server's patience of ten seconds"
    with (
        running(apart_url, tmp_path / "other.log") as other,
        working(apart_url, Rule()),
        listening(other, id, heard[0].id) as listener,
    ):
        heard += listener.all()
    assert names(heard) == ["starting", "processing", "completed"]
    assert "graceful shutdown exceeded" not in gateway.log.read_text()


def test_a_stream_outlives_an_absence_of_redis(redis_server, tmp_path) -> None:
    with running(redis_server.url, tmp_path / "gateway.log") as gateway:
        id = gateway.create(FINE).json()["id"]
        with listening(gateway, id) as listener:
            heard = [listener.next()]
            redis_server.kill()
            time.sleep(0.5)
            redis_server.start()
            with working(redis_server.url, Rule()):
                heard += listener.all()
    assert names(heard) == ["starting", "processing", "completed"]


async def test_a_stream_that_finds_redis_away_says_so_by_a_comment_and_tries_again(redis_server) -> None:
    app = create_app(Settings.model_validate({"REDIS_URL": redis_server.url}))
    async with app.router.lifespan_context(app):
        parts = app.state.services
        new = NewPrediction(id="p1", model="sentiment", input='{"text":"a"}')
        await parts.admissions["sentiment"].admit(new)
        frames = streaming._frames(parts, "p1", "", 0, lambda moment: moment.event.encode())
        assert [await anext(frames) for _ in range(2)] == [streaming.RETRY, b"starting"]
        redis_server.kill()
        for changed in parts.streams._open["p1"]:
            changed.set()
        assert await anext(frames) == streaming.KEEPALIVE_COMMENT
        redis_server.start()
        await parts.store.cancel("p1", "")
        rest = [frame async for frame in frames if frame != streaming.KEEPALIVE_COMMENT]
    assert rest == [b"completed"]


def test_a_text_with_every_line_end_that_unicode_knows_arrives_whole(gateway: Gateway) -> None:
    text = "a\u2028b\u2029c\x85d\ne\rf\x0bg\x0ch 🙂 مرحبا"
    id = gateway.create(text).json()["id"]
    with listening(gateway, id) as listener:
        assert listener.next().data["input"] == {"text": text}


def test_clients_that_go_away_are_forgotten(gateway: Gateway) -> None:
    def waiters() -> float:
        [line] = [
            one
            for one in gateway.http.get("/metrics").text.splitlines()
            if one.startswith("barometer_waiters ")
        ]
        return float(line.split()[1])

    id = gateway.create(FINE).json()["id"]
    with listening(gateway, id) as listener:
        listener.next()
        assert waiters() == 1
    wait_for(lambda: waiters() == 0)


@pytest.mark.slow
def test_silence_is_broken_by_a_comment_every_fifteen_seconds(gateway: Gateway) -> None:
    id = gateway.create(FINE).json()["id"]
    begun = time.monotonic()
    with listening(gateway, id) as listener:
        listener.next()
        assert next(listener.lines).startswith(":")
        assert 14 < time.monotonic() - begun < 20
