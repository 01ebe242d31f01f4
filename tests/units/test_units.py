"""Units, shards and work directories give the very bytes of a plain scan, and notice whatever changed."""

from __future__ import annotations

import json
import os
import shutil
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import prunus
from prunus.cli import main
from prunus.corpus import open_corpus
from prunus.counts import TokenCounts
from prunus.errors import (
    ColumnError,
    CorpusError,
    InvalidTextError,
    OutputError,
    TokenizerMismatchError,
    UsageError,
)
from prunus.merging import merge_files
from prunus.scanning import Scanner
from prunus.units import UnitPlan, WorkDirectory, plan_units, run_unit
from prunus.units import running as running_module

SIZES = (60, 3000, 1 << 30)


def scanned(tokenizer: Path, source: object, **options: object) -> TokenCounts:
    return Scanner(tokenizer, threads=1).scan(source, ["text"], **options)


def saved(counts: TokenCounts, path: Path) -> bytes:
    counts.save(path)
    return path.read_bytes()


def planned(tokenizer: Path, source: Path, size: int) -> tuple[Scanner, UnitPlan]:
    scanner = Scanner(tokenizer, threads=1)
    corpus = open_corpus(source, ["text"])
    return scanner, plan_units(corpus, scanner.identity(corpus), size)


@pytest.mark.parametrize("size", SIZES)
def test_all_units_in_any_order_are_the_plain_scan(tokenizer: Path, corpus: Path, tmp_path: Path, size: int) -> None:
    scanner, plan = planned(tokenizer, corpus, size)
    assert len(plan.units) >= len(plan.files) == 8
    results = [run_unit(scanner, plan, unit) for unit in range(len(plan.units))]
    want = saved(scanned(tokenizer, corpus), tmp_path / "plain.parquet")
    assert saved(prunus.merge(results[::-1]), tmp_path / "sum.parquet") == want
    halves = [prunus.merge(results[k::2]) for k in (0, 1) if results[k::2]]
    assert saved(prunus.merge(halves), tmp_path / "tree.parquet") == want


def test_units_cover_every_file_once_and_are_of_about_equal_size(tokenizer: Path, corpus: Path) -> None:
    _, plan = planned(tokenizer, corpus, 3000)
    for number, file in enumerate(plan.files):
        mine = [unit for unit in plan.units if unit.file == number]
        if file.format in {"text", "jsonl"} and mine[0].stop:
            content = Path(file.path).read_bytes()
            edges = [unit.start for unit in mine] + [mine[-1].stop]
            assert edges == [0, *(unit.stop for unit in mine)]
            assert edges[-1] == len(content)
            assert all(content[edge - 1 : edge] == b"\n" for edge in edges[1:-1])
            longest = max(map(len, content.split(b"\n")))
            assert max(unit.weight for unit in mine) <= 3000 + longest + 1
        elif file.format == "parquet" and mine[0].stop:
            assert [g for unit in mine for g in range(unit.start, unit.stop)] == list(
                range(pq.ParquetFile(file.path).num_row_groups)
            )
        else:
            assert [(unit.start, unit.stop) for unit in mine] == [(0, 0)]


def test_a_plan_is_a_value(tokenizer: Path, corpus: Path) -> None:
    _, plan = planned(tokenizer, corpus, 1000)
    _, again = planned(tokenizer, corpus, 1000)
    assert plan == again == UnitPlan.from_json(plan.to_json())
    assert plan.fingerprint == again.fingerprint != planned(tokenizer, corpus, 999)[1].fingerprint
    os.utime(corpus / "a.parquet", ns=(1, 1))
    assert planned(tokenizer, corpus, 1000)[1].fingerprint != plan.fingerprint
    for broken in ("", "[]", '{"format": 1}', '{"format": 2}'):
        with pytest.raises(CorpusError, match="plan"):
            UnitPlan.from_json(broken)


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=60), st.integers(1, 9))
def test_shards_divide_the_units_evenly(weights: list[int], of: int) -> None:
    from prunus.units.plan import Unit

    plan = UnitPlan({}, 1, (), tuple(Unit(0, i, i + 1, weight) for i, weight in enumerate(weights)))
    shards = [plan.shard(number, of) for number in range(1, of + 1)]
    assert sorted(unit for shard in shards for unit in shard) == list(range(len(weights)))
    loads = [sum(max(weights[unit], 1) for unit in shard) for shard in shards]
    assert max(loads) - min(loads) <= max(*weights, 1)
    for wrong in ((0, of), (of + 1, of), (1, 0)):
        with pytest.raises(UsageError, match="shard"):
            plan.shard(*wrong)


