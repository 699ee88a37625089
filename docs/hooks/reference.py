"""Refuses a site that lacks a public name, or shows an equation as its source."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from mkdocs.exceptions import PluginError

ROOT = Path(__file__).parents[2]


def public_names() -> list[str]:
    """Returns the dotted names in `__all__` of the package and of its public modules.

    They are where users import them from: `larq_bop.layers.QuantDense`.
    """
    package = ROOT / "larq_bop"
    modules = {"larq_bop.larq": package / "larq" / "__init__.py"}
    for name in _exported(package / "__init__.py"):
        for path in (package / f"{name}.py", package / name / "__init__.py"):
            if path.exists():
                modules[f"larq_bop.{name}"] = path
    return [f"{module}.{name}" for module, path in modules.items() for name in _exported(path)]


def _exported(path: Path) -> list[str]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return ast.literal_eval(node.value)
    raise PluginError(f"{path} has no __all__.")


def on_post_build(config) -> None:
    """Looks through the pages that were built."""
    built = Path(config.site_dir, "reference").rglob("*.html")
    pages = {path: path.read_text(encoding="utf-8") for path in built}
    shown = {name for text in pages.values() for name in re.findall(r'id="(larq_bop[\w.]*)"', text)}
    missing = [name for name in public_names() if name not in shown]
    if missing:
        raise PluginError(f"The reference lacks {', '.join(missing)}.")
    for path, text in pages.items():
        # Of formulas only the source stands in the page, within \( and \) or \[ and \].
        left = re.sub(r'<(span|div) class="arithmatex".*?</\1>', "", text, flags=re.DOTALL)
        left = re.sub(r"<(pre|code).*?</\1>", "", left, flags=re.DOTALL)
        if found := re.search(r"\$\$|\\begin\{|\\frac|\\gamma", left):
            around = left[max(0, found.start() - 80) : found.end() + 80]
            raise PluginError(f"{path.name} shows the source of an equation: {around!r}")
