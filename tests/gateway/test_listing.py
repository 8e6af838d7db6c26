"""``GET /v1/predictions``: pages that stay true while new predictions come."""

from typing import Any

import pytest
from redis import Redis

from contract import keys
from gateway.errors import InvalidRequest
from gateway.listing import Cursor, cursor
from tests.gateway.conftest import Gateway
from tests.working import Rule, working


def create(gateway: Gateway, count: int, text: str = "fine") -> list[str]:
    """Create so many, one after the other; return their ids, newest first."""
    return [gateway.create(f"{text} {number}").json()["id"] for number in range(count)][::-1]


def page(gateway: Gateway, url: str = "/v1/predictions", **query: Any) -> dict[str, Any]:
    answer = gateway.http.get(url, params=query or None)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ids(page: dict[str, Any]) -> list[str]:
    return [result["id"] for result in page["results"]]


def pages(gateway: Gateway, direction: str, first: dict[str, Any]) -> list[dict[str, Any]]:
    found = [first]
    while found[-1][direction]:
        found.append(page(gateway, found[-1][direction]))
    return found


def test_nothing_was_created_yet(gateway: Gateway) -> None:
    assert page(gateway) == {"previous": None, "next": None, "results": []}


def test_newest_first_each_as_it_is_read_alone(gateway: Gateway, redis_url: str) -> None:
    created = create(gateway, 3)
    with working(redis_url, Rule()):
        gateway.get(created[0], prefer="wait")
    found = page(gateway)
    assert ids(found) == created
    assert found["results"] == [gateway.get(id).json() for id in created]
    assert (found["next"], found["previous"]) == (None, None)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
def test_pages_hold_everything_once_in_both_directions(gateway: Gateway, size: int) -> None:
    created = create(gateway, 7)
    onward = pages(gateway, "next", page(gateway, limit=size))
    assert [id for one in onward for id in ids(one)] == created
    back = pages(gateway, "previous", onward[-1])
    assert [id for one in back[::-1] for id in ids(one)] == created
    assert all(len(ids(one)) <= size for one in onward + back)


def test_what_comes_meanwhile_moves_no_page(gateway: Gateway) -> None:
    created = create(gateway, 6)
    first = page(gateway, limit=3)
    newer = create(gateway, 2)
    second = page(gateway, first["next"])
    assert ids(second) == created[3:]
    assert ids(page(gateway, second["previous"])) == created[:3]
    assert ids(page(gateway)) == newer + created


def test_filters_go_with_the_pages(gateway: Gateway, redis_url: str) -> None:
    with working(redis_url, Rule()):
        for number in range(6):
            gateway.create(f"{'bad' if number % 2 else 'fine'} {number}", prefer="wait")
    waiting = create(gateway, 2)
    assert ids(page(gateway, status="starting")) == waiting
    negative = pages(gateway, "next", page(gateway, label="negative", limit=2))
    found = [result for one in negative for result in one["results"]]
    assert [result["input"]["text"] for result in found] == ["bad 5", "bad 3", "bad 1"]
    assert len(page(gateway, status="succeeded", label="positive", model="sentiment")["results"]) == 3
    assert page(gateway, model="other")["results"] == []


def test_what_is_past_its_retention_leaves_the_list(gateway: Gateway, redis_url: str) -> None:
    created = create(gateway, 4)
    Redis.from_url(redis_url).delete(keys.prediction(created[1]))
    assert ids(page(gateway)) == [created[0], *created[2:]]
    assert [id for one in pages(gateway, "next", page(gateway, limit=1)) for id in ids(one)] == [
        created[0],
        *created[2:],
    ]


@pytest.mark.parametrize(
    "query",
    [{"limit": "0"}, {"limit": "1001"}, {"limit": "x"}, {"status": "done"}, {"cursor": "x"}, {"cursor": ""}],
)
def test_a_query_that_cannot_be_is_422(gateway: Gateway, query: dict[str, str]) -> None:
    answer = gateway.http.get("/v1/predictions", params=query)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"#/{next(iter(query))}"


@pytest.mark.parametrize("said", ["", "x", "b", "é", "Zm9v", "bzE", "b" * 1000])
def test_a_cursor_that_no_page_gave_is_refused(said: str) -> None:
    with pytest.raises(InvalidRequest):
        cursor(said)


@pytest.mark.parametrize("place", [Cursor("1700000000000-0"), Cursor("1700000000000-12", is_newer=True)])
def test_a_cursor_is_read_as_it_was_written(place: Cursor) -> None:
    assert cursor(str(place)) == place
