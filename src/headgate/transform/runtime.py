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
from dbt_common.context import set_invocation_context
from dbt_common.events.base_types import EventMsg
from dbt_common.events.event_manager_client import cleanup_event_logger, get_event_manager
from dbt_common.invocation import reset_invocation_id

from headgate.transform.adapter import install
from headgate.transform.adapter.credentials import HeadgateCredentials
from headgate.transform.definition import DEFAULT_SCHEMA, Definition

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
    with _ONE_AT_A_TIME:
        # dbt keeps the whole environment; the project's has `.env` in it.
        set_invocation_context(definition.environment)
        install()
        flags = _flags(definition, scratch, command, full_refresh)
        set_flags(flags)
        reset_invocation_id()
        dbt.tracking.do_not_track()
        warnings: list[str] = []

        def collect(message: EventMsg) -> None:
            if message.info.level == "warn" and message.info.msg not in warnings:
                warnings.append(message.info.msg)

        cleanup_event_logger()
        get_event_manager().callbacks = [collect]
        reset_adapters()
        try:
            config = _config(definition, flags, target_id)
            register_adapter(config, get_mp_context())
            get_adapter(config).set_macro_context_generator(generate_runtime_macro_context)
            yield Invocation(config, flags, warnings)
        finally:
            reset_adapters()
            get_event_manager().callbacks = []


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


def _config(definition: Definition, flags: Flags, target_id: str) -> RuntimeConfig:
    raw = load_raw_project(str(definition.file.parent))
    profile = Profile.from_credentials(
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
    return RuntimeConfig.from_parts(project, profile, flags)
