"""What can go wrong before a server answers."""

from __future__ import annotations


class ServiceError(Exception):
    """A server or one of its artifacts is not to be had; the message ends with the next step."""


class Absent(ServiceError):
    """A tool of this machine is missing, Java or Go for example; tests skip for it, but not in CI."""