def test_shards_are_the_plain_scan_and_nothing_else_adds_up(tokenizer: Path, corpus: Path, tmp_path: Path) -> None:
    of = 12
    parts = [scanned(tokenizer, corpus, shard=(i, of), unit_bytes=6_000) for i in range(1, of + 1)]
    assert sum(not part.info.rows for part in parts) >= 1, "no shard without work was tried"
    files = []
    for number, part in enumerate(parts):
        part.save(tmp_path / f"{number}.parquet")
        files.append(tmp_path / f"{number}.parquet")
        assert TokenCounts.load(files[-1]) == part
    whole = scanned(tokenizer, corpus)
    assert saved(merge_files(files), tmp_path / "sum.parquet") == saved(whole, tmp_path / "plain.parquet")
    assert "only a part" in parts[0].summary()
    with pytest.raises(UsageError, match="counted twice"):
        prunus.merge([*parts, parts[0]])
    with pytest.raises(UsageError, match="whole scan"):
        parts[0] + whole
    with pytest.raises(UsageError, match="only"):
        prunus.select(parts[0])
    other = scanned(tokenizer, corpus, shard=(1, of), unit_bytes=400)
    with pytest.raises(UsageError, match="different scans") as caught:
        parts[1] + other
    assert "--unit-size" in caught.value.hint, "here it is what differs"
    some = merge_files(files[1:])
    assert some.info.part is not None
    assert not some.info.part.complete


def test_a_shard_that_holds_every_unit_adds_up_with_the_empty_ones(
    tokenizer: Path, corpus: Path, tmp_path: Path
) -> None:
    """A file below the size of a unit is all one shard's work; the others have none."""
    parts = [scanned(tokenizer, corpus / "h.txt", shard=(i, 3)) for i in (1, 2, 3)]
    assert sorted(part.info.part.complete for part in parts if part.info.part) == [False, False, True]
    files = [tmp_path / f"{number}.parquet" for number in range(3)]
    for part, file in zip(parts, files, strict=True):
        part.save(file)
    whole = scanned(tokenizer, corpus / "h.txt")
    assert merge_files(files) == prunus.merge(parts[::-1]) == whole
    assert saved(merge_files(files), tmp_path / "sum.parquet") == saved(whole, tmp_path / "plain.parquet")
    full = next(part for part in parts if part.info.part and part.info.part.complete)
    assert prunus.merge([full]) == whole
    assert prunus.select(full).ids.tolist() == whole.ids.tolist(), "nothing of it is missing"
    assert "only a part" not in full.summary()
    assert scanned(tokenizer, corpus / "h.txt", shard=(1, 1)) == whole


def test_the_same_counts_are_not_merged_twice(tokenizer: Path, corpus: Path, tmp_path: Path) -> None:
    scanned(tokenizer, corpus).save(tmp_path / "a.parquet")
    shutil.copy(tmp_path / "a.parquet", tmp_path / "b.parquet")
    (tmp_path / "c.parquet").symlink_to("a.parquet")
    for twice in (["a.parquet", "a.parquet"], ["a.parquet", "b.parquet"], ["a.parquet", "c.parquet"]):
        with pytest.raises(UsageError, match="twice"):
            merge_files([tmp_path / name for name in twice])


