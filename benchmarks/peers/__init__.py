"""What Barometer is compared with, each at its best settings, in environments of their own.

``python -m benchmarks.peers`` is a queue there, ``python -m benchmarks.peers.serve`` a server over HTTP. The
commands that measure import nothing of this but ``environments``.
"""
