"""How an object store is reached: what the settings say, and the defaults where they say nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from headgate.errors import ProjectError

_REGION = "us-east-1"


class AccessSettings(Protocol):
    """What settings say about an object store; None where they leave it open."""

    @property
    def endpoint(self) -> str | None: ...

    @property
    def region(self) -> str | None: ...

    @property
    def path_style(self) -> bool | None: ...

    @property
    def access_key(self) -> str | None: ...

    @property
    def secret_key(self) -> str | None: ...

    @property
    def session_token(self) -> str | None: ...


@dataclass(frozen=True)
class S3Access:
    """The way to an S3 server.

    Attributes:
        endpoint: URL of the server, without the bucket; None for AWS.
        path_style: Whether the bucket stands in the path of a URL and not in its host.
        access_key: None where requests are not signed, as public buckets want it.
    """

    endpoint: str | None = None
    region: str = _REGION
    path_style: bool = False
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, settings: AccessSettings | None) -> S3Access:
        """What the settings of a storage come to.

        Raises:
            ProjectError: The endpoint is no URL, or one of the two keys is missing.
        """
        if settings is None:
            return cls()
        endpoint = settings.endpoint.rstrip("/") if settings.endpoint else None
        if endpoint is not None and not endpoint.startswith(("http://", "https://")):
            raise ProjectError(
                f"The endpoint '{endpoint}' of the storage is no URL.", hint=f"Write it as https://{endpoint}."
            )
        if bool(settings.access_key) != bool(settings.secret_key):
            missing = "secret_key" if settings.access_key else "access_key"
            raise ProjectError(
                f"The storage has one of its two keys: {missing} is not set.",
                hint="Set access_key and secret_key of `storage`, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
            )
        return cls(
            endpoint,
            settings.region or _REGION,
            endpoint is not None if settings.path_style is None else settings.path_style,
            settings.access_key or None,
            settings.secret_key or None,
            settings.session_token or None,
        )

    def client_config(self) -> dict[str, str]:
        """The same as properties of Iceberg's `FileIO`, for a client of the REST catalog."""
        found = {
            "s3.endpoint": self.endpoint,
            "s3.region": self.region,
            # The name of the specification, which Spark's library asks for; DuckDB and PyIceberg know the other.
            "client.region": self.region,
            "s3.path-style-access": "true" if self.path_style else "false",
            "s3.access-key-id": self.access_key,
            "s3.secret-access-key": self.secret_key,
            "s3.session-token": self.session_token,
        }
        return {name: value for name, value in found.items() if value is not None}
