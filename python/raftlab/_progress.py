"""A progress bar for notebooks and terminals."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from ._arguments import flag

__all__ = ["Progress"]


class Progress:
    """A bar of tqdm, if that is installed: in a notebook or a terminal, after a second; or a function."""

    def __init__(self, total: int, unit: str, wanted: bool | Callable[[int], object]) -> None:
        if not callable(wanted):
            flag(wanted, "progress")
        self._total, self._unit = total, unit
        self._tell = wanted if callable(wanted) else None
        seen = "ipykernel" in sys.modules or sys.stderr.isatty()
        self._wanted = wanted is not False and self._tell is None and seen
        self._bar: Any = None

    def __enter__(self) -> Self:
        if self._wanted:
            try:
                tqdm = bar_of_tqdm()
            except ImportError:
                return self
            self._bar = tqdm(total=self._total, unit=f" {self._unit}", unit_scale=True, delay=1, leave=False)
        return self

    def reached(self, done: int) -> None:
        """Reports the number of finished items."""
        if self._tell is not None:
            self._tell(done)
        if self._bar is not None:
            self._bar.update(done - self._bar.n)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()


def bar_of_tqdm() -> Any:
    """Widgets in a Jupyter kernel that has them, otherwise a line of text."""
    if "ipykernel" in sys.modules and importlib.util.find_spec("ipywidgets") is not None:
        from tqdm.notebook import tqdm
    else:
        from tqdm import tqdm
    return tqdm
