"""What tests read in the documentation."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
MOVING = ROOT / "docs" / "moving-from-larq.md"


def code_blocks(path):
    """Returns the text of each Python block of a Markdown page."""
    return re.findall(r"^```python\n(.*?)^```", path.read_text(), flags=re.DOTALL | re.MULTILINE)


def broken_links(path):
    """Returns the relative links of a Markdown page that lead nowhere."""
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", path.read_text())
    return [link for link in links if not (path.parent / link).exists()]


def run(block):
    """Executes a block as a program of its own and returns its names."""
    names = {"__name__": "example"}
    exec(compile(block, "example.py", "exec"), names)
    return names
