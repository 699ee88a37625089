"""Makes pages of the site of files outside docs/: Markdown, and notebooks with their figures.

All pages link to each other as on the file system, so that the links work in an editor and on
GitHub; links that lead to a page of the site are turned to it, all others to the repository.
"""

from __future__ import annotations

import base64
import posixpath
import re
from pathlib import Path

import nbformat
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]

# Files of the repository, and the pages that they become.
_PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "benchmarks/README.md": "speed.md",
    "benchmarks/NOTES.md": "speed-notes.md",
    "experiments/README.md": "experiments.md",
    "experiments/results/README.md": "results.md",
    **{
        f"notebooks/{path.name}": f"notebooks/{path.stem}.md"
        for path in sorted((ROOT / "notebooks").glob("*.ipynb"))
    },
}
_SOURCES = {page: source for source, page in _PAGES.items()}
_LINK = re.compile(r"(\]\(|^\[[^]]+\]: )([^)\s#]+)", re.MULTILINE)
_CODE = re.compile(r"(^```.*?^```)", re.DOTALL | re.MULTILINE)


def on_files(files: Files, config) -> Files:
    """Adds the pages, and the notebooks' figures."""
    for source, page in _PAGES.items():
        if source.endswith(".ipynb"):
            text, figures = _notebook(ROOT / source)
            for name, data in figures.items():
                files.append(File.generated(config, f"notebooks/{name}", content=data))
        else:
            text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page, config, files: Files) -> str:
    """Turns a page's links to where they lead on the site, or in the repository."""
    here = page.file.src_uri
    source = _SOURCES.get(here, f"docs/{here}")
    repository = config.repo_url.rstrip("/")
    ours = re.compile(
        rf"(?:{repository}/(?:blob|tree)|"
        rf"{repository.replace('github.com', 'raw.githubusercontent.com')})/main/"
    )

    def turned(match: re.Match) -> str:
        link = match[2]
        path, is_ours = ours.subn("", link)
        if not is_ours:
            if ":" in link:
                return match[0]
            path = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
        target = _PAGES.get(path, path.removeprefix("docs/"))
        if files.get_file_from_path(target) is not None:
            return match[1] + posixpath.relpath(target, posixpath.dirname(here) or ".")
        if (ROOT / path).exists():
            kind = "tree" if (ROOT / path).is_dir() else "blob"
            return f"{match[1]}{repository}/{kind}/main/{path}"
        return match[0]  # MkDocs warns of it.

    parts = _CODE.split(markdown)
    return "".join(p if p.startswith("```") else _LINK.sub(turned, p) for p in parts)


def on_post_page(output: str, page, config) -> str:
    """Keeps the theme from asking GitHub for the repository's stars."""
    return output.replace('data-md-component="source"', "")


def _notebook(path: Path) -> tuple[str, dict[str, bytes]]:
    """Returns a notebook as Markdown, as it was executed, and its figures by name."""
    parts: list[str] = []
    figures: dict[str, bytes] = {}
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
        elif cell.cell_type == "code":
            parts.append(f"```python\n{cell.source}\n```")
            for output in cell.outputs:
                data = output.get("data", {})
                if "image/png" in data:
                    name = f"{path.stem}-{len(figures) + 1}.png"
                    figures[name] = base64.b64decode(data["image/png"])
                    parts.append(f"![Figure {len(figures)} of {path.stem}]({name})")
                elif "text/markdown" in data:
                    parts.append(data["text/markdown"])
                elif "text/html" in data:
                    parts.append(_table(data["text/html"]))
                else:
                    text = output.get("text") or data.get("text/plain", "")
                    parts.append(f"```text\n{text.rstrip()}\n```")
    return "\n\n".join(parts) + "\n", figures


def _table(html: str) -> str:
    """Returns pandas' table without its style sheet and borders, for the site's own."""
    html = re.sub(r"<style.*?</style>", "", html, flags=re.DOTALL)
    html = re.sub(r"<table[^>]*>", "<table>", html)
    # Without empty lines, at which Markdown would end the block.
    return "\n".join(line.strip() for line in html.splitlines() if line.strip())
