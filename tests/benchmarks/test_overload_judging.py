"""What counts as on time when more is sent than can be answered."""

import asyncio
import json
from contextlib import closing, suppress

import pytest

from benchmarks.overload import arrivals
from benchmarks.overload.arrivals import Answer, Schedule
from benchmarks.overload.judging import End, judge

DEADLINE_S = 2.0


def accepted(id: str) -> Answer:
    return Answer(202, 0.5, 3.0, False, id)


@pytest.mark.parametrize(
    ("status", "after_s", "fate"),
    [
        ("succeeded", 1.99, "in_time"),
        ("succeeded", 2.01, "late"),
        ("failed", 2.5, "late"),
        ("canceled", 2.0, "canceled"),
        ("canceled", 2.9, "canceled"),
        ("canceled", 3.1, "late"),
        ("canceled", 0.9, "late"),
    ],
)
def test_an_end_is_in_time_or_canceled_at_the_deadline_or_late(
    status: str, after_s: float, fate: str
) -> None:
    ends = {"a": End(status=status, created_at=100, completed_at=100 + after_s)}
    judged = judge([accepted("a")], ends, DEADLINE_S)
    fates = {name: getattr(judged, name) for name in ("in_time", "canceled", "late", "open")}
    assert fates == {"in_time": 0, "canceled": 0, "late": 0, "open": 0} | {fate: 1}


def test_what_did_not_end_is_open_and_a_refusal_must_say_when_to_come_back() -> None:
    answers = [
        accepted("a"),
        Answer(503, 0, 1.0, True, ""),
        Answer(503, 0, 2.0, False, ""),
        Answer(500, 0, 2.0, False, ""),
        Answer(0, 0, 2.0, False, ""),
    ]
    judged = judge(answers, {}, DEADLINE_S)
    assert (judged.sent, judged.accepted, judged.open, judged.refused) == (5, 1, 1, 2)
    assert judged.without_retry_after == 1
    assert judged.others == {"500": 1, "0": 1}
    assert judged.refused_ms == (1.0, 2.0)


async def test_texts_arrive_on_schedule_though_nothing_is_answered() -> None:
    """A closed loop would send only as many as it has connections."""
    requests: list[bytes] = []
    go_on = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
                requests.append(head + await reader.readexactly(length))
                if len(requests) == 100:
                    go_on.set()
                await go_on.wait()
                body = json.dumps({"id": f"p{len(requests)}"}).encode()
                # In two pieces: an answer is whole when its last byte is there.
                writer.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: %d\r\n\r\n" % len(body) + body[:5])
                await writer.drain()
                await asyncio.sleep(0.01)
                writer.write(body[5:])

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    schedule = Schedule(
        url=f"http://127.0.0.1:{port}/v1/predictions",
        rate=400, seconds=0.5, seed=1, bodies=['{"n": 1}'], headers=["Cancel-After: 2s"],
    )  # fmt: skip
    answers = await arrivals.send(schedule)
    server.close()
    await server.wait_closed()
    assert len(answers) == len(requests) > 100
    assert {answer.status for answer in answers} == {202}
    assert all(answer.id.startswith("p") for answer in answers)
    assert all(b"\r\nCancel-After: 2s\r\n" in request for request in requests)
