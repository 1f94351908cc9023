"""What other engines have to be told to work on a branch of a lake that is served."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from headgate.errors import UsageError, did_you_mean
from headgate.run.lake import Lake
from headgate.types import literal

URL = "http://127.0.0.1:8181"
"""Where `headgate serve` listens when it is not told otherwise."""

TOKEN = "HEADGATE_TOKEN"  # noqa: S105 - the name of a variable
"""The variable that holds the token; the token itself is never printed among settings."""

_SPARK = "org.apache.iceberg:iceberg-spark-runtime-4.1_2.13:1.12.0"
_SPARK_S3 = "org.apache.iceberg:iceberg-aws-bundle:1.12.0"
# What clients may know of the store before they have shown a token.
_PUBLIC = ("s3.endpoint", "s3.region", "s3.path-style-access")


@dataclass(frozen=True)
class Connection:
    """Settings to paste.

    Attributes:
        engine: Whose they are.
        branch: What they lead to.
        url: Address of the catalog.
        place: Where to paste the text.
        text: The settings in the engine's own form, without the token.
        settings: The same by name, `${HEADGATE_TOKEN}` in the token's place.
        note: What else there is to know.
    """

    engine: str
    branch: str
    url: str
    place: str
    text: str
    settings: dict[str, str]
    note: str | None = None


@dataclass(frozen=True)
class _Target:
    """What all engines are told: the catalog's address, the branch, and how its files are reached."""

    uri: str
    branch: str
    files: Mapping[str, str]

    @property
    def s3(self) -> bool:
        return bool(self.files)


def connect(engine: str, branch: str, url: str | None, files: Mapping[str, str]) -> Connection:
    """The settings of an engine.

    Args:
        engine: One of `ENGINES`.
        branch: The branch, tag or commit to work on.
        url: Address of the server; default: `URL`.
        files: What clients of the catalog are told to reach its files; empty where these are on a local disk.

    Raises:
        UsageError: There is no such engine.
    """
    if engine not in ENGINES:
        raise UsageError(f"There are no settings for '{engine}'.", hint=did_you_mean(engine, ENGINES))
    base = (url or URL).rstrip("/").removesuffix("/iceberg")
    return ENGINES[engine](_Target(f"{base}/iceberg", branch, files))


def reach(lake: Lake) -> dict[str, str]:
    """How clients reach the files of a lake, without its keys; empty where the files are on a local disk."""
    config = lake.storage.client_config()
    return {name: config[name] for name in _PUBLIC if name in config}


def _duckdb(target: _Target) -> Connection:
    secret = f"getenv('{TOKEN}')"
    text = f"""INSTALL iceberg; LOAD iceberg;
CREATE SECRET headgate (TYPE iceberg, TOKEN {secret});
ATTACH {literal(target.branch)} AS lake (TYPE iceberg, ENDPOINT {literal(target.uri)}, SECRET headgate);"""
    settings = {"database": target.branch, "ENDPOINT": target.uri, "TOKEN": _variable()}
    note = f"getenv() is the shell's; in Python put os.environ['{TOKEN}'] into the statement."
    return Connection("duckdb", target.branch, target.uri, "In DuckDB's shell", text, settings, note)


def _spark(target: _Target) -> Connection:
    catalog = "spark.sql.catalog.lake"
    settings = {
        "spark.jars.packages": f"{_SPARK},{_SPARK_S3}" if target.s3 else _SPARK,
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        catalog: "org.apache.iceberg.spark.SparkCatalog",
        f"{catalog}.type": "rest",
        f"{catalog}.uri": target.uri,
        f"{catalog}.warehouse": target.branch,
        f"{catalog}.token": _variable(),
        # Spark would show tables for half a minute as it first met them, whatever others write or merge.
        f"{catalog}.cache-enabled": "false",
    }
    if target.s3:
        settings[f"{catalog}.io-impl"] = "org.apache.iceberg.aws.s3.S3FileIO"
        settings[f"{catalog}.header.X-Iceberg-Access-Delegation"] = "vended-credentials"
    lines = "".join(f"    .config({_py(name)}, {_py(value)})\n" for name, value in settings.items())
    imports = "import os\n\nfrom pyspark.sql import SparkSession\n\n"
    text = f"{imports}spark = (\n    SparkSession.builder\n{lines}    .getOrCreate()\n)"
    note = "In spark-defaults.conf the same names and values, the token itself among them: keep that file to yourself."
    return Connection("spark", target.branch, target.uri, "In PySpark", text, settings, note)


