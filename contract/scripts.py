"""Lua that more than one service runs: the end of a prediction."""

from importlib.resources import files

#: Prepended to every script that can end a prediction: commit and reap (worker), cancel (gateway).
TERMINAL = files("contract").joinpath("terminal.lua").read_text("utf-8")
