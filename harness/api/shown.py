"""Which numbers of a run are shown first, and what a notebook is told while a run goes."""

import sys
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from harness.types import Estimate, Run
from harness.visible import line

ROWS = 8
"""Numbers that a short text shows."""


def headlines(run: Run, estimates: Sequence[Estimate]) -> list[Estimate]:
    """The numbers over all examples that are neither calibration nor of changed examples."""
    about = run.metrics()
    whole = [e for e in estimates if e.slice == "all"]
    return [e for e in whole if (e.task, e.metric) not in about or about[e.task, e.metric].is_headline]


def notebook_display() -> Callable[..., Any] | None:
    """IPython's ``display`` where this process is the kernel of a notebook, else None; imports nothing."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return ipython.display.display if ipython and getattr(shell, "kernel", None) is not None else None


class Html(str):
    """HTML that a notebook shows."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return str(self)


class NotebookBar:
    """A bar in a notebook, drawn again for every per cent: call it with (questions answered, questions in all)."""

    def __init__(self, title: str, display: Callable[..., Any]) -> None:
        self.title, self.display = line(title, 80), display
        self._handle: Any = None
        self._percent = -1

    def __call__(self, done: int, total: int) -> None:
        """Draw it where it has moved."""
        percent = 100 * done // total if total else 100
        if percent == self._percent:
            return
        self._percent = percent
        bar = f'<progress value="{done}" max="{total}"></progress>'
        html = Html(f"<div>{escape(self.title)} {bar} {done:,} of {total:,} questions</div>")
        if self._handle is None:
            self._handle = self.display(html, display_id=True)
        else:
            self._handle.update(html)


def printed(text: str) -> None:
    """One sentence for whoever runs a notebook."""
    print(f"harness: {line(text, 2_000)}", file=sys.stderr)
