"""Nessie as the catalog, as another client of the same server sees it, and when the server fails."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from headgate.catalog import Catalog, Operation, open_catalog
from headgate.catalog.namespaces import to_content
from headgate.catalog.nessie.names import LANDING
from headgate.database import Database
from headgate.errors import Conflict, StorageError, UsageError
from headgate.types import Content, Kind, Name, namespace_name
from services import running

pytestmark = pytest.mark.services

ORDERS, SALES, SPENDING = Name.of("bronze", "orders"), Name.of("bronze", "sales"), Name.of("gold", "spending")


def table(version: str, content_id: str = "one") -> Content:
    return Content(Kind.TABLE, content_id, f"file:///lake/{version}.json")


@pytest.fixture
def open_at(tmp_path: Path) -> Iterator[Callable[..., Catalog]]:
    """Opens the catalog of a server, as one machine with a state database of its own does."""
    opened: list[tuple[Catalog, Database]] = []

    def open_at(url: str, machine: str = "here") -> Catalog:
        db = Database.open(f"sqlite:///{tmp_path / machine}.db")
        opened.append((open_catalog(f"nessie+{url}", db), db))
        return opened[-1][0]

    yield open_at
    for catalog, db in opened:
        catalog.close()
        db.close()


@pytest.fixture
def catalog(empty_nessie: running.Nessie, open_at: Callable[..., Catalog]) -> Catalog:
    return open_at(empty_nessie.url)


def put(catalog: Catalog, branch: str, name: Name, after: Content | None) -> str:
    operation = Operation(name, catalog.state(branch).get(name), after)
    return catalog.commit(branch, [operation], message=f"put {name}", author="ada").id


def history(nessie: running.Nessie, ref: str = "main") -> list[dict[str, Any]]:
    return list(nessie.ask("GET", f"trees/{ref}/history?fetch=ALL")["logEntries"])


class TestAnotherClient:
    """What is seen through Nessie's own API, and what another client does there."""

    def test_sees_one_commit_for_many_tables_with_the_run_and_the_author(
        self, catalog: Catalog, empty_nessie: running.Nessie
    ) -> None:
        changes = [Operation(ORDERS, None, table("1")), Operation(SPENDING, None, table("2"))]
        catalog.commit("main", changes, message="a run", author="ada", properties={"run_id": "r1"})
        (entry,) = history(empty_nessie)
        assert entry["commitMeta"]["authors"] == ["ada"]
        assert entry["commitMeta"]["message"] == "a run"
        assert entry["commitMeta"]["allProperties"]["run_id"] == ["r1"]
        assert sorted(".".join(operation["key"]["elements"]) for operation in entry["operations"]) == [
            "bronze",
            "bronze.orders",
            "gold",
            "gold.spending",
        ]
        found = empty_nessie.ask("GET", "trees/main/contents/bronze.orders")["content"]
        assert (found["type"], found["metadataLocation"]) == ("ICEBERG_TABLE", "file:///lake/1.json")

    def test_makes_a_table_that_is_read_and_changed_here(self, catalog: Catalog, empty_nessie: running.Nessie) -> None:
        head = put(catalog, "main", ORDERS, table("1"))
        new = {"type": "ICEBERG_TABLE", "metadataLocation": "s3://there/m.json", "snapshotId": 7, "schemaId": 0}
        operations = [
            {"type": "PUT", "key": {"elements": ["lab"]}, "content": {"type": "NAMESPACE", "elements": ["lab"]}},
            {"type": "PUT", "key": {"elements": ["lab", "t"]}, "content": {**new, "specId": 0, "sortOrderId": 0}},
        ]
        meta = {"authors": ["spark"], "message": "theirs", "allProperties": {}}
        body = {"commitMeta": meta, "operations": operations}
        empty_nessie.ask("POST", f"trees/main@{head}/history/commit", body)
        state = catalog.state()
        theirs = state.get(Name.of("lab", "t"))
        assert theirs is not None
        assert theirs.metadata_location == "s3://there/m.json"
        assert state.namespace(("lab",)) == {}
        made = catalog.resolve("main")
        assert (made.author, made.message, made.parents) == ("spark", "theirs", (head,))
        assert [op.name for op in made.operations] == [namespace_name(("lab",)), Name.of("lab", "t")]
        put(catalog, "main", Name.of("lab", "t"), Content(Kind.TABLE, theirs.content_id, "s3://there/n.json"))
        found = empty_nessie.ask("GET", "trees/main/contents/lab.t")["content"]
        assert (found["id"], found["metadataLocation"]) == (theirs.content_id, "s3://there/n.json")
        catalog.revert("main", "main", message="undo", author="ada")
        catalog.revert(made.id, "main", message="undo theirs", author="ada")
        assert catalog.state().names() == [ORDERS]
        assert catalog.verify() == []

    def test_sees_a_merge_as_one_with_both_parents_and_the_joined_table(
        self, catalog: Catalog, empty_nessie: running.Nessie
    ) -> None:
        put(catalog, "main", ORDERS, table("a"))
        catalog.create_branch("team/feature-1")
        ours = put(catalog, "team/feature-1", ORDERS, table("a+b"))
        ours = put(catalog, "team/feature-1", SPENDING, table("1"))
        theirs = put(catalog, "main", ORDERS, table("a+c"))
        done = catalog.merge("team/feature-1", "main", message="merge", author="ada", rejoin=lambda *_: table("a+c+b"))
        newest = history(empty_nessie)[0]
        assert newest["commitMeta"]["hash"] == done.commit.id
        assert newest["commitMeta"]["parentCommitHashes"] == [theirs, ours]
        assert catalog.state().get(ORDERS) == table("a+c+b")
        assert [ref["name"] for ref in empty_nessie.ask("GET", "trees")["references"]] == ["main", "team/feature-1"]

    def test_keeps_a_namespace_of_a_name_from_a_table(self, catalog: Catalog, empty_nessie: running.Nessie) -> None:
        put(catalog, "main", Name.of("a", "b", "t"), table("1"))
        with pytest.raises(Conflict, match=r"a\.b cannot be: in Nessie a NAMESPACE stands there"):
            put(catalog, "main", Name.of("a", "b"), table("1"))
        with pytest.raises(Conflict, match=r"a\.b\.t\.u cannot be: in Nessie a ICEBERG_TABLE stands there"):
            put(catalog, "main", Name.of("a", "b", "t", "u"), table("1"))
        for name in (Name.of("a", "\x7f"), Name.of(*"abcdefghijklmnopqrstu"), Name.of("a", "x" * 500)):
            with pytest.raises(UsageError, match="cannot stand in Nessie"):
                put(catalog, "main", name, table("1"))
            assert catalog.state().get(name) is None

    def test_finds_namespaces_that_only_tables_need_and_those_that_were_made(
        self, catalog: Catalog, empty_nessie: running.Nessie
    ) -> None:
        put(catalog, "main", ORDERS, table("1"))
        put(catalog, "main", namespace_name(("bronze",)), to_content({"owner": "ada"}))
        found = empty_nessie.ask("GET", "trees/main/contents/bronze")["content"]
        assert found["properties"] == {"owner": "ada"}
        # Nessie deletes only what is empty: until the table goes, the namespace stays as one that nobody asked for.
        put(catalog, "main", namespace_name(("bronze",)), None)
        assert empty_nessie.ask("GET", "trees/main/contents/bronze")["content"]["properties"] == {
            "headgate.implied": "true"
        }
        assert catalog.state().namespace(("bronze",)) == {}
        put(catalog, "main", ORDERS, None)
        assert catalog.state().namespaces() == []
        assert catalog.verify() == []


