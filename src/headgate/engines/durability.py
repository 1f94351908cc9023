"""Data files on their way to the disk while the work on what is in them goes on."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from headgate.catalog.storage import Storage

# Each has an open descriptor, of which a process has a thousand.
_MOST = 64
_THREADS = 4


class Syncs:
    """The files that one session wrote, each of which is to be durable before a commit refers to it."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._begun: list[Future[None]] = []
        self._threads = ThreadPoolExecutor(_THREADS, "sync")

    def begin(self, location: str) -> None:
        """Begin to make a file durable; where too many are on their way, this one is when this returns.

        Raises:
            StorageError: The file cannot be opened or brought to the disk.
        """
        sync = self._storage.syncing(location)
        if len(self._begun) < _MOST:
            self._begun.append(self._threads.submit(sync))
        else:
            sync()

    def wait(self) -> None:
        """Wait until all of them are durable.

        Raises:
            StorageError: One of them is not going to be; it is told each time.
        """
        while self._begun:
            self._begun[0].result()
            del self._begun[0]

    def close(self) -> None:
        """End the threads, once they have done what they began."""
        self._threads.shutdown(wait=False)
