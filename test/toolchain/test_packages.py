"""packages.py as inspect_gpu runs it: in a process, on a Python whose packages are files made here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "tools" / "toolchain" / "packages.py"


def answer(site: Path) -> dict:
    environment = {**os.environ, "PYTHONPATH": str(site)}
    result = subprocess.run(
        [sys.executable, str(SCRIPT)], env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(result.stdout)


def install(site: Path, project: str, version: str) -> None:
    folder = site / f"{project.replace('-', '_')}-{version}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n"
    )


def write_torch(site: Path, version_file: str) -> None:
    package = site / "torch"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('torch was imported')\n")
    (package / "version.py").write_text(version_file)


def test_torch_and_its_cuda_are_read_without_importing_it(tmp_path: Path) -> None:
    install(tmp_path, "torch", "2.11.0")
    write_torch(tmp_path, "__version__ = '2.11.0+cu130'\ncuda: str | None = '13.0'\nhip = None\n")
    facts = answer(tmp_path)
    assert facts["packages"]["torch"] == "2.11.0"
    assert facts["torch_cuda"] == "13.0"
    assert facts["torch_hip"] is None


def test_a_torch_for_the_cpu_has_no_cuda(tmp_path: Path) -> None:
    install(tmp_path, "torch", "2.15.0")
    write_torch(tmp_path, "__version__ = '2.15.0+cpu'\ncuda = None\n")
    assert answer(tmp_path)["torch_cuda"] is None


def test_peers_are_found_by_the_names_they_are_installed_under(tmp_path: Path) -> None:
    install(tmp_path, "liger-kernel", "0.8.5")
    install(tmp_path, "quack-kernels", "0.6.5")
    packages = answer(tmp_path)["packages"]
    assert packages["liger-kernel"] == "0.8.5"
    assert packages["quack-kernels"] == "0.6.5"


def test_broken_metadata_of_one_project_hides_no_other(tmp_path: Path) -> None:
    install(tmp_path, "triton", "3.6.0")
    (tmp_path / "diffusers-0.1.dist-info").mkdir()
    assert answer(tmp_path)["packages"]["triton"] == "3.6.0"
