"""What server and client have to agree on."""

PREFIX = "/api/v1"
"""Where headgate's own API begins, below the server's address."""

VERSION = 1
"""Raised with every change that an older client or server would misunderstand."""

LINES = "application/x-ndjson"
"""The media type of answers that tell of progress: one JSON object per line, the result or an error last."""
