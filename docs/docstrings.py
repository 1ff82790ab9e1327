"""What mkdocstrings has to know of raftlab's docstrings, which it reads without importing them.

Parts that docstrings of plots share are put in place, as a decorator does when raftlab is imported. Examples
outside of a section are marked as code.
"""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object
from raftlab.plot._docstrings import filled

SECTION = re.compile(r"^(\w[\w ]*)\n-{3,}$", re.MULTILINE)
DOCTEST = re.compile(r"^>>> .*?(?=\n\s*\n|\Z)", re.DOTALL | re.MULTILINE)


class Docstrings(Extension):
    """Reads them as Python has them."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Called for each module, class, function and attribute."""
        if obj.docstring is not None:
            text = filled(obj.docstring.value)
            first = SECTION.search(text)
            begins = first.start() if first else len(text)
            obj.docstring.value = DOCTEST.sub(r"```pycon\n\g<0>\n```", text[:begins]) + text[begins:]
