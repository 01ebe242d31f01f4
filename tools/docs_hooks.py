"""What mkdocs runs while it builds the site: the reference from the public names, and a nav without absent pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

REFERENCE = "reference.md"
MARK = "<!-- every public name -->"


def on_config(config: Any) -> Any:
    """Leaves out of the nav what is not written yet, so that it can be listed in advance."""
    config["nav"] = _present(config["nav"], Path(config["docs_dir"]))
    return config


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Lists every public name of the package on the reference page."""
    if page.file.src_uri != REFERENCE:
        return markdown
    import prunus

    homes = sorted((home, name) for name, home in prunus._HOME.items() if name not in {"errors", "__version__"})
    entries = [f"::: {home}.{name}\n    options:\n      heading_level: 2\n" for home, name in homes]
    return markdown.replace(MARK, "\n".join([*entries, "::: prunus.errors\n    options:\n      heading_level: 2\n"]))


def _present(nav: Any, folder: Path) -> Any:
    if isinstance(nav, str):
        return nav if (folder / nav).is_file() else None
    if isinstance(nav, dict):
        found = {title: _present(part, folder) for title, part in nav.items()}
        return {title: part for title, part in found.items() if part} or None
    return [part for part in (_present(one, folder) for one in nav) if part]
