"""The challenger's process, as its worker sees it: asked in lines, ended when it does not answer."""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from worker.errors import ModelBroken, ModelUnavailable, Refusal
from worker.mlflow_client import FETCH_LIMIT_S
from worker.registry import Version

#: A process that runs when nobody else wants to may wait for its turn for a good while.
ANSWER_LIMIT_S = 120.0


class Process:
    """One challenger. It loads as soon as it is made; ``ready`` waits for that.

    Args:
        told: what the process needs to find the version: ``tracking_uri``, ``model`` and ``cache``.
        answer_limit_s: how long it may take over one call of ``ask``.
    """

    def __init__(
        self, version: Version, told: Mapping[str, str], answer_limit_s: float = ANSWER_LIMIT_S
    ) -> None:
        self._answer_limit_s = answer_limit_s
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", "worker.shadow.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # What a model's libraries say may quote the text.
            stderr=subprocess.DEVNULL,
            # Ctrl-C in a terminal is for the worker, which then ends the child itself.
            start_new_session=True,
        )
        assert self._child.stdin is not None and self._child.stdout is not None  # noqa: PT018 - both are pipes
        self._in, self._out = self._child.stdin.fileno(), self._child.stdout.fileno()
        os.set_blocking(self._in, False)
        self._first = {**told, "number": version.number, "key": version.key}
        self._came = b""

    def ready(self) -> None:
        """Wait until the version is loaded and tried.

        Raises:
            ModelUnavailable: its files cannot be had now.
            ModelBroken: it must not serve, or it has ended its process.
        """
        said = self._exchange(self._first, FETCH_LIMIT_S)
        if "unavailable" in said:
            raise ModelUnavailable(said["unavailable"])
        if "broken" in said:
            raise ModelBroken(Refusal(said["broken"]), "the challenger must not serve")

    def ask(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Return an answer a text, in order: ``label``, ``scores`` and ``seconds``, or ``error``.

        Raises:
            ModelBroken: it died, or does not answer.
        """
        return list(self._exchange(list(texts), self._answer_limit_s))

    def stop(self) -> None:
        """End it at once. Safe from another thread, and more than once."""
        self._child.kill()

    def close(self) -> None:
        """End it and let go of it; by the thread that asks it."""
        self._child.kill()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()
        self._child.wait()

    def _exchange(self, line: object, limit_s: float) -> Any:
        """Write a line and read one, within a time."""
        left, until = json.dumps(line).encode() + b"\n", time.monotonic() + limit_s
        while b"\n" not in self._came:
            writing = [self._in] if left else []
            readable, writable, _ = select.select([self._out], writing, [], max(0, until - time.monotonic()))
            if not readable and not writable:
                raise ModelBroken(Refusal.SLOW, f"the challenger did not answer for {limit_s:.0f} s")
            try:
                if writable:
                    left = left[os.write(self._in, left) :]
                if readable:
                    self._came += self._read()
            except BrokenPipeError as error:
                raise ModelBroken(Refusal.DIED, "the challenger's process ended") from error
        answer, _, self._came = self._came.partition(b"\n")
        return json.loads(answer)

    def _read(self) -> bytes:
        chunk = os.read(self._out, 1 << 16)
        if not chunk:
            raise BrokenPipeError
        return chunk
