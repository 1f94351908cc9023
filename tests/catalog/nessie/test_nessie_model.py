"""What goes to Nessie rejects unknown fields, and what comes back does not."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from headgate.catalog.nessie import model


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (model.Merge, {"from_ref_name": "a", "from_hash": "b", "commit_meta": None, "dryRun": True}),
        (model.Commit, {"commit_meta": None, "operations": (), "expectedHash": "a"}),
        (model.CommitMeta, {"authors": ("a",), "message": "", "all_properties": {}, "properties": {}}),
        (model.KeyMerge, {"key": {"elements": ("a",)}, "merge_behavior": "DROP", "resolved": None}),
        (model.Table, {"metadata_location": "a", "location": "b"}),
    ],
)
def test_a_request_with_a_field_that_nessie_would_ignore_is_not_made(
    kind: type[model.Request], fields: dict[str, object]
) -> None:
    with pytest.raises(ValidationError, match="extra_forbidden"):
        kind.model_validate(fields)


def test_a_merge_that_is_tried_out_says_so_in_nessies_own_word() -> None:
    meta = model.CommitMeta(authors=("ada",), message="m", all_properties={"run_id": ("r1",)})
    merge = model.Merge(from_ref_name="work", from_hash="ab", commit_meta=meta, is_dry_run=True)
    sent = json.loads(merge.json_bytes())
    assert sent["isDryRun"] is True
    assert sent["isReturnConflictAsResult"] is True
    assert sent["commitMeta"] == {"authors": ["ada"], "message": "m", "allProperties": {"run_id": ["r1"]}}


def test_what_is_not_set_is_not_sent() -> None:
    put = model.Put(key=model.Key(elements=("a", "t")), content=model.Table(metadata_location="file:///m.json"))
    assert json.loads(put.json_bytes()) == {
        "type": "PUT",
        "key": {"elements": ["a", "t"]},
        "content": {
            "type": "ICEBERG_TABLE",
            "metadataLocation": "file:///m.json",
            "snapshotId": -1,
            "schemaId": 0,
            "specId": 0,
            "sortOrderId": 0,
        },
    }


def test_an_answer_of_a_newer_server_is_read() -> None:
    answer = {
        "contents": [
            {
                "key": {"elements": ["a", "t"]},
                "content": {"type": "ICEBERG_TABLE", "id": "1", "metadataLocation": "m", "futureField": 7},
                "documentation": None,
            },
            {"key": {"elements": ["a", "f"]}, "content": {"type": "UDF", "id": "2", "sqlText": "select 1"}},
        ],
        "effectiveReference": {"type": "BRANCH", "name": "main", "hash": "ab", "metadata": None},
        "more": "later",
    }
    table, function = model.Contents.model_validate(answer).contents
    assert table.content == model.Table(id="1", metadata_location="m")
    assert function.content == model.Foreign(type="UDF", id="2")
