"""What tests read in the documentation."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
MOVING = ROOT / "docs" / "moving-from-larq.md"
KERAS_2 = ROOT / "docs" / "larq-keras-2.md"
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("benchmarks/*.md")),
    *sorted(ROOT.glob("experiments/**/README.md")),
]

# What the repository's files are called on the web, as text and as they are.
REPOSITORY = re.compile(
    r"https://(?:github\.com/larq-bop/larq_bop/(?:blob|tree)|"
    r"raw\.githubusercontent\.com/larq-bop/larq_bop)/main/"
)


def code_blocks(path):
    """Returns the text of each Python block of a Markdown page."""
    return re.findall(r"^```python\n(.*?)^```", path.read_text(), flags=re.DOTALL | re.MULTILINE)


def links(path):
    """Returns where a Markdown page leads to, inline and by reference, without the anchors."""
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
    found = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"^\[[^]]+\]: (\S+)$", text, re.M)
    return [link.partition("#")[0] for link in found if not link.startswith("#")]


def broken_links(path):
    """Returns the links of a Markdown page to files of this repository that are not there."""
    broken = []
    for link in links(path):
        inside, is_ours = REPOSITORY.subn("", link)
        if is_ours:
            file = ROOT / inside
        elif ":" in link:
            continue
        else:
            file = path.parent / link
        if not file.exists():
            broken.append(link)
    return broken


def undefined_references(path):
    """Returns the names of links by reference that a Markdown page does not define."""
    text = path.read_text()
    used = set(re.findall(r"\]\[([^]]+)\]", text))
    return used - set(re.findall(r"^\[([^]]+)\]: ", text, re.MULTILINE))


def table_rows(text):
    """Returns the cells of all rows of all tables in a Markdown text, headers included."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def run(block, **names):
    """Executes a block as a program of its own, with some names given, and returns its names."""
    names = {"__name__": "example", **names}
    exec(compile(block, "example.py", "exec"), names)
    return names
