"""What registering a hook returns, for a tensor, a module or an optimiser."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["RemovableHandle"]


class RemovableHandle:
    """Removes a hook: `handle.remove()`, `handle()`, or `with handle:` to have it for a block only.

    Args:
        remove: Takes the hook away; called again it does nothing.
        id: Number of the hook among those of its kind.
    """

    def __init__(self, remove: Callable[[], object], id: int = 0) -> None:
        self._remove, self.id = remove, id

    def remove(self) -> None:
        """Call the hook no more; doing so twice does nothing."""
        self._remove()

    __call__ = remove

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()
