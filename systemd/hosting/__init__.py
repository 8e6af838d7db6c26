"""Barometer on a host with systemd: releases, users, health, backups.

The standard library alone: it runs before any package is there. ``systemd/install`` is its command line.
"""
