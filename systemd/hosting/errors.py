"""What can go wrong on a host.

HostError             1   a sentence for the operator
├── NotReady          2   this machine lacks something; nothing was changed
└── Unhealthy         3   a release did not answer; the one before serves again if there was one
"""


class HostError(Exception):
    """Something an operator must look at."""

    exit_code = 1


class NotReady(HostError):
    """This machine lacks something; nothing was changed."""

    exit_code = 2


class Unhealthy(HostError):
    """A release did not become healthy."""

    exit_code = 3
