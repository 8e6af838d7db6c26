"""Twice as many texts as the service can answer: what it refuses, what it keeps, and the memory this takes.

``arrivals`` sends on a fixed schedule whatever the answers, ``memory`` watches every process, ``judging``
says what became of each text.
"""
