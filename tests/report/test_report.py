"""The report's numbers are those of the counts and of the pruned directory; its page needs nothing else."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import prunus
from prunus.cli import main
from prunus.counts import ScanInfo, TokenCounts
from prunus.errors import UsageError
from prunus.reports.figures import BELOW, NEVER_SEEN, curve_of_counts
from prunus.reports.markup import tag
from prunus.reports.scripts import script, scripts_of
from prunus.tokenizer.document import TokenizerDocument

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = ["the cat sat on the mat", "a cat", "the the the b", "\u0001 <b> & the"]


def made_counts(amounts: list[int]) -> TokenCounts:
    info = ScanInfo(
        fingerprint="f", size=len(amounts), rows=1, nulls=0, text_bytes=1, tokens=sum(amounts), options={},
        oracle="tokenizers 0", path="row", path_reason="asked", fallback_rows=0,
    )  # fmt: skip
    return TokenCounts(np.arange(len(amounts)), amounts, [f"t{n}" for n in range(len(amounts))], info)


@given(st.lists(st.integers(1, 2**40), min_size=1, max_size=30), st.floats(0.01, 1))
def test_the_curve_is_that_of_the_counts(amounts: list[int], share: float) -> None:
    counts = made_counts(amounts)
    curve = curve_of_counts("c", counts)
    shares = [counts.coverage(n) for n in range(len(amounts) + 1)]
    assert [curve.share(n) for n in range(len(amounts) + 1)] == shares
    chosen = prunus.select(counts, coverage=share)
    assert curve.tokens_for(share) == max(len(chosen.ids), 1)


@given(st.text())
def test_markup_is_well_formed_and_loses_no_printable_text(text: str) -> None:
    read = ET.fromstring(tag("text", text, title=text, x=1.25))
    shown = "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in text)
    assert (read.text or "") == shown
    assert read.get("x") == "1.25"


@pytest.fixture(scope="module")
def place(shared_tiny_bert: Path) -> Path:
    counts = prunus.scan(TEXTS, tokenizer=shared_tiny_bert / "model")
    counts.save(shared_tiny_bert / "counts.parquet")
    prunus.scan(TEXTS[:2], tokenizer=shared_tiny_bert / "model").save(shared_tiny_bert / "other.parquet")
    prunus.prune(
        shared_tiny_bert / "model", prunus.select(counts, min_count=2), shared_tiny_bert / "small", forward=False
    )
    return shared_tiny_bert


def page(text: str) -> ET.Element:
    head, _, rest = text.partition("\n")
    assert head == "<!DOCTYPE html>"
    return ET.fromstring(rest)


def cells(root: ET.Element, name: str) -> list[list[str]]:
    (table,) = root.findall(f".//table[@id='{name}']")
    return [["".join(cell.itertext()) for cell in row] for row in table]


def test_the_page_says_what_the_counts_say(place: Path) -> None:
    sources = [place / name for name in ("counts.parquet", "other.parquet", "small")]
    html = prunus.report(*sources).html()
    root = page(html)
    counts = TokenCounts.load(sources[0])
    head, *rows = cells(root, "coverage")
    assert head == ["tokens", "small", "other.parquet"]  # the curve of the counts is that of the directory
    for number, share, other in rows:
        assert share == f"{counts.coverage(int(number)):.6%}"
        assert other == f"{TokenCounts.load(sources[1]).coverage(int(number)):.6%}"
    table = {row[0]: row[1:] for row in cells(root, "counts")}
    assert table["tokens"][0] == f"{counts.info.tokens:,}"
    assert table["tokens for 1 of it"][0] == str(len(counts))
    # One polyline a curve in each of the two line plots, each reaching the last rank.
    assert len(root.findall(".//polyline")) == 4
    assert "different texts" in html


def test_the_page_needs_nothing_else(place: Path) -> None:
    html = prunus.report(place / "counts.parquet", place / "small").html()
    root = page(html)
    assert not [e.tag for e in root.iter() if e.tag in {"script", "link", "img", "iframe", "object"}]
    assert not re.search(r"https?:|url\(|@import|\bsrc=|\bhref=", html)
    assert "prefers-color-scheme: dark" in html


def test_kept_and_dropped_add_up(place: Path) -> None:
    (one,) = prunus.report(place / "small", place / "counts.parquet").to_dict()["pruned"].values()
    plan = one["plan"]
    document = TokenizerDocument.load(place / "model")
    kept = prunus.KeptTokens.load(place / "small" / "prunus" / "keep.parquet")
    assert sum(one["kept_by_reason"].values()) == len(kept)
    counts = TokenCounts.load(place / "counts.parquet")
    gone = set(document.tokens) - set(kept.old_ids.tolist())
    seen = set(counts.ids.tolist())
    assert one["dropped_by_reason"] == {NEVER_SEEN: len(gone - seen), BELOW: len(gone & seen)}
    assert len(gone & seen) > 0
    whole = Counter(scripts_of(document).values())
    assert {name: s["kept"] + s["dropped"] for name, s in one["by_script"].items()} == whole
    assert one["memory"]["inference, 32 bits"]["after"] == 4 * plan["parameters"][1]
    assert {c["status"] for c in one["checks"]} <= {"passed", "skipped"}
    root = page(prunus.report(place / "small").html())
    assert [row[0] for row in cells(root, "checks")[1:]] == [c["name"] for c in one["checks"]]


def test_a_directory_whose_source_is_gone_says_so(place: Path) -> None:
    moved = shutil.copytree(place / "small", place / "moved")
    plan = json.loads((moved / "prunus" / "plan.json").read_text(encoding="utf-8"))
    (moved / "prunus" / "plan.json").write_text(json.dumps(plan | {"model_dir": str(place / "nowhere")}))
    said = str(prunus.report(moved))
    assert "no longer at" in said
    assert "name the counts beside" in said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ωμέγα", "Greek"),
        ("日本", "CJK"),
        ("ﾊﾝ", "Katakana"),
        ("aя", "several scripts"),
        ("", "punctuation, symbols, spaces"),
    ],
)
def test_scripts(text: str, expected: str) -> None:
    assert script(text) == expected


def test_the_command(place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    assert main(["report", "counts.parquet", "small", "--html", "r.html"]) == 0
    assert "tokens dropped, by reason" in capsys.readouterr().out
    page((place / "r.html").read_text(encoding="utf-8"))
    assert main(["report", "counts.parquet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["counts"]["counts.parquet"]["ids"] == len(
        TokenCounts.load("counts.parquet")
    )
    assert main(["report", "counts.parquet", "counts.parquet"]) == 2
    assert main(["report", "model"]) == 2
    with pytest.raises(UsageError, match="nothing to report"):
        prunus.report()


def test_a_browser_shows_it_in_light_and_dark(place: Path) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("chromium is not installed")
    prunus.report(place / "counts.parquet", place / "small").save(place / "report.html")
    (place / "blank.html").write_text("<!DOCTYPE html><html><body></body></html>", encoding="utf-8")
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=900,1500"]
    shots = {}
    for name, source, scheme in (("blank", "blank", 1), ("light", "report", 1), ("dark", "report", 0)):
        file = place / f"{name}.png"
        more = [f"--user-data-dir={place / 'profile'}", f"--blink-settings=preferredColorScheme={scheme}"]
        command = [browser, *options, *more, f"--screenshot={file}", (place / f"{source}.html").as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        shots[name] = file.read_bytes()
    assert min(len(shots["light"]), len(shots["dark"])) > 5 * len(shots["blank"])
    assert shots["light"] != shots["dark"]
