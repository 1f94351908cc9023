"""What was typed for an option, made into its value, without a validator where there is nothing to validate.

Typer builds a Pydantic adapter for every option of a command, those not given included, and importing Pydantic takes
longer than a run that has nothing to do.
"""

from __future__ import annotations

from typing import Any


def spare_validators(command: Any) -> Any:
    """Let Typer's validators be built only for values that need one.

    Args:
        command: A command as Typer built it, or a group, whose commands are seen to as well.

    Returns:
        The same command.
    """
    listed = command.get_params

    # Typer offers no way to choose the class of a parameter, and makes that of `--help` only when it lists them.
    def parameters(context: Any) -> list[Any]:
        found: list[Any] = listed(context)
        for parameter in found:
            if "get_runtime_param" not in vars(parameter):
                parameter.get_runtime_param = _Coercion(parameter).itself
        return found

    command.get_params = parameters
    for nested in getattr(command, "commands", {}).values():
        spare_validators(nested)
    return command


class _Coercion:
    """Stands before the coercion that Typer would build, and asks for it when a value needs it."""

    def __init__(self, parameter: Any) -> None:
        self._build = parameter.get_runtime_param
        self._type = None if parameter.type_descriptor.parameter_info.parser else parameter.type_descriptor.annotation

    def itself(self) -> _Coercion:
        return self

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        if self._type is str and isinstance(value, str):
            return value
        if self._type == list[str] and isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value):
            return list(value)
        return self._build().coerce(value, param=param, ctx=ctx)
