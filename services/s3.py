"""Servers that speak S3: versitygw, small and strict, and MinIO."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import hmac
import http
import http.client
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from services import artifacts
from services.errors import ServiceError
from services.process import Process, answers, free_port, listens, password

_EMPTY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class S3:
    """A running server, its credentials, and where it keeps its files."""

    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str
    data: Path
    process: Process = field(repr=False)
    ready: Callable[[], bool] = field(repr=False)

    def make_bucket(self, name: str) -> str:
        """Make a bucket and return its URI."""
        status, body = self._put(f"/{name}")
        # MinIO says that it is ready a moment before it is.
        for _ in range(50):
            if status != http.HTTPStatus.SERVICE_UNAVAILABLE:
                break
            time.sleep(0.2)
            status, body = self._put(f"/{name}")
        if status != http.HTTPStatus.OK:
            raise ServiceError(f"{self.process.name} did not make the bucket {name}: {status} {body}")
        return f"s3://{name}"

    def _put(self, path: str) -> tuple[int, str]:
        host = self.endpoint.removeprefix("http://")
        connection = http.client.HTTPConnection(host, timeout=30)
        try:
            connection.request("PUT", path, headers=self._signed(host, path))
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace")
        finally:
            connection.close()

    def settings(self, uri: str) -> dict[str, object]:
        """What `storage:` of a project needs to use a URI of this server."""
        return {
            "url": uri,
            "endpoint": self.endpoint,
            "region": self.region,
            "path_style": True,
            "access_key": self.access_key,
            "secret_key": self.secret_key,
        }

    def environment(self) -> dict[str, str]:
        """The same for a program that reads the environment."""
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
        }

    def kill(self) -> None:
        """End it as a crash would; its files stay."""
        self.process.kill()

    def restart(self) -> None:
        """Start it again at the same address, over the same files."""
        self.process.end()
        self.process.start()
        self.process.wait(self.ready, seconds=60)

    def _signed(self, host: str, path: str) -> dict[str, str]:
        """Headers of an empty PUT, signed with AWS Signature Version 4."""
        now = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
        headers = {"host": host, "x-amz-content-sha256": _EMPTY, "x-amz-date": now}
        listed = "".join(f"{key}:{value}\n" for key, value in headers.items())
        request = "\n".join(["PUT", path, "", listed, ";".join(headers), _EMPTY])
        scope = f"{now[:8]}/{self.region}/s3/aws4_request"
        to_sign = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(request.encode()).hexdigest()])
        key = f"AWS4{self.secret_key}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
        credential = f"AWS4-HMAC-SHA256 Credential={self.access_key}/{scope}"
        return {**headers, "Authorization": f"{credential}, SignedHeaders={';'.join(headers)}, Signature={signature}"}


@contextlib.contextmanager
def versitygw(folder: Path) -> Iterator[S3]:
    """Start versitygw over a folder: objects are plain files in `<folder>/versitygw-data/<bucket>/`."""
    port, access, secret = free_port(), password(), password()
    data = _made(folder / "versitygw-data")
    # The address stands before the keys: they are not in the list of processes, but in the environment.
    # With --keep-alive it loses its place in a connection now and then, and answers 400 to whoever completes an upload.
    options = ["--port", f"127.0.0.1:{port}", "--region", "us-east-1", "--quiet", "posix"]
    environment = {"ROOT_ACCESS_KEY": access, "ROOT_SECRET_KEY": secret}
    process = Process("versitygw", [artifacts.go("versitygw"), *options, data], folder, environment=environment)
    with process:
        yield _answering(process, port, access, secret, data, lambda: listens(port))


@contextlib.contextmanager
def minio(folder: Path) -> Iterator[S3]:
    """Start MinIO over `<folder>/minio-data`."""
    port, access, secret = free_port(), password(), password()
    data = _made(folder / "minio-data")
    options = ["server", str(data), "--address", f"127.0.0.1:{port}", "--quiet"]
    environment = {
        "MINIO_ROOT_USER": access,
        "MINIO_ROOT_PASSWORD": secret,
        "MINIO_REGION": "us-east-1",
        "MINIO_UPDATE": "off",
        "MINIO_BROWSER": "off",
    }
    process = Process("minio", [artifacts.go("minio"), *options], folder, environment=environment)
    with process:
        health = f"http://127.0.0.1:{port}/minio/health/ready"
        yield _answering(process, port, access, secret, data, lambda: answers(health))


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _answering(process: Process, port: int, access: str, secret: str, data: Path, ready: Callable[[], bool]) -> S3:
    process.wait(ready, seconds=60)
    return S3(f"http://127.0.0.1:{port}", access, secret, "us-east-1", data, process, ready)
