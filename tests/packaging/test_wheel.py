"""The sdist is whole; the wheel installs without Rust and does the main job in fresh environments.

With `PRUNUS_ALL_PYTHONS=1` the wheel is built from the unpacked sdist, and every CPython that is here is tried; with
`PRUNUS_WHEELS=dist` the wheel that lies there is tried instead of one built here.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FAMILIES = sorted(path.parent.name for path in (ROOT / "plugins").glob("prunus-*/pyproject.toml"))
MINORS = (10, 11, 12, 13)
THOROUGH = bool(os.environ.get("PRUNUS_ALL_PYTHONS"))
# No Rust on the path, no other packages: the wheel must be enough.
BARE = {k: v for k, v in os.environ.items() if not k.startswith(("CARGO", "RUSTUP", "PYTHON"))} | {
    "PATH": "/usr/bin:/bin"
}


def tool(name: str, *arguments: str) -> None:
    subprocess.run([sys.executable, str(ROOT / "tools" / name), *arguments], cwd=ROOT, check=True)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, unpacked too, the wheel, and those of the families."""
    folder = tmp_path_factory.mktemp("wheels")
    source = unpacked_sdist(folder)
    ready = os.environ.get("PRUNUS_WHEELS")
    if ready:
        for wheel in Path(ready).glob("prunus-*.whl"):
            shutil.copy(wheel, folder)
    else:
        # Crates that were compiled already are taken from the shared folder.
        shared = {"CARGO_TARGET_DIR": os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target"))}
        maturin(source if THOROUGH else ROOT, "build", "--release", "--locked", "--out", str(folder), **shared)
    family_wheels(folder)
    return folder


def maturin(folder: Path, *arguments: str, **variables: str) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = [sys.executable, "-m", "maturin", *arguments]
    environment = {**os.environ, "PATH": path, **variables}
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def unpacked_sdist(folder: Path) -> Path:
    tool("third_party.py")
    maturin(ROOT, "sdist", "--out", str(folder))
    (sdist,) = folder.glob("prunus-*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    return folder / sdist.name.removesuffix(".tar.gz")


def family_wheels(folder: Path) -> None:
    copies = []
    for name in FAMILIES:
        ignored = shutil.ignore_patterns("build", "*.egg-info", "__pycache__")
        copies.append(str(shutil.copytree(ROOT / "plugins" / name, folder / "sources" / name, ignore=ignored)))
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", str(folder), *copies], check=True)


def interpreter(minor: int) -> str | None:
    """A CPython 3.`minor` that runs, if there is one: on the path, or in pyenv."""
    found = [shutil.which(f"python3.{minor}"), *Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python")]
    ask = "import sys; print(*sys.version_info[:2], sys.implementation.name)"
    for python in filter(None, found):
        run = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=False)
        if run.stdout.split() == ["3", str(minor), "cpython"]:
            return str(python)
    return None


def installed(python: str, wheels: Path, folder: Path) -> Path:
    """A fresh environment with Prunus, all families, and what they require."""
    subprocess.run([python, "-m", "venv", "--without-pip", str(folder)], check=True)
    fresh = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(fresh), "install", "--quiet", "--disable-pip-version-check"]
    names = ["prunus[families]", "--only-binary", ":all:", "--find-links", str(wheels)]
    subprocess.run([*pip, *names], env=BARE, check=True)
    return fresh


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("minor", MINORS)
def test_the_main_job_in_a_fresh_environment(wheels: Path, minor: int, tmp_path: Path) -> None:
    here = sys.version_info.minor
    if minor != here and not THOROUGH:
        pytest.skip(f"only 3.{here} by default; PRUNUS_ALL_PYTHONS=1 tries every CPython that is here")
    python = sys._base_executable if minor == here else interpreter(minor)
    if python is None:
        pytest.skip(f"CPython 3.{minor} is not here")
    fresh = installed(python, wheels, tmp_path / "env")
    command = [str(fresh), "-I", str(ROOT / "tools" / "smoke.py")]
    run = subprocess.run(command, cwd=tmp_path, env=BARE, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    said = json.loads(run.stdout)
    assert said["python"].startswith(f"3.{minor}.")
    assert said["after"] < said["before"]
    prunus = [str(fresh.parent / "prunus")]
    version = subprocess.run([*prunus, "--version"], env=BARE, capture_output=True, text=True, check=True)
    assert "tokenizers" in version.stdout
    plugins = subprocess.run([*prunus, "plugins", "--json"], env=BARE, capture_output=True, text=True, check=True)
    statuses = {record["distribution"]: record["status"] for record in json.loads(plugins.stdout)}
    assert statuses == dict.fromkeys(FAMILIES, "active")


@pytest.mark.slow
def test_the_sdist_is_whole(wheels: Path) -> None:
    (unpacked,) = (path for path in wheels.glob("prunus-*") if path.is_dir())
    tracked = subprocess.run(
        ["git", "ls-files", "python", "rust", "Cargo.lock", "Cargo.toml", "LICENSE", "README.md"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    wanted = [name for name in tracked if not name.startswith("rust/core/tests")]
    assert len(wanted) > 100
    assert [name for name in wanted if not (unpacked / name).is_file()] == []
    subprocess.run(["cargo", "tree", "--locked", "--quiet"], cwd=unpacked, check=True, capture_output=True)


@pytest.mark.slow
def test_the_wheel_carries_the_licences_of_all_that_is_compiled_in(wheels: Path) -> None:
    (wheel,) = wheels.glob("prunus-*-abi3-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        texts = {Path(name).name: archive.read(name).decode() for name in archive.namelist() if "/licenses/" in name}
        template = [name for name in archive.namelist() if name.startswith("prunus/plugin/template/")]
    assert "Apache License" in texts["LICENSE"]
    listed = set(re.findall(r"^(\S+ \d\S*): ", texts["THIRD-PARTY.txt"], re.MULTILINE))
    command = ["cargo", "tree", "--locked", "-p", "prunus-py", "-e", "normal,no-proc-macro", "--prefix", "none"]
    tree = subprocess.run([*command, "--format", "{p}"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    compiled = {line.replace(" v", " ").split(" (")[0] for line in tree.splitlines()}
    ours = {name for name in compiled if name.startswith("prunus-")}
    assert compiled - ours <= listed
    assert len(compiled) > 50
    assert "Oniguruma" in texts["THIRD-PARTY.txt"]  # C code that a crate carries
    assert len(template) == 4


def test_the_tag_must_be_the_version() -> None:
    tool("check_version.py")
    with pytest.raises(subprocess.CalledProcessError):
        tool("check_version.py", "v0.0.0")
