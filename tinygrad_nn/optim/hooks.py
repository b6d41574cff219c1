"""Functions that an optimiser calls around its steps and its states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Hooked", "RemovableHandle"]


class RemovableHandle:
    """Removes a hook: `handle.remove()`, or `with handle:` to have it for a block only."""

    def __init__(self, hooks: dict[int, Any], key: int) -> None:
        self._hooks, self.id = hooks, key

    def remove(self) -> None:
        """Call the hook no more."""
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


class Hooked:
    """Registers hooks under the name of the moment at which they are called."""

    _hooks: dict[str, dict[int, Callable[..., Any]]]

    def hooks(self, moment: str) -> list[Callable[..., Any]]:
        """Hooks of a moment, in order."""
        return list(self._hooks[moment].values()) if moment in self._hooks else []

    def _register(
        self, moment: str, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        hooks = self._hooks.setdefault(moment, {})
        key = max(hooks, default=-1) + 1
        if prepend:
            later = dict(hooks)
            hooks.clear()
            hooks.update({key: hook, **later})
        else:
            hooks[key] = hook
        return RemovableHandle(hooks, key)

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before each step.

        What it returns, if not None, replaces the arguments of the step: `(args, kwargs)`.
        """
        return self._register("step_pre", hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return self._register("step_post", hook)

    def register_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer)` before each `state_dict()`."""
        return self._register("state_dict_pre", hook, prepend)

    def register_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)`; what it returns, if not None, replaces the state."""
        return self._register("state_dict_post", hook, prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)`; what it returns, if not None, is loaded instead."""
        return self._register("load_pre", hook, prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer)` after a state was loaded."""
        return self._register("load_post", hook, prepend)
