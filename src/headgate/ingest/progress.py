"""Telling how far the engine has come with a file, while it works."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from headgate.engines.duckdb import Session
from headgate.errors import Cancelled
from headgate.events import Emit, LoadProgress, ignore

_SECONDS = 0.25


@contextmanager
def watched(session: Session, source: str, file: str, emit: Emit) -> Iterator[None]:
    """Emit `LoadProgress` while statements of the body run.

    The fraction is that of the statement at hand: a file that takes several begins again with each. Events come from
    another thread, while the caller's waits for the engine; a consumer that raises `Cancelled` stops the statement.
    """
    if emit is ignore:
        yield
        return
    for setting in ("enable_progress_bar = true", "enable_progress_bar_print = false", "progress_bar_time = 0"):
        session.execute(f"SET {setting}")
    done = threading.Event()
    cancelled: list[Cancelled] = []

    def watch() -> None:
        while not done.wait(_SECONDS):
            percent = session.connection.query_progress()
            if percent < 0:
                continue
            try:
                emit(LoadProgress(source, file, min(percent / 100, 1.0)))
            except Cancelled as error:
                cancelled.append(error)
                session.interrupt()
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    except Cancelled as error:
        raise cancelled[0] if cancelled else error from None
    finally:
        done.set()
        watcher.join()
    if cancelled:
        raise cancelled[0]
