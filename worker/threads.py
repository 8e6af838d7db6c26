"""How many threads a model computes with, told to every library that has a pool of its own."""

import os

#: Each reads its variable once, when it is first imported: so this comes before numpy, torch or onnxruntime.
_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def count(asked: int) -> int:
    """Return how many threads: as asked, or one for each core this process may run on if 0."""
    return asked or len(os.sched_getaffinity(0))


def limit(asked: int) -> None:
    """Tell the libraries; with 0 they use every core, unless the operator's environment says otherwise."""
    if asked:
        os.environ.update(dict.fromkeys(_VARIABLES, str(asked)))
