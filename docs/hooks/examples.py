"""Shows the examples of docstrings as code: lines that begin with `>>>`, and what they print."""

import re

import griffe

_EXAMPLE = re.compile(r"^( *)>>> .*\n?(?:^\1(?! *$).*\n?)*", re.MULTILINE)


def _fenced(match: re.Match) -> str:
    indent = match[1]
    return f"{indent}```pycon\n{match[0].rstrip()}\n{indent}```\n"


class Examples(griffe.Extension):
    """Puts examples between fences, before the docstring's Markdown is rendered."""

    def on_object(self, *, obj: griffe.Object, **kwargs) -> None:
        """Rewrites the docstring of a module, class, function or attribute."""
        if obj.docstring is not None:
            obj.docstring.value = _EXAMPLE.sub(_fenced, obj.docstring.value)
