"""Functions that an optimiser calls around its steps and its states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_nn.core.handle import RemovableHandle

__all__ = ["Hooked"]


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
        return RemovableHandle(lambda: hooks.pop(key, None), key)

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
