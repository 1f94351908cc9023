"""P9: no secret is told: not in what is printed, answered or logged, and not in what is kept.

Secrets are planted wherever one can stand, and then everything is done, the right way and the wrong.
"""

from __future__ import annotations

import base64
import contextlib
import http.server
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.conftest import SHOP
from tests.promises.planted import NAMES, leaks, readings, secret
from tests.web.serving import Served, serving

from headgate.cli.main import main

SECRETS = {name: secret(name) for name in NAMES}

SETTINGS = """\
name: shop
author: tester
vars: {never_used: "${VAR}", also: [{deep: "${PLAIN}"}]}
storage:
  {url: .headgate/warehouse, access_key: "${S3_ACCESS}", secret_key: "${S3_SECRET}", session_token: "${S3_SESSION}"}
profiles:
  pg: {catalog: "postgresql://lake:${PG_PASSWORD}@127.0.0.1:%(port)s/lake?sslpassword=${PG_PASSWORD}&connect_timeout=2"}
  pgpath: {catalog: "postgresql:///lake?host=127.0.0.1&port=%(port)s&user=lake&password=${PG_PASSWORD}&connect_timeout=2"}
  pgbad: {catalog: "postgresql://lake:${PG_PASSWORD}@127.0.0.1:port/lake"}
  nessie: {catalog: "nessie+http://:${NESSIE_TOKEN}@127.0.0.1:%(port)s"}
  nessiebad: {catalog: "nessie+http://:${NESSIE_TOKEN}@127.0.0.1:port"}
  s3: {storage: {url: "s3://bucket/lake", endpoint: "http://127.0.0.1:%(port)s", access_key: "${S3_ACCESS}",
    secret_key: "${S3_SECRET}", session_token: "${S3_SESSION}"}}
"""

# Each is wrong in the settings, with a value from the environment or beside one.
WRONG = (
    'engine: {memory_limit: "${PLAIN}"}',
    'storage: {url: "s3://bucket/lake", region: [1], endpoint: "${S3_SECRET}", path_style: "${S3_SESSION}"}',
    'storage: "s3://${S3_ACCESS}:${S3_SECRET}@bucket/lake"',
    'storage: "s3://${S3_ACCESS}:${S3_SECRET}/9@bucket/lake"',
    'storage: "https://${S3_ACCESS}:${S3_SECRET}@bucket.s3.amazonaws.com/lake"',
    'catalog: ["${PG_PASSWORD}"]',
    'catalog: {url: "${PG_PASSWORD}", protect: "${PLAIN}"}',
    'state: "${PG_PASSWORD}"',
    'profile: "${PLAIN}"',
    '"${PLAIN}": 1',
    "vars: {x: ${PLAIN}, ]",
    'author: {"a": "${S3_SECRET}"}',
)

# A source behind a password and a signature; one row of it breaks the contract.
WEB = """\
table: web
files: "http://${WEB_USER}:${WEB_PASSWORD}@127.0.0.1:%(port)s/rows.csv?sig=${WEB_SIGNATURE}&session=${WEB_SESSION}&page=1"
columns:
  id: {name: id, type: bigint, required: true}
  client: {name: client, type: varchar}
key: [id]
load: replace
max_bad: 90%%
"""

ASKED = "env_var('MODEL_KEY')"
KEY = f"{{{{ {ASKED} }}}}"

# Each condition is wrong beside a value from the environment.
CHECKS = """\
checks:
  - {name: a, kind: row_count, left: {table: bronze.web, where: "client <> '${CHECK_KEY}' and nope"}, right: bronze.web}
  - {name: b, kind: row_count, left: {table: bronze.web, where: "id = '${CHECK_KEY}'"}, right: bronze.web}
"""

ROWS = b"id,client\n1,Ada\n2,Grace\nno number,Edsger\n"


@dataclass
class Site:
    """A server of one file, for those who have the password and the signature."""

    port: int = 0
    status: int = 200
    seen: list[str] = field(default_factory=list)


@contextlib.contextmanager
def site() -> Iterator[Site]:
    found = Site()
    user = f"{SECRETS['WEB_USER']}:{SECRETS['WEB_PASSWORD']}".encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.headers.get("Authorization") == "Basic " + base64.b64encode(user).decode()
            signed = SECRETS["WEB_SIGNATURE"] in self.path and SECRETS["WEB_SESSION"] in self.path
            found.seen.append(self.path)
            self.send_response(found.status if known and signed else 403)
            body = ROWS if known and signed else b""
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


