"""What a process prints, line by line, through a pipe of ours.

Not asyncio's own pipes: with those a process counts as running until its last child has closed
them, so a dead service with a living child would not be restarted.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable

#: A line longer than this many bytes is shown in pieces.
LONGEST_LINE = 1 << 16


async def follow(read_end: int, show: Callable[[str], None]) -> asyncio.Task[None]:
    """Show each line that comes out of the pipe; the task ends when nobody can write to it any more.

    Args:
        read_end: a file descriptor, closed with the task.
        show: called with each line, without its break.
    """
    stream = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(read_end, "rb", buffering=0)
    )

    async def show_all() -> None:
        async for line in lines(stream):
            show(line)

    task = asyncio.create_task(show_all())
    task.add_done_callback(lambda _: transport.close())
    return task


async def lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    """Yield each line without its break; a line of any length is safe, and so are bytes that are no text."""
    pending = b""
    while chunk := await stream.read(LONGEST_LINE):
        *complete, pending = (pending + chunk).split(b"\n")
        if len(pending) > LONGEST_LINE:
            complete, pending = [*complete, pending], b""
        for line in complete:
            yield line.decode(errors="replace")
    if pending:
        yield pending.decode(errors="replace")
