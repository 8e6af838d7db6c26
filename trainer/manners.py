"""Training leaves the machine to those who serve: it waits behind them, and leaves a core free."""

import os

#: Read by OpenMP, MKL, OpenBLAS, TensorFlow and the tokenizers, each when it is first imported or used.
_COUNTS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "RAYON_NUM_THREADS",
)


def stand_back(niceness: int, threads: int) -> None:
    """Lower this process's priority and limit its threads; call it before anything heavy is imported.

    ``threads`` of 0 takes all cores but one, and one at least. What the operator has set wins.
    """
    # Relative to what it is now: a process started under `nice` does not climb back, nor sinks without end.
    os.nice(max(0, niceness - os.nice(0)))
    count = threads or max(1, len(os.sched_getaffinity(0)) - 1)
    for name in _COUNTS:
        os.environ.setdefault(name, str(count))
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    # The tokenizers complain when a process that used them forks.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
