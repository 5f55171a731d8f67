"""probe.py without a driver. With one, test/gpu/query.test.ts runs it against a stand-in driver."""

from __future__ import annotations

import ctypes.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "gpu" / "probe.py"


@pytest.mark.skipif(
    ctypes.util.find_library("cuda") is not None, reason="this machine has an NVIDIA driver"
)
def test_no_driver_is_an_answer_with_no_gpu() -> None:
    command = [sys.executable, str(SCRIPT)]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    assert result.returncode == 0
    assert result.stderr == ""
    assert json.loads(result.stdout) == {
        "driver_version": None,
        "cuda_driver_version": None,
        "errors": [],
        "gpus": [],
    }
