"""What becomes of a request when the server is away, at a loss, of another kind, or does not let us in."""

from __future__ import annotations

import json
import socket

import pytest
from tests.catalog.nessie.conftest import Scripted

from headgate.catalog.nessie import client as module
from headgate.catalog.nessie import model
from headgate.catalog.nessie.client import NessieClient, NessieRefusal, Unsettled
from headgate.errors import StorageError

MAIN = json.dumps({"reference": {"type": "BRANCH", "name": "main", "hash": "ab" * 32}})
AT_A_LOSS = (500, json.dumps({"status": 500, "message": "ContextNotActiveException", "errorCode": "UNKNOWN"}))
COMMIT = model.Commit(
    commit_meta=model.CommitMeta(authors=("ada",), message="m", all_properties={}),
    operations=(model.Delete(key=model.Key(elements=("a", "t"))),),
)


@pytest.fixture(autouse=True)
def in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSES", (0.0, 0.0))
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_question_is_asked_again_when_the_server_is_at_a_loss(scripted: Scripted) -> None:
    scripted.answers = [AT_A_LOSS, AT_A_LOSS, (200, MAIN)]
    client = NessieClient(scripted.url)
    found = client.reference("main")
    assert found is not None
    assert found.hash == "ab" * 32
    assert len(scripted.asked) == 3
    client.close()


def test_a_question_that_is_never_answered_names_the_reason_and_the_server(scripted: Scripted) -> None:
    scripted.answers = [AT_A_LOSS]
    client = NessieClient(scripted.url)
    with pytest.raises(StorageError, match="failed with status 500: ContextNotActiveException") as caught:
        client.reference("main")
    assert caught.value.place == scripted.url
    client.close()


def test_a_commit_is_sent_once_whatever_the_answer(scripted: Scripted) -> None:
    scripted.answers = [AT_A_LOSS]
    client = NessieClient(scripted.url)
    with pytest.raises(Unsettled):
        client.commit("main", "ab" * 32, COMMIT)
    assert [method for method, _, _ in scripted.asked] == ["POST"]
    client.close()


def test_a_conflict_is_told_apart_from_trouble(scripted: Scripted) -> None:
    scripted.answers = [(409, json.dumps({"status": 409, "message": "changed", "errorCode": "REFERENCE_CONFLICT"}))]
    client = NessieClient(scripted.url)
    with pytest.raises(NessieRefusal) as caught:
        client.commit("main", "ab" * 32, COMMIT)
    assert (caught.value.answered, caught.value.code) == (409, "REFERENCE_CONFLICT")
    client.close()


def test_a_server_that_is_away_is_named_with_the_next_step() -> None:
    client = NessieClient(f"http://127.0.0.1:{closed_port()}")
    with pytest.raises(StorageError, match=r"Nessie does not answer: .*[Rr]efused") as caught:
        client.reference("main")
    assert caught.value.place == client.place
    assert "headgate.yml" in str(caught.value.hint)


def test_a_server_that_says_nothing_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_READ", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = NessieClient(f"http://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(StorageError, match=r"does not answer: it said nothing for 0\.2 seconds") as caught:
            client.reference("main")
        client.close()
    assert client.requests == 1
    assert caught.value.hint


@pytest.mark.parametrize(
    "answer",
    [(404, "<html>not here</html>"), (200, "<html>hello</html>"), (200, '{"hello": "world"}'), (302, "")],
)
def test_a_server_of_another_kind_is_told_apart(scripted: Scripted, answer: tuple[int, str]) -> None:
    scripted.answers = [answer]
    client = NessieClient(scripted.url)
    with pytest.raises(StorageError, match="is no Nessie with version 2") as caught:
        client.reference("main")
    assert "nessie+http://" in str(caught.value.hint)
    client.close()


@pytest.mark.parametrize(("token", "reason"), [(None, "the token is missing"), ("s3cret", "the token is not accepted")])
def test_a_server_that_wants_a_token_gets_it_and_nobody_else_does(
    scripted: Scripted, token: str | None, reason: str
) -> None:
    scripted.answers = [(401, "")]
    client = NessieClient(scripted.url, token)
    with pytest.raises(StorageError, match=reason) as caught:
        client.reference("main")
    assert scripted.asked[0][2] == (f"Bearer {token}" if token else None)
    assert "NESSIE_AUTH_TOKEN" in str(caught.value.hint)
    assert "s3cret" not in f"{caught.value}{caught.value.to_dict()}{client!r}"
    client.close()
