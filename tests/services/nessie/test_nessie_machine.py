"""Nessie as the catalog against the model in dicts and sets that the embedded catalog is held against."""

from __future__ import annotations

import itertools
from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis.stateful import invariant, run_state_machine_as_test
from tests.catalog.test_model_machine import CatalogMachine, Node

from headgate.catalog import Catalog, open_catalog
from services import running

pytestmark = [pytest.mark.services, pytest.mark.timeout(900)]


class NessieMachine(CatalogMachine):
    """The same rules; a commit's root is its own there, so that only states are compared."""

    server: ClassVar[running.Nessie]
    catalog: Catalog  # type: ignore[assignment]  # the machine has no other use for it than the interface

    def __init__(self) -> None:
        super().__init__()
        self.server.clear()
        self.url = f"nessie+{self.server.url}"
        self.catalog = open_catalog(self.url, self.db)
        first = self.catalog.ref("main").commit_id
        self.commits, self.heads = {first: Node((), {})}, {"main": first}

    def teardown(self) -> None:
        super().teardown()
        self.catalog.close()

    @invariant()
    def states_are_as_predicted_and_equal_states_have_equal_roots(self) -> None:
        # A second catalog has none of what the first one remembers of its own commits.
        fresh = open_catalog(self.url, self.db)
        for (branch, head), catalog in itertools.product(self.heads.items(), (self.catalog, fresh)):
            state = catalog.state(branch)
            assert state.commit_id == head
            assert dict(state.items()) == self.commits[head].entries
            assert state.commit.parents == self.commits[head].parents
        fresh.close()


def test_catalog_machine_on_nessie(nessie_server: running.Nessie) -> None:
    NessieMachine.server = nessie_server
    run_state_machine_as_test(NessieMachine, settings=settings(max_examples=12, stateful_step_count=20, deadline=None))
