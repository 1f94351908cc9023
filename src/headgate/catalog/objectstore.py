"""Files in an object store that speaks S3, through `obstore`; no other module imports it."""

from __future__ import annotations

import urllib.parse
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from itertools import groupby
from threading import Condition, Lock
from typing import TYPE_CHECKING

from headgate.catalog.localfiles import StoredFile
from headgate.catalog.s3access import S3Access
from headgate.catalog.s3errors import s3_code, s3_error
from headgate.errors import FileTaken, MissingExtra, StorageError
from headgate.faults import Point, reached

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta
    from obstore.store import ClientConfig, RetryConfig, S3Config, S3Store

# About ten seconds of a server that restarts; a request that is answered with an error is not asked again but for 5xx.
_RETRIES = 6
# A server that says nothing for so long is not asked again: one that restarts refuses connections, which takes no time.
_SILENCE, _RETRYING = timedelta(seconds=30), timedelta(seconds=25)
_PART = 8 << 20
# A file takes as long as the server needs to have it for good; several take hardly longer than one.
_AT_ONCE = 8
# What is remembered at most, and of one file.
_REMEMBERED = 16 << 20
_SMALL = 1 << 20
_NO_FILE = (None, "NoSuchKey", "NotFound")


class ObjectStore:
    """Objects by `s3:` URI, in any bucket that the credentials reach.

    Args:
        access: How the server is reached.
    """

    def __init__(self, access: S3Access) -> None:
        self._access = access
        self._buckets: dict[str, S3Store] = {}
        self._recent = _Recent()

    def read(self, location: str) -> bytes:
        found = self._recent.get(location)
        if found is None:
            found = self._read(location)
            self._recent.put(location, found)
        return found

    def _read(self, location: str) -> bytes:
        store, key = self._at(location)
        with self._errors(location):
            return bytes(store.get(key).bytes())

    def parts(self, file: StoredFile) -> Iterator[bytes]:
        """The content of an object as it was listed, in pieces, each asked for on its own and asked again if it fails.

        Raises:
            FileMissing: The object is gone.
            FileChanged: It has been written since it was listed.
        """
        store, key = self._at(file.location)
        for start in range(0, file.bytes, _PART):
            end = min(start + _PART, file.bytes)
            with self._errors(file.location):
                options: GetOptions = {"range": (start, end)}
                if file.etag is not None:
                    options["if_match"] = file.etag
                part = bytes(store.get(key, options=options).bytes())
            yield part

    def write_all(self, files: Mapping[str, bytes]) -> None:
        if len(files) == 1:
            self._write(*next(iter(files.items())))
            return
        for location in files:
            # What reaches a bucket is made once, and not by several threads.
            self._at(location)
        written: list[str] = []
        begun: set[str] = set()
        turn = Condition()
        given_up = False

        def write(location: str) -> None:
            with turn:
                if given_up:
                    return
                begun.add(location)
            try:
                self._write(location, files[location])
                written.append(location)
            finally:
                with turn:
                    begun.discard(location)
                    turn.notify_all()

        try:
            with ThreadPoolExecutor(min(len(files), _AT_ONCE)) as threads:
                for _ in threads.map(write, files):
                    pass
        except BaseException as error:
            # An interrupt while a thread starts leaves one that the pool does not know and does not wait for.
            with turn:
                given_up = True
                turn.wait_for(lambda: not begun)
            try:
                self.delete(written)
            except StorageError as left:
                raise error from left
            raise

    def _write(self, location: str, content: bytes) -> None:
        store, key = self._at(location)
        try:
            with self._errors(location):
                store.put(key, content, mode="create", use_multipart=False)
        except FileTaken:
            # A request that was repeated because its answer was lost finds what it has written itself.
            if self._read(location) != content:
                raise
        self._recent.put(location, content)
        reached(Point.FILE_WRITTEN)

    def find(self, location: str) -> StoredFile | None:
        store, key = self._at(location)
        try:
            found = store.head(key)
        except FileNotFoundError:
            return self._find_by_reading(location)
        except self._library_errors() as error:
            raise self._translated(location, error) from error
        return _stored(location, found)

    def _find_by_reading(self, location: str) -> StoredFile | None:
        """As `find`, for when the answer to a HEAD does not say what it is that is missing: file, bucket or user."""
        store, key = self._at(location)
        try:
            found = store.get(key).meta
        except self._library_errors() as error:
            if isinstance(error, FileNotFoundError) and s3_code(str(error)) in _NO_FILE:
                return None
            raise self._translated(location, error) from error
        return _stored(location, found)

    def list(self, prefix: str) -> Iterator[StoredFile]:
        store, key = self._at(prefix)
        bucket = urllib.parse.urlsplit(prefix).netloc
        with self._errors(prefix):
            for batch in store.list(key or None):
                for found in batch:
                    yield _stored(f"s3://{bucket}/{found['path']}", found)

    def delete(self, locations: Iterable[str]) -> None:
        for _, group in groupby(sorted(set(locations)), lambda location: urllib.parse.urlsplit(location).netloc):
            places = [(location, *self._at(location)) for location in group]
            location, store, _ = places[0]
            self._recent.forget(location for location, _, _ in places)
            with self._errors(location):
                store.delete([key for _, _, key in places])

    def make_folder(self, location: str) -> None:
        """Nothing: an object store has no folders."""

    def syncing(self, location: str) -> Callable[[], None]:
        """Nothing to be done: an object is durable when its upload has been answered."""
        return lambda: None

    def _at(self, location: str) -> tuple[S3Store, str]:
        """The bucket of a location, and the key in it."""
        scheme, _, rest = location.partition("://")
        bucket, _, key = rest.partition("/")
        if scheme not in ("s3", "s3a", "s3n") or not bucket:
            raise StorageError(
                f"'{location}' is no place that headgate can read.", place=location, hint="Write s3://bucket/prefix."
            )
        if bucket not in self._buckets:
            self._buckets[bucket] = self._open(bucket)
        return self._buckets[bucket], key.strip("/")

    def _open(self, bucket: str) -> S3Store:
        try:
            from obstore.store import S3Store
        except ModuleNotFoundError as error:
            raise MissingExtra(
                f"obstore is not installed, which reads and writes 's3://{bucket}'.",
                hint="pip install 'headgate[s3]'",
            ) from error
        access = self._access
        config: S3Config = {"region": access.region, "virtual_hosted_style_request": not access.path_style}
        if access.endpoint is not None:
            config["endpoint"] = access.endpoint if access.path_style else _with_bucket(access.endpoint, bucket)
        if access.access_key is not None and access.secret_key is not None:
            config["access_key_id"] = access.access_key
            config["secret_access_key"] = access.secret_key
            if access.session_token is not None:
                config["session_token"] = access.session_token
        else:
            # Without this the library asks the network for credentials of a virtual machine, for seconds.
            config["skip_signature"] = True
        client: ClientConfig = {"allow_http": True, "connect_timeout": "5s", "read_timeout": _SILENCE, "timeout": "60s"}
        backoff = {"init_backoff": timedelta(milliseconds=200), "max_backoff": timedelta(seconds=4), "base": 2}
        retry: RetryConfig = {
            "max_retries": _RETRIES,
            "retry_timeout": _RETRYING,
            "backoff": backoff,  # type: ignore[typeddict-item]  # a plain dictionary
        }
        return S3Store(bucket, config=config, client_options=client, retry_config=retry)

    @staticmethod
    def _library_errors() -> tuple[type[Exception], ...]:
        from obstore.exceptions import BaseError

        # Some of its errors are the standard library's, such as FileNotFoundError.
        return BaseError, OSError, ValueError

    @contextmanager
    def _errors(self, location: str) -> Iterator[None]:
        try:
            yield
        except self._library_errors() as error:
            raise self._translated(location, error) from error

    def _translated(self, location: str, error: Exception) -> StorageError:
        # Behind it stands the library's own account of the error, headers included.
        text = str(error).partition("Debug source:")[0]
        if isinstance(error, ValueError):
            return StorageError(
                f"'{location}' is no key that can be read: {text.strip()}", place=location, hint="Rename the object."
            )
        signed = self._access.access_key is not None
        return s3_error(location, text, endpoint=self._access.endpoint, signed=signed)


class _Recent:
    """Small files that were read or written of late: they never change, and each is a request to a server far away."""

    def __init__(self) -> None:
        self._files: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def get(self, location: str) -> bytes | None:
        with self._lock:
            if location in self._files:
                self._files.move_to_end(location)
            return self._files.get(location)

    def put(self, location: str, content: bytes) -> None:
        if len(content) > _SMALL:
            return
        with self._lock:
            self._bytes += len(content) - len(self._files.pop(location, b""))
            self._files[location] = content
            while self._bytes > _REMEMBERED:
                _, oldest = self._files.popitem(last=False)
                self._bytes -= len(oldest)

    def forget(self, locations: Iterable[str]) -> None:
        with self._lock:
            for location in locations:
                self._bytes -= len(self._files.pop(location, b""))


def _stored(location: str, found: ObjectMeta) -> StoredFile:
    # Some servers tell fractions of a second in a listing only.
    return StoredFile(location, found["last_modified"].replace(microsecond=0), found["size"], found["e_tag"])


def _with_bucket(endpoint: str, bucket: str) -> str:
    """The URL of a server with the bucket in its host."""
    scheme, _, host = endpoint.partition("://")
    return f"{scheme}://{bucket}.{host}"