class Told:
    """Runs commands in this process, asks a server, and keeps what is printed, answered and logged."""

    def __init__(self, root: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self.texts: dict[str, bytes] = {}
        self._capture = capture

    def __call__(self, *arguments: str, code: int | tuple[int, ...] = 0) -> None:
        for options in ((), ("--json",), ("--debug",)):
            self._capture.readouterr()
            found = main(["--project", str(self.root), *arguments, *options])
            out, err = self._capture.readouterr()
            name = f"{len(self.texts)}: {' '.join((*arguments, *options))}"
            self.texts[name] = (out + err).encode(errors="surrogateescape")
            assert found in ((code,) if isinstance(code, int) else code), f"{name}: {found}\n{out}{err}"

    def outside(self, *arguments: str) -> None:
        """A command that is about no project, and fails."""
        self._capture.readouterr()
        assert main([*arguments, "--debug"]) != 0
        self.texts[f"{len(self.texts)}: {' '.join(arguments)}"] = "".join(self._capture.readouterr()).encode()

    def ask(self, served: Served, method: str, path: str, body: object = None) -> None:
        """With the right token, with a wrong one, and with none."""
        for headers in ({}, {"Authorization": f"Bearer {SECRETS['HTTP_TOKEN']}"}, {"Authorization": None}):
            answer = served.ask(method, path, json=body, headers=headers)
            name = f"{len(self.texts)}: {method} {path} {body} {answer.status_code}"
            self.texts[name] = answer.content + repr(dict(answer.headers)).encode()


class Records(logging.Handler):
    """Keeps every record of every logger, tracebacks included."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))


@pytest.fixture
def records() -> Iterator[Records]:
    found = Records()
    loggers = [logging.getLogger(name) for name in ("", "headgate", "urllib3", "uvicorn")]
    levels = [logger.level for logger in loggers]
    logging.getLogger().addHandler(found)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    yield found
    logging.getLogger().removeHandler(found)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, Site]]:
    """A project with secrets in its `.env` and in the environment, and the site that its source is at."""
    root = tmp_path / "shop"
    with site() as found:
        files = {**SHOP, "headgate.yml": SETTINGS % {"port": 1}, "ingestion/web.yml": WEB % {"port": found.port}}
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        half = len(NAMES) // 2
        (root / ".env").write_text("".join(f"{name}='{SECRETS[name]}'\n" for name in NAMES[:half]))
        for name in NAMES[half:]:
            monkeypatch.setenv(name, SECRETS[name])
        monkeypatch.setenv("HEADGATE_TOKEN", SECRETS["HTTP_TOKEN"])
        monkeypatch.setenv("NESSIE_AUTH_TOKEN", SECRETS["NESSIE_TOKEN"])
        monkeypatch.setenv("HTTP_PROXY", f"http://someone:{SECRETS['PROXY_PASSWORD']}@127.0.0.1:9")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        for name in ("HEADGATE_PROJECT", "HEADGATE_PROFILE", "HEADGATE_CATALOG"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.chdir(root)
        yield root, found


def do_everything(do: Told, found: Site) -> None:
    """All commands, with results and with errors of every kind."""
    root = do.root
    do("plan")
    do("sources", "list")
    do("sources", "check")
    do("run")
    for arguments in (("tables",), ("runs",), ("checks",), ("loads",), ("log",), ("doctor",), ("quarantine", "list")):
        do(*arguments)
    do("show", "bronze.web")
    do("quarantine", "show", "web")
    do("query", "SELECT * FROM bronze.web, headgate.loads, headgate.runs, headgate.commits, headgate.tables LIMIT 5")
    do("query", "FROM duckdb_settings()", "--limit", "0")
    do("query", "FROM duckdb_secrets()", code=2)
    do("query", "SELECT nothing FROM bronze.web", code=1)
    for engine in ("spark", "trino", "duckdb", "pyiceberg", "dremio"):
        do("connect", engine)
    do("branch", "create", "team/one", code=(0, 1))
    do("diff", "main", "team/one")
    do("branch", "list")
    do("merge", "team/one", "--into", "main")
    # A run that is refused, one that fails in dbt, and one whose source fails.
    _fails(root / "models/marts/mart_spending.sql", "select {{ env_var('DBT_ENV_SECRET_KEY') }} as a", do)
    _fails(root / "models/marts/mart_spending.sql", "select cast('x' as int) as {{ var('never') }}", do)
    _fails(root / "models/marts/mart_spending.sql", f"select cast('{KEY}' as int) as a", do)
    _fails(root / "models/marts/mart_spending.sql", f"select * from read_csv('http://u:{KEY}@127.0.0.1:1/x.csv')", do)
    _fails(root / "models/marts/mart_spending.sql", f"{{{{ exceptions.raise_compiler_error({ASKED}) }}}}", do)
    _fails(root / "tests/asks.sql", f"select nope, '{KEY}' as a from {{{{ ref('mart_spending') }}}}", do)
    _fails(root / "checks/asks.yml", CHECKS, do)
    found.status = 500
    do("run", code=(1, 3))
    do("sources", "check", code=(0, 1))
    found.status = 200
    where = f"127.0.0.1:{found.port}/rows.csv?sig"
    do("sources", "add", f"http://u:{SECRETS['WEB_PASSWORD']}@{where}=x", code=2)
    do("sources", "add", f"http://{SECRETS['WEB_USER']}@{where}=${{WEB_SIGNATURE}}", code=2)
    do("sources", "add", f"http://{where}={SECRETS['WEB_SIGNATURE']}", code=2)
    do("sources", "add", f"http://u:{SECRETS['WEB_PASSWORD']}/@{where}", code=2)
    do(
        "sources",
        "add",
        "http://${WEB_USER}:${WEB_PASSWORD}@" + where + "=${WEB_SIGNATURE}&session=${WEB_SESSION}",
        code=(0, 1),
    )
    do("sources", "add", f"s3://{SECRETS['S3_ACCESS']}:{SECRETS['S3_SECRET']}/9@bucket/rows.csv", code=2)
    for profile in ("pg", "pgpath", "pgbad", "nessie", "nessiebad", "s3"):
        do("query", "FROM bronze.web", "--profile", profile, code=(1, 2))
    do("tables", "--profile", "pb", code=2)
    do.outside("--catalog", f"http://127.0.0.1:{found.port}", "tables")
    do.outside("--catalog", f"http://u:{SECRETS['HTTP_TOKEN']}@127.0.0.1:{found.port}", "tables")
    settings = root / "headgate.yml"
    before = settings.read_text()
    for wrong in WRONG:
        settings.write_text(f"name: shop\n{wrong}\n")
        do("tables", code=2)
    settings.write_text(before)


def _fails(path: Path, text: str, do: Told) -> None:
    before = path.read_text() if path.exists() else None
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    do("run", code=(1, 3))
    do("plan", code=(0, 1))
    if before is None:
        path.unlink()
    else:
        path.write_text(before)


def ask_everything(told: Told, served: Served) -> None:
    """Every way of asking a server, with the right token, a wrong one, and none."""
    for method, path, body in (
        ("GET", "/api/v1", None),
        ("GET", "/api/v1/openapi.json", None),
        ("GET", "/api/v1/tables", None),
        ("GET", "/api/v1/loads", None),
        ("GET", "/api/v1/runs", None),
        ("GET", "/api/v1/checks", None),
        ("GET", "/api/v1/log", None),
        ("GET", "/api/v1/nothing", None),
        ("GET", "/ready", None),
        ("GET", "/iceberg/v1/config?warehouse=main", None),
        ("GET", "/iceberg/v1/main/namespaces", None),
        ("GET", "/iceberg/v1/main/namespaces/bronze/tables/web", None),
        ("GET", "/iceberg/v1/main/namespaces/bronze/tables/nothing", None),
        ("POST", "/api/v1/query", {"sql": "FROM bronze.web"}),
        ("POST", "/api/v1/query", {"sql": "SELECT * FROM nothing"}),
        ("POST", "/api/v1/query", {"sql": "FROM duckdb_settings()"}),
        ("POST", "/iceberg/v1/oauth/tokens", {}),
    ):
        told.ask(served, method, path, body)
    form = {"grant_type": "client_credentials", "client_id": "x", "client_secret": SECRETS["HTTP_TOKEN"]}
    told.texts["oauth"] = served.post("/iceberg/v1/oauth/tokens", data=form, headers={"Authorization": None}).content


def test_no_secret_is_told(project: tuple[Path, Site], capfd: pytest.CaptureFixture[str], records: Records) -> None:
    root, found = project
    told = Told(root, capfd)
    do_everything(told, found)
    with serving(root) as served:
        ask_everything(told, served)
    told.texts["logs"] = "\n".join(records.texts).encode()
    told.texts["rest"] = "".join(capfd.readouterr()).encode()
    texts = {name: names for name, text in told.texts.items() if (names := leaks(text, SECRETS))}
    files = {
        str(path.relative_to(root)): names
        for path in sorted(root.rglob("*"))
        if path.is_file()
        for content in readings(path)
        if (names := leaks(content, SECRETS))
    }
    assert len(found.seen) > 3
    assert texts == {}
    # What keeps them on purpose.
    assert files == {".env": list(NAMES[: len(NAMES) // 2])}