def _trino(target: _Target) -> Connection:
    settings = {
        "connector.name": "iceberg",
        "iceberg.catalog.type": "rest",
        "iceberg.rest-catalog.uri": target.uri,
        "iceberg.rest-catalog.warehouse": target.branch,
        "iceberg.rest-catalog.security": "OAUTH2",
        "iceberg.rest-catalog.oauth2.token": f"${{ENV:{TOKEN}}}",
        "iceberg.rest-catalog.view-endpoints-enabled": "true",
        "iceberg.rest-catalog.nested-namespace-enabled": "true",
    }
    if target.s3:
        # Trino takes keys from a catalog only with a session token beside them, which keys of their own do not have.
        settings |= {
            "fs.native-s3.enabled": "true",
            "s3.aws-access-key": "${ENV:AWS_ACCESS_KEY_ID}",
            "s3.aws-secret-key": "${ENV:AWS_SECRET_ACCESS_KEY}",
            **{name: target.files[name] for name in _PUBLIC if name in target.files},
        }
    else:
        settings |= {"fs.native-local.enabled": "true", "local.location": "/"}
    text = "\n".join(f"{name}={_property(value)}" for name, value in settings.items())
    variables = f"${TOKEN}, $AWS_ACCESS_KEY_ID and $AWS_SECRET_ACCESS_KEY" if target.s3 else f"${TOKEN}"
    note = f"Trino reads {variables} when it starts." + ("" if target.s3 else " It has to run on the lake's machine.")
    return Connection("trino", target.branch, target.uri, "In etc/catalog/lake.properties", text, settings, note)


def _pyiceberg(target: _Target) -> Connection:
    settings = {"type": "rest", "uri": target.uri, "warehouse": target.branch, "token": _variable()}
    lines = "".join(f"    {name}={_py(value)},\n" for name, value in settings.items())
    text = f'import os\n\nfrom pyiceberg.catalog import load_catalog\n\ncatalog = load_catalog(\n    "lake",\n{lines})'
    return Connection("pyiceberg", target.branch, target.uri, "In Python", text, settings)


def _dremio(target: _Target) -> Connection:
    settings = {"Endpoint URI": target.uri, "warehouse": target.branch, "token": _variable()}
    if target.s3:
        settings |= {
            "fs.s3a.endpoint": target.files.get("s3.endpoint", "").partition("://")[2],
            "fs.s3a.path.style.access": target.files.get("s3.path-style-access", "false"),
            "fs.s3a.access.key": "${AWS_ACCESS_KEY_ID}",
            "fs.s3a.secret.key": "${AWS_SECRET_ACCESS_KEY}",
            "dremio.s3.compat": "true",
        }
    properties = "\n".join(f"  {name} = {value}" for name, value in settings.items() if name != "Endpoint URI")
    text = f"Endpoint URI: {target.uri}\nCatalog properties:\n{properties}"
    note = "From Dremio's documentation, not tried here. Put the token in the place of the variable, as a credential."
    place = "Add Source > Iceberg REST Catalog"
    return Connection("dremio", target.branch, target.uri, place, text, settings, note)


def _variable() -> str:
    return f"${{{TOKEN}}}"


def _py(value: str) -> str:
    """A value as Python writes it; the token comes from the environment."""
    if value == _variable():
        return f'os.environ["{TOKEN}"]'
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _property(value: str) -> str:
    """A value as a file of Java's properties has it: ASCII, with the rest in UTF-16."""
    units = value.replace("\\", "\\\\").encode("utf-16-be")
    codes = [int.from_bytes(units[index : index + 2]) for index in range(0, len(units), 2)]
    return "".join(chr(code) if code < 128 else f"\\u{code:04x}" for code in codes)


ENGINES: dict[str, Callable[[_Target], Connection]] = {
    "duckdb": _duckdb,
    "spark": _spark,
    "trino": _trino,
    "pyiceberg": _pyiceberg,
    "dremio": _dremio,
}
"""The engines that settings are known for."""