def test_a_scan_is_taken_up_where_it_stopped(
    tokenizer: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, ran = tmp_path / "work", []
    real = running_module.run_unit

    def counted(scanner: Scanner, plan: UnitPlan, unit: int, *rest: object) -> TokenCounts:
        if len(ran) == 5:
            raise KeyboardInterrupt
        ran.append(unit)
        return real(scanner, plan, unit, *rest)

    monkeypatch.setattr(running_module, "run_unit", counted)
    with pytest.raises(KeyboardInterrupt):
        scanned(tokenizer, corpus, resume=work, unit_bytes=2000)
    first = list(ran)
    ran[:] = []
    monkeypatch.setattr(running_module, "run_unit", lambda *a: (ran.append(a[2]), real(*a))[1])
    resumed = scanned(tokenizer, corpus, resume=work)
    assert len(first) == 5
    assert not set(first) & set(ran)
    assert sorted(first + ran) == list(range(len(WorkDirectory(work).plan.units)))
    want = saved(scanned(tokenizer, corpus), tmp_path / "plain.parquet")
    assert saved(resumed, tmp_path / "resumed.parquet") == want
    ran[:] = []
    assert saved(scanned(tokenizer, corpus, resume=work), tmp_path / "again.parquet") == want
    assert ran == []
    assert saved(merge_files([work]), tmp_path / "merged.parquet") == want


def test_shards_share_a_work_directory(tokenizer: Path, corpus: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    for number in (2, 3):
        scanned(tokenizer, corpus, resume=work, shard=(number, 3), unit_bytes=2000)
    with pytest.raises(CorpusError, match=r"units are missing: \d+ \(.*corpus/"):
        merge_files([work])
    some = merge_files([work], partial=True)
    assert some.info.part is not None
    assert some.info.part.missing() == WorkDirectory(work).plan.shard(1, 3)
    assert scanned(tokenizer, corpus, resume=work, shard=(1, 3)).info.part is not None
    assert merge_files([work]) == scanned(tokenizer, corpus)


def test_the_command_merges_the_units_that_are_done(tokenizer: Path, corpus: Path, tmp_path: Path) -> None:
    work, out = str(tmp_path / "work"), str(tmp_path / "some.parquet")
    scanned(tokenizer, corpus, resume=work, shard=(2, 3), unit_bytes=2000)
    assert main(["merge", work, "-o", out, "-q"]) == 1
    assert main(["merge", "--partial", work, "-o", out, "-q"]) == 0
    assert TokenCounts.load(out) == merge_files([work], partial=True)
    shutil.rmtree(tmp_path / "work" / "units")
    assert main(["merge", "--partial", work, "-o", str(tmp_path / "none"), "-q"]) == 1, "nothing is no part"


def other_tokenizer(tokenizer: Path, folder: Path) -> Path:
    values = json.loads(tokenizer.read_text())
    values["normalizer"]["lowercase"] = False
    (folder / "tokenizer.json").write_text(json.dumps(values))
    return folder / "tokenizer.json"


def test_whatever_changed_is_named(tokenizer: Path, corpus: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    scanned(tokenizer, corpus, resume=work, unit_bytes=2000)
    with pytest.raises(TokenizerMismatchError, match="another tokenizer"):
        scanned(other_tokenizer(tokenizer, tmp_path), corpus, resume=work)
    with pytest.raises(UsageError, match="add_special_tokens True, now False"):
        Scanner(tokenizer, add_special_tokens=False).scan(corpus, ["text"], resume=work)
    with pytest.raises(UsageError, match=r"2,000 bytes, now 3,000"):
        scanned(tokenizer, corpus, resume=work, unit_bytes=3000)
    with pytest.raises(CorpusError, match=r"b\.parquet is not named any more"):
        scanned(tokenizer, corpus / "a.parquet", resume=work)
    (corpus / "z.txt").write_text("the cat")
    with pytest.raises(CorpusError, match=r"z\.txt is new"):
        scanned(tokenizer, corpus, resume=work)
    (corpus / "z.txt").unlink()
    with (corpus / "f.txt").open("a") as file:
        file.write("more\n")
    with pytest.raises(CorpusError, match=r"f\.txt changed \(text, [\d,]+ bytes"):
        scanned(tokenizer, corpus, resume=work)


def test_a_change_between_plan_and_unit_is_an_error(tokenizer: Path, corpus: Path) -> None:
    scanner, plan = planned(tokenizer, corpus, 2000)
    os.utime(corpus / "a.parquet", ns=(1, 1))
    with pytest.raises(CorpusError, match="changed"):
        run_unit(scanner, plan, 0)


def test_bad_work_directories(tokenizer: Path, corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no work directory"):
        merge_files([corpus])
    with pytest.raises(CorpusError, match=r"holds a\.parquet.*no plan\.json"):
        scanned(tokenizer, corpus, resume=corpus)
    with pytest.raises(OutputError, match="no/such"):
        scanned(tokenizer, corpus, resume=tmp_path / "no" / "such")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        scanned(tokenizer, corpus, resume=tmp_path / "file")
    with pytest.raises(CorpusError, match=r"work\\udcff': the name is not UTF-8"):
        scanned(tokenizer, corpus, resume=tmp_path / "work\udcff")
    with pytest.raises(CorpusError, match="cannot be read as counts"):
        merge_files([tmp_path / "\udcff.parquet"])
    with pytest.raises(UsageError, match="only files"):
        scanned(tokenizer, pa.table({"text": ["a"]}), resume=tmp_path / "work")
    work = tmp_path / "work"
    scanned(tokenizer, corpus, resume=work, unit_bytes=2000)
    (work / "plan.json").write_text("{")
    with pytest.raises(CorpusError, match=r"plan\.json: the plan is damaged"):
        scanned(tokenizer, corpus, resume=work)


def test_bad_results(tokenizer: Path, corpus: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    scanned(tokenizer, corpus, resume=work, unit_bytes=2000)
    results = sorted((work / "units").rglob("*.parquet"))
    (results[0].parent / f"{results[0].name}.prunus-tmp-1-ab").write_text("left by a kill")
    (results[0].parent / ".DS_Store").write_text("")
    assert merge_files([work]) == scanned(tokenizer, corpus)
    whole = results[0].read_bytes()
    results[0].write_bytes(whole[:-9])
    with pytest.raises(CorpusError, match=results[0].name) as caught:
        merge_files([work])
    assert "Delete it" in caught.value.hint
    shutil.copy(results[1], results[0])
    with pytest.raises(CorpusError, match="something else"):
        merge_files([work])
    results[0].write_bytes(whole)
    (work / "units" / "0000" / "mine.parquet").write_bytes(whole)
    with pytest.raises(CorpusError, match=r"mine\.parquet: not a result"):
        scanned(tokenizer, corpus, resume=work)


def test_errors_name_the_row_of_the_file(tokenizer: Path, tmp_path: Path) -> None:
    lines = ["the cat sat"] * 500
    (tmp_path / "a.jsonl").write_text("\n".join('{"text": "the cat"}' for _ in lines) + '\n{"text": 3}\n')
    (tmp_path / "b.txt").write_bytes("\n".join(lines).encode() + b"\nthe \xff\nend")
    pq.write_table(pa.table({"text": [b"the"] * 500 + [b"\xff"]}), tmp_path / "c.parquet", row_group_size=40)
    for name, error in (("a.jsonl", ColumnError), ("b.txt", InvalidTextError), ("c.parquet", InvalidTextError)):
        said = []
        for options in ({}, {"resume": tmp_path / f"work-{name}", "unit_bytes": 700}):
            with pytest.raises(error) as caught:
                scanned(tokenizer, tmp_path / name, **options)
            said.append(caught.value.message)
        assert "50" in said[0]
        assert said[0] == said[1]


def test_nothing_to_count_is_refused_as_in_a_plain_scan(tokenizer: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n\n\n")
    said = []
    for options in ({}, {"resume": tmp_path / "work"}):
        with pytest.raises(CorpusError, match="nothing to count") as caught:
            scanned(tokenizer, tmp_path / "a.txt", **options)
        said.append(caught.value.message)
    assert said[0] == said[1]


def test_progress_counts_only_what_is_left(tokenizer: Path, corpus: Path, tmp_path: Path) -> None:
    seen: list[dict[str, int]] = []

    class Told:
        def update(self, **values: int) -> None:
            seen.append(values)

    work = tmp_path / "work"
    scanned(tokenizer, corpus, resume=work, shard=(1, 2), unit_bytes=2000)
    counts = scanned(tokenizer, corpus, resume=work, progress=Told())
    assert seen[-1]["rows"] < counts.info.rows
    assert all(a["bytes_read"] <= b["bytes_read"] <= b["total_bytes"] for a, b in pairwise(seen))
    assert all(a["rows"] <= b["rows"] for a, b in pairwise(seen))


def test_a_column_whose_type_shows_late_is_not_divided(tokenizer: Path, tmp_path: Path) -> None:
    rows = [json.dumps({"other": "x" * 9000, "text": text}) for text in [None] * 1000 + ["the cat"] * 10]
    (tmp_path / "late.jsonl").write_text("\n".join(rows))
    corpus = open_corpus(tmp_path / "late.jsonl", ["text"])
    scanner = Scanner(tokenizer, threads=1)
    assert len(plan_units(corpus, scanner.identity(corpus), 1 << 20).units) == 1
