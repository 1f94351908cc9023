"""dbt in this process: one at a time, silent, and with nothing left open behind it.

dbt keeps its flags, its adapters, its plugins and its log in module globals; two invocations at once in one process
spoil each other, hence the lock.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dbt.tracking
from dbt.adapters.factory import get_adapter, register_adapter, reset_adapters
from dbt.cli.flags import Flags
from dbt.cli.types import Command
from dbt.config.profile import Profile
from dbt.config.project import (
    PartialProject,
    load_raw_project,
    package_and_project_data_from_root,
    selector_data_from_root,
)
from dbt.config.renderer import DbtProjectYamlRenderer
from dbt.config.runtime import RuntimeConfig
from dbt.context.providers import generate_runtime_macro_context
from dbt.context.query_header import generate_query_header_context
from dbt.contracts.graph.manifest import Manifest
from dbt.flags import set_flags
from dbt.mp_context import get_mp_context
from dbt_common.context import get_invocation_context, set_invocation_context
from dbt_common.events.base_types import BaseEvent, EventLevel
from dbt_common.events.event_manager import EventManager
from dbt_common.events.event_manager_client import ctx_set_event_manager
from dbt_common.invocation import reset_invocation_id

from headgate.transform.adapter import install
from headgate.transform.adapter.credentials import HeadgateCredentials
from headgate.transform.definition import DEFAULT_SCHEMA, Definition
from headgate.transform.shortcuts import shortcuts_taken

_ONE_AT_A_TIME = threading.Lock()


@dataclass
class Invocation:
    """One use of dbt, valid while its context manager is open.

    Attributes:
        config: dbt's view of project and profile.
        flags: dbt's flags.
        warnings: What dbt warned of so far, each once.
    """

    config: RuntimeConfig
    flags: Flags
    warnings: list[str] = field(default_factory=list)

    def use(self, manifest: Manifest) -> None:
        """Let the adapter resolve macros in a manifest that was not parsed by this invocation."""
        adapter: Any = get_adapter(self.config)
        adapter.set_macro_resolver(manifest)
        adapter.connections.set_query_header(generate_query_header_context(adapter.config, manifest))


class _Warnings(EventManager):
    """Keeps what dbt warns of; what is below a warning nobody reads, and making its text is a tenth of a build."""

    def __init__(self, *, generated: bool) -> None:
        super().__init__()
        self.messages: list[str] = []
        self._generated = generated

    def fire_event(
        self,
        e: BaseEvent,
        level: EventLevel | None = None,
        node: Any = None,
        force_warn_or_error_handling: bool = False,
    ) -> None:
        severity = level or e.level_tag()
        if severity not in (EventLevel.WARN, EventLevel.ERROR):
            return
        if self._generated and type(e).__name__ == "UnusedResourceConfigPath":
            # Of a project file that nobody wrote: it has the folders that models may come to.
            return
        super().fire_event(e, level, node, force_warn_or_error_handling)
        if severity is EventLevel.WARN and e.message() not in self.messages:
            self.messages.append(e.message())


@contextmanager
def dbt_invocation(
    definition: Definition,
    scratch: Path,
    *,
    target_id: str = "",
    command: Command = Command.BUILD,
    full_refresh: bool = False,
) -> Iterator[Invocation]:
    """Set dbt up for one command, and take it down again.

    Args:
        definition: The project.
        scratch: Folder for what dbt writes, of this invocation alone.
        target_id: Of the registered `Target`; none is needed for parsing.
        command: What dbt's flags say it is doing.
        full_refresh: As dbt's flag.
    """
    with _ONE_AT_A_TIME, shortcuts_taken():
        # dbt keeps the whole environment; the project's has `.env` in it.
        set_invocation_context(definition.environment)
        get_invocation_context()._env = definition.environment  # noqa: SLF001  # a copy would not note what is looked up
        install()
        warnings = _Warnings(generated=definition.generated)
        ctx_set_event_manager(warnings)
        reset_adapters()
        try:
            flags = _flags(definition, scratch, command, full_refresh)
            set_flags(flags)
            warnings.require_warn_or_error_handling = flags.REQUIRE_ALL_WARNINGS_HANDLED_BY_WARN_ERROR
            reset_invocation_id()
            dbt.tracking.do_not_track()
            config = _config(definition, flags, target_id)
            register_adapter(config, get_mp_context())
            get_adapter(config).set_macro_context_generator(generate_runtime_macro_context)
            yield Invocation(config, flags, warnings.messages)
        finally:
            reset_adapters()
            ctx_set_event_manager(EventManager())


def _flags(definition: Definition, scratch: Path, command: Command, full_refresh: bool) -> Flags:
    wanted: dict[str, Any] = {
        "project_dir": str(definition.root),
        "profiles_dir": str(definition.folder),
        "target_path": str(scratch),
        "log_path": str(scratch),
        "vars": definition.vars,
        "log_level": "none",
        "log_level_file": "none",
        "send_anonymous_usage_stats": False,
        "version_check": False,
        "print": False,
        "quiet": True,
        "use_colors": False,
        "write_json": False,
        "cache_selected_only": True,
        # Threads do not make DuckDB faster, and with one the workspace needs no lock and Ctrl-C arrives.
        "single_threaded": True,
    }
    if full_refresh:
        wanted["full_refresh"] = True
    return Flags.from_dict(command, wanted)


class _DuckDB:
    """A target that calls itself what its SQL is: projects and packages ask `target.type == 'duckdb'`."""

    def to_target_dict(self) -> dict[str, Any]:
        return {**super().to_target_dict(), "type": "duckdb"}  # type: ignore[misc]  # of the class that it is mixed into


class _Profile(_DuckDB, Profile):
    pass


class _Config(_DuckDB, RuntimeConfig):
    pass


def _config(definition: Definition, flags: Flags, target_id: str) -> RuntimeConfig:
    raw = load_raw_project(str(definition.file.parent))
    profile = _Profile.from_credentials(
        HeadgateCredentials(schema=DEFAULT_SCHEMA, target_id=target_id),
        threads=1,
        profile_name=str(raw.get("profile") or "headgate"),
        target_name=definition.target,
    )
    profile.profile_env_vars = {}
    packages, packages_path = package_and_project_data_from_root(str(definition.root))
    partial = PartialProject.from_dicts(
        project_root=str(definition.root),
        project_dict=raw,
        packages_dict=packages,
        selectors_dict=selector_data_from_root(str(definition.root)),
        packages_specified_path=packages_path,
    )
    renderer = DbtProjectYamlRenderer(profile, definition.vars)
    project = partial.render(renderer)
    project.project_env_vars = renderer.ctx_obj.env_vars
    project.model_paths = [*project.model_paths, str(definition.sources)]
    if "query-comment" not in raw:
        # dbt would render a comment into every statement, for the logs of a warehouse.
        project.query_comment.comment = ""
    return _Config.from_parts(project, profile, flags)
