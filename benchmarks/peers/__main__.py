"""``python -m benchmarks.peers fill|work|answers``: one end of a peer's queue, in the peer's environment.

``REDIS_URL`` says where, ``PEER`` who (rq, celery, arq, taskiq), ``PEER_VARIANT`` how, ``PEER_MODEL`` what
runs. ``fill`` reads texts and prints ids, ``answers`` reads ids and prints answers; all as JSON.
"""

import json
import os
import sys

from benchmarks.peers.peer import peer


def main() -> None:
    chosen = peer(os.environ["PEER"])
    match sys.argv[1:]:
        case ["fill"]:
            json.dump(chosen.fill(json.load(sys.stdin)), sys.stdout)
        case ["answers"]:
            json.dump(chosen.answers(json.load(sys.stdin)), sys.stdout)
        case ["work"]:
            # A shell's arguments are not the worker's: Celery would read them.
            del sys.argv[1:]
            chosen.work()
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
