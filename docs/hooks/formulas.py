"""Puts MathJax on the site: from a package, not from the network."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from pathlib import Path

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

# MathJax 3.2.2, one file with its fonts, in django-static-mathjax 3.2.2.1 (which needs no Django).
_FILE = "static/mathjax/es5/tex-svg.js"
_SHA256 = "2af9375000b5a3669be94d436ae1c61159855283cd18b3ee9817fb71c8f94c84"


def on_files(files: Files, config) -> Files:
    """Adds the script, if it is the one that was looked at."""
    package = importlib.util.find_spec("mathjax")
    if package is None:
        raise PluginError("The formulas need MathJax: pip install django-static-mathjax==3.2.2.1")
    content = Path(package.submodule_search_locations[0], _FILE).read_bytes()
    if hashlib.sha256(content).hexdigest() != _SHA256:
        raise PluginError(f"{package.origin} has another MathJax than expected.")
    files.append(File.generated(config, "assets/mathjax.js", content=content))
    return files


def on_page_content(html: str, page, config, files: Files) -> str:
    """Keeps the source of formulas out of the search and its results."""
    marked = r'<\1 class="arithmatex" data-search-exclude>'
    return re.sub(r'<(span|div) class="arithmatex">', marked, html)
