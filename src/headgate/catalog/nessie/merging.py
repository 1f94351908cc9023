"""Nessie's own merge, asked to do what headgate has decided, so that other clients see a merge where there was one.

What becomes of each name is decided here, by headgate's three-way join. Nessie is told key by key: take the other
side's, or put what was joined; every other key stays. Where that cannot be said to it (both sides made the
same table, nothing is left to bring over, the histories meet only at the beginning), the caller commits without it.
"""

from __future__ import annotations

from headgate.catalog.nessie import model
from headgate.catalog.nessie.client import NessieClient, NessieRefusal, Unsettled
from headgate.catalog.nessie.record import Draft
from headgate.catalog.nessie.request import Plan
from headgate.catalog.nessie.verify import disagreements

_ANYWHERE = "DETACHED"


def merge_natively(
    client: NessieClient, branch: str, expected: str, draft: Draft, plan: Plan, token: str
) -> model.LogEntry | None:
    """Merge on a branch that nobody else writes to; None where Nessie cannot, or came to something else.

    Args:
        client: The connection.
        branch: The branch, by its name in Nessie.
        expected: Where it is.
        draft: The commit, with what it merges.
        plan: What a commit without a second parent would ask for.
        token: Names the attempt.
    """
    modes = _modes(plan)
    if modes is None or draft.merged is None:
        return None
    request = model.Merge(
        from_ref_name=_ANYWHERE,
        from_hash=draft.merged,
        commit_meta=draft.meta(token, second_parent=False),
        default_key_merge_mode="DROP",
        key_merge_modes=tuple(modes),
    )
    try:
        merged = client.merge(branch, expected, request)
    except (NessieRefusal, Unsettled):
        return None
    if not merged.was_applied or merged.resultant_target_hash is None:
        return None
    entry = next(client.history(f"@{merged.resultant_target_hash}", 1, operations=True))
    parents = entry.commit_meta.parent_commit_hashes
    return entry if parents == (expected, draft.merged) and not list(disagreements(entry)) else None


def _modes(plan: Plan) -> list[model.KeyMerge] | None:
    """What Nessie is to do with each key; None where that cannot be said."""
    if plan.clearing:
        return None
    modes: dict[model.Key, model.KeyMerge] = {}
    for operation in plan.operations:
        if isinstance(operation, model.Unchanged) or operation.key in modes:
            return None
        held, other = plan.held.get(operation.key), plan.source.get(operation.key)
        taken = model.KeyMerge(key=operation.key, merge_behavior="NORMAL")
        if isinstance(operation, model.Put) and not _is_taken(operation.content, other):
            if held is None and not isinstance(operation.content, model.Namespace):
                return None
            if held is not None and not isinstance(held, model.Foreign):
                update = {"expected_target_content": held, "resolved_content": operation.content}
                taken = taken.model_copy(update=update)
        modes[operation.key] = taken
    return list(modes.values())


def _is_taken(content: model.Content, other: model.Content | None) -> bool:
    """Whether the other side holds this very content, under the same id or as something new."""
    if other is None:
        return False
    wanted = content if content.id is not None else content.model_copy(update={"id": other.id})
    return wanted == other
