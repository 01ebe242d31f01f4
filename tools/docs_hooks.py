"""What mkdocs runs while it builds the site: the reference, a nav without absent pages, links into the repository."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

REFERENCE = "reference.md"
MARK = "<!-- every public name -->"
ROOT = Path(__file__).resolve().parents[1]
SOURCES = "https://github.com/prunus-project/prunus/blob/main"


def on_config(config: Any) -> Any:
    """Leaves out of the nav what is not written yet, so that it can be listed in advance."""
    config["nav"] = _present(config["nav"], Path(config["docs_dir"]))
    return config


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Lists every public name on the reference page; on others, links files outside docs/ on the web."""
    if page.file.src_uri != REFERENCE:
        return outward(markdown, (ROOT / "docs" / page.file.src_uri).parent)
    import prunus

    homes = sorted((home, name) for name, home in prunus._HOME.items() if name not in {"errors", "__version__"})
    entries = [f"::: {home}.{name}\n    options:\n      heading_level: 2\n" for home, name in homes]
    return markdown.replace(MARK, "\n".join([*entries, "::: prunus.errors\n    options:\n      heading_level: 2\n"]))


def outward(markdown: str, folder: Path) -> str:
    """Relative links of a page in `folder` that lead to files of the repository outside docs/, as links to the web."""

    def web(match: re.Match[str]) -> str:
        target = (folder / match[1]).resolve()
        if not target.exists() or target.is_relative_to(ROOT / "docs"):
            return match[0]
        return f"]({SOURCES}/{target.relative_to(ROOT).as_posix()}{match[2]})"

    return re.sub(r"\]\((\.\./[^)#\s]+)(#[^)\s]*|)\)", web, markdown)


def _present(nav: Any, folder: Path) -> Any:
    if isinstance(nav, str):
        return nav if (folder / nav).is_file() else None
    if isinstance(nav, dict):
        found = {title: _present(part, folder) for title, part in nav.items()}
        return {title: part for title, part in found.items() if part} or None
    return [part for part in (_present(one, folder) for one in nav) if part]