class TestIdentity:
    """The content id of a table, which Nessie does not take."""

    def test_is_kept_over_a_rename_in_nessie_too(self, catalog: Catalog, empty_nessie: running.Nessie) -> None:
        put(catalog, "main", ORDERS, table("1", "orders-1"))
        before = empty_nessie.ask("GET", "trees/main/contents/bronze.orders")["content"]["id"]
        renamed = [Operation(ORDERS, table("1", "orders-1"), None), Operation(SALES, None, table("1", "orders-1"))]
        catalog.commit("main", renamed, message="rename", author="ada")
        assert empty_nessie.ask("GET", "trees/main/contents/bronze.sales")["content"]["id"] == before
        assert catalog.state().get(SALES) == table("1", "orders-1")

    def test_is_another_when_a_table_is_made_anew_under_its_name(
        self, catalog: Catalog, empty_nessie: running.Nessie
    ) -> None:
        put(catalog, "main", ORDERS, table("1", "orders-1"))
        before = empty_nessie.ask("GET", "trees/main/contents/bronze.orders")["content"]["id"]
        put(catalog, "main", ORDERS, table("2", "orders-2"))
        assert empty_nessie.ask("GET", "trees/main/contents/bronze.orders")["content"]["id"] != before
        assert catalog.state().get(ORDERS) == table("2", "orders-2")
        assert [op.before for op in catalog.resolve("main").operations] == [table("1", "orders-1")]

    def test_is_found_by_a_machine_that_was_not_there(
        self, catalog: Catalog, empty_nessie: running.Nessie, open_at: Callable[..., Catalog]
    ) -> None:
        catalog.create_branch("run/1")
        put(catalog, "run/1", ORDERS, table("1", "orders-1"))
        put(catalog, "run/1", SPENDING, table("1", "spending-1"))
        catalog.publish("run/1", "main", message="publish", author="ada")
        for version in range(2, 7):
            put(catalog, "main", SPENDING, table(str(version), "spending-1"))
        there = open_at(empty_nessie.url, "there").state()
        assert dict(there.items()) == {ORDERS: table("1", "orders-1"), SPENDING: table("6", "spending-1")}
        branch = open_at(empty_nessie.url, "elsewhere").state("run/1")
        assert branch.get(ORDERS) == table("1", "orders-1")


