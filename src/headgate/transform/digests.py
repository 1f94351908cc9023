"""Whether functions of a library are those that something here was written for."""

from __future__ import annotations

import functools
import hashlib
import inspect
import linecache
from pathlib import Path
from types import ModuleType
from typing import Any


@functools.cache
def digest_of(*functions: Any) -> str:
    """The start of the SHA-256 of what functions are written as, nothing where that is not there.

    `inspect.getsource` would go through every module of the process first.
    """
    codes = [inspect.unwrap(getattr(function, "__func__", function)).__code__ for function in functions]
    texts = (linecache.getlines(code.co_filename)[code.co_firstlineno - 1 :] for code in codes)
    blocks = ("".join(inspect.getblock(lines) if lines else ()) for lines in texts)
    return hashlib.sha256("\0".join(blocks).encode()).hexdigest()[:16]


def digest_of_module(module: ModuleType) -> str:
    """The start of the SHA-256 of a module's file, nothing where there is none to read."""
    try:
        text = Path(module.__file__ or "").read_bytes()
    except OSError:
        text = b""
    return hashlib.sha256(text).hexdigest()[:16]
