"""Random kills of every process under steady load, with a ledger outside that must balance.

``plan`` decides what is struck when, ``faults`` strikes, ``client`` sends and follows, ``observers`` see the
event stream and the webhooks, all three write the ``ledger``, and ``balance`` judges it.
"""
