"""The pages under docs/: commands in them parse, settings are settings, Python compiles, links lead on."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from prunus.cli.parser import build_parser
from prunus.cli.settings import with_settings

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "decisions" not in path.parts)


def blocks(page: Path, *languages: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```(?:{'|'.join(languages)})\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands(page: Path) -> list[list[str]]:
    """The lines that run prunus, comments, pipes and redirections left out."""
    found = []
    for block in blocks(page, "bash", "sh", "text"):
        for line in block.replace("\\\n", " ").splitlines():
            if re.match(r"(\$ )?prunus [a-z-]", line) and "…" not in line and "[" not in line:
                words = shlex.split(line.removeprefix("$ "), comments=True)
                end = next((n for n, word in enumerate(words) if word in {"|", ">", "&", "&&", ";"}), len(words))
                found.append(words[1:end])
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_parse_and_python_compiles(page: Path) -> None:
    for words in commands(page):
        assert callable(build_parser().parse_args(words).run), words
    for block in blocks(page, "python"):
        compile(block, str(page), "exec")


def test_commands_were_looked_at() -> None:
    assert sum(len(commands(page)) for page in PAGES) > 10


def test_the_settings_are_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = blocks(DOCS / "command-line.md", "toml")
    (tmp_path / "prunus.toml").write_text(block, encoding="utf-8")
    scan = build_parser().parse_args(with_settings(build_parser(), ["scan", "corpus"]))
    assert scan.column == ["title", "body"]
    prune = build_parser().parse_args(with_settings(build_parser(), ["prune", "M", "--counts", "c", "-o", "o"]))
    assert (prune.min_count, prune.drop_file) == (2, ["model.onnx"])


@pytest.mark.parametrize("page", [*PAGES, DOCS / "llms.txt"], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_the_site_builds(tmp_path: Path) -> None:
    if importlib.util.find_spec("material") is None or importlib.util.find_spec("mkdocstrings") is None:
        pytest.skip("mkdocs-material is not installed (pip install --group docs)")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(tmp_path / "site")]
    subprocess.run(command, cwd=ROOT, check=True)
    reference = (tmp_path / "site" / "reference" / "index.html").read_text(encoding="utf-8")
    assert "prunus.scanning.scan" in reference
    assert "prunus.reports.build.report" in reference
