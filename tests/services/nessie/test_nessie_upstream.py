"""What Nessie does that headgate works around; each goes red when it no longer does."""

from __future__ import annotations

import json
import urllib.error
from typing import Any

import pytest

from services import running

pytestmark = pytest.mark.services


def namespace(*levels: str) -> dict[str, Any]:
    return {"type": "PUT", "key": {"elements": levels}, "content": {"type": "NAMESPACE", "elements": levels}}


def table(location: str, *levels: str, content_id: str | None = None) -> dict[str, Any]:
    content = {"type": "ICEBERG_TABLE", "metadataLocation": location, "snapshotId": -1, "schemaId": 0, "specId": 0}
    content |= {"sortOrderId": 0, "id": content_id}
    return {"type": "PUT", "key": {"elements": levels}, "content": content}


def delete(*levels: str) -> dict[str, Any]:
    return {"type": "DELETE", "key": {"elements": levels}}


def head(nessie: running.Nessie, branch: str = "main") -> str:
    return str(nessie.ask("GET", f"trees/{branch}")["reference"]["hash"])


def commit(nessie: running.Nessie, *operations: dict[str, Any], branch: str = "main") -> str:
    meta = {"authors": ["ada"], "message": "m", "allProperties": {}}
    body = {"commitMeta": meta, "operations": operations}
    at = f"{branch}@{head(nessie, branch)}"
    return str(nessie.ask("POST", f"trees/{at}/history/commit", body)["targetBranch"]["hash"])


def refusal(nessie: running.Nessie, method: str, path: str, body: object = None) -> str:
    with pytest.raises(urllib.error.HTTPError) as caught:
        nessie.ask(method, path, body)
    with caught.value:
        return str(json.loads(caught.value.read())["message"])


def test_one_commit_that_puts_another_type_at_a_key_breaks_the_store(empty_nessie: running.Nessie) -> None:
    """So such a commit is made in two steps, on a branch that nobody sees before both are done."""
    commit(empty_nessie, namespace("a"))
    commit(empty_nessie, delete("a"), table("file:///lake/1.json", "a"))
    assert empty_nessie.ask("GET", "trees/main/contents/a")["content"]["type"] == "NAMESPACE"


def test_content_that_is_new_takes_no_id(empty_nessie: running.Nessie) -> None:
    """So content ids are kept beside."""
    meta = {"authors": ["ada"], "message": "m", "allProperties": {}}
    operations = [table("file:///lake/1.json", "t", content_id="4d9b5af0-18d5-4bdd-96d4-5432fc952706")]
    path = f"trees/main@{head(empty_nessie)}/history/commit"
    message = refusal(empty_nessie, "POST", path, {"commitMeta": meta, "operations": operations})
    assert message == "New value for key 't' must not have a content ID"


def test_a_field_that_it_does_not_know_is_passed_over(empty_nessie: running.Nessie) -> None:
    """So requests are made from models that reject such fields."""
    start = commit(empty_nessie, namespace("a"))
    empty_nessie.ask("POST", "trees?name=work&type=BRANCH", {"type": "DETACHED", "hash": start})
    made = commit(empty_nessie, table("file:///lake/1.json", "a", "t"), branch="work")
    request = {"fromRefName": "work", "fromHash": made}
    empty_nessie.ask("POST", f"trees/main@{start}/history/merge", {**request, "isDryRun": True})
    assert head(empty_nessie) == start
    empty_nessie.ask("POST", f"trees/main@{start}/history/merge", {**request, "dryRun": True})
    assert head(empty_nessie) != start


def test_a_commit_lands_on_a_head_that_moved(empty_nessie: running.Nessie) -> None:
    """So where only one head will do, the commit is made on a branch of its own."""
    start = commit(empty_nessie, namespace("a"))
    between = commit(empty_nessie, namespace("b"))
    meta = {"authors": ["ada"], "message": "m", "allProperties": {}}
    body = {"commitMeta": meta, "operations": [namespace("c")]}
    empty_nessie.ask("POST", f"trees/main@{start}/history/commit", body)
    newest = empty_nessie.ask("GET", "trees/main/history?max-records=1")["logEntries"][0]["commitMeta"]
    assert newest["parentCommitHashes"] == [between]


def test_a_merge_cannot_be_told_what_becomes_of_a_table_that_both_sides_made(empty_nessie: running.Nessie) -> None:
    """So such a merge is a plain commit that names its second parent."""
    start = commit(empty_nessie, namespace("a"))
    empty_nessie.ask("POST", "trees?name=work&type=BRANCH", {"type": "DETACHED", "hash": start})
    made = commit(empty_nessie, table("file:///lake/1.json", "a", "t"), branch="work")
    target = commit(empty_nessie, table("file:///lake/2.json", "a", "t"))
    held = empty_nessie.ask("GET", "trees/main/contents/a.t")["content"]
    mode = {
        "key": {"elements": ["a", "t"]},
        "mergeBehavior": "NORMAL",
        "expectedTargetContent": held,
        "resolvedContent": {**held, "metadataLocation": "file:///lake/3.json"},
    }
    request = {"fromRefName": "work", "fromHash": made, "keyMergeModes": [mode], "isReturnConflictAsResult": True}
    answer = empty_nessie.ask("POST", f"trees/main@{target}/history/merge", request)
    assert answer["wasSuccessful"] is False
    assert head(empty_nessie) == target