@dataclass
class Proxy:
    """Between a client and Nessie.

    Attributes:
        url: Where it is.
        lose: The next request that says so is passed on, and the connection broken instead of answered.
        fail: The next request that says so is answered with 500, and not passed on.
        lost: The requests that were not answered as they should have been.
    """

    url: str
    lose: str = ""
    fail: str = ""
    lost: list[str] = field(default_factory=list)


@pytest.fixture
def proxy(empty_nessie: running.Nessie) -> Iterator[Proxy]:
    """A server that passes everything on to Nessie, and loses the answers that it is told to."""
    target = urlsplit(empty_nessie.url).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked = f"{self.command} {self.path}"
            if made.fail and made.fail in asked:
                made.lost.append(asked)
                made.fail = ""
                self.reply(500, b'{"status": 500, "message": "ContextNotActiveException", "errorCode": "UNKNOWN"}')
                return
            there = http.client.HTTPConnection(target)
            there.request(self.command, self.path, body, {"Content-Type": "application/json"})
            answer = there.getresponse()
            content = answer.read()
            there.close()
            if made.lose and made.lose in asked:
                made.lost.append(asked)
                made.lose = ""
                self.close_connection = True
                return
            self.reply(answer.status, content)

        def reply(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = pass_on  # noqa: N815  # the names that the library calls

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
            return

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Proxy(f"http://127.0.0.1:{listener.server_address[1]}")
    thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
    thread.start()
    yield made
    listener.shutdown()
    listener.server_close()
    thread.join()


class TestTrouble:
    """A server that fails, or an answer that is lost, before it says what became of a request."""

    @pytest.mark.parametrize("how", ["lose", "fail"])
    @pytest.mark.parametrize("what", ["/history/commit", "PUT /api/v2/trees/main", "POST /api/v2/trees?", "DELETE "])
    def test_nothing_is_done_twice_and_nothing_is_left_out(
        self, proxy: Proxy, open_at: Callable[..., Catalog], how: str, what: str
    ) -> None:
        catalog = open_at(proxy.url)
        head = put(catalog, "main", ORDERS, table("1"))
        setattr(proxy, how, what)
        catalog.create_branch("run/1")
        put(catalog, "run/1", ORDERS, table("2"))
        made = catalog.publish("run/1", "main", message="publish", author="ada", expected=head)
        catalog.delete_ref("run/1")
        assert len(proxy.lost) == 1
        assert [commit.message for commit in catalog.log()] == ["publish", "put bronze.orders", "The empty lake"]
        assert catalog.resolve("main") == made
        assert [ref.name for ref in catalog.refs()] == ["main"]
        assert catalog.state().get(ORDERS) == table("2")
        assert catalog.verify() == []

    def test_what_others_changed_is_not_overwritten_by_a_commit_whose_answer_was_lost(
        self, proxy: Proxy, open_at: Callable[..., Catalog]
    ) -> None:
        catalog = open_at(proxy.url)
        put(catalog, "main", ORDERS, table("1"))
        put(catalog, "main", ORDERS, table("2"))
        proxy.lose = "/history/commit"
        with pytest.raises(Conflict, match=r"bronze\.orders was changed on branch 'main' meanwhile"):
            catalog.commit("main", [Operation(ORDERS, table("1"), table("3"))], message="", author="bob")
        assert catalog.state().get(ORDERS) == table("2")

    def test_a_branch_that_a_dead_writer_left_is_not_shown_and_is_swept_away(
        self, catalog: Catalog, empty_nessie: running.Nessie
    ) -> None:
        head = put(catalog, "main", ORDERS, table("1"))
        for started in (1_700_000_000, 99_999_999_999):
            name = f"{LANDING}{started}-dead".replace("/", "%2F")
            empty_nessie.ask("POST", f"trees?name={name}&type=BRANCH", {"type": "DETACHED", "hash": head})
        assert [ref.name for ref in catalog.refs()] == ["main"]
        assert catalog.verify() == []
        left = [ref["name"] for ref in empty_nessie.ask("GET", "trees")["references"]]
        assert left == [f"{LANDING}99999999999-dead", "main"]

    def test_a_commit_that_was_tampered_with_is_found(self, catalog: Catalog, empty_nessie: running.Nessie) -> None:
        head = put(catalog, "main", ORDERS, table("1"))
        (entry,) = history(empty_nessie)
        content = {**entry["operations"][-1]["content"], "metadataLocation": "file:///lake/other.json"}
        properties = entry["commitMeta"]["allProperties"]
        meta = {"authors": ["eve"], "message": "looks like ours", "allProperties": properties}
        change = {"type": "PUT", "key": {"elements": ["bronze", "orders"]}, "content": content}
        empty_nessie.ask("POST", f"trees/main@{head}/history/commit", {"commitMeta": meta, "operations": [change]})
        (problem,) = catalog.verify()
        assert problem.message == "it recorded another bronze.orders than it put there"

    def test_a_server_that_dies_is_named(self, tmp_path: Path, open_at: Callable[..., Catalog]) -> None:
        with running.nessie(tmp_path / "server", persistent=True) as server:
            catalog = open_at(server.url)
            head = put(catalog, "main", ORDERS, table("1"))
            server.process.kill()
            with pytest.raises(StorageError, match="Nessie does not answer") as caught:
                put(catalog, "main", ORDERS, table("2"))
            assert caught.value.place == server.url
            server.restart()
            assert catalog.ref("main").commit_id == head
            put(catalog, "main", ORDERS, table("2"))
            assert json.dumps([str(name) for name in catalog.state().names()]) == '["bronze.orders"]'
