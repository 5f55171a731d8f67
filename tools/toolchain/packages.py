"""Prints, as one JSON object, what is installed for this Python: torch and RMSNorm's baselines.

Reads the distributions' metadata and torch/version.py as text. Imports none of them: importing
torch takes seconds and may initialise the GPU.
"""

import ast
import importlib.metadata
import importlib.util
import json
import os
import re
import sys

PROJECTS = (
    "torch",
    "triton",
    "liger-kernel",
    "quack-kernels",
    "flashinfer-python",
    "transformers",
    "diffusers",
    "kernels",
)


def main():
    torch_facts = read_torch_version()
    packages = {}
    for project in PROJECTS:
        version = installed_version(project)
        if project == "torch" and version is None:
            version = torch_facts.get("__version__")
        if version:
            packages[project] = version
    answer = {
        "version": ".".join(str(part) for part in sys.version_info[:3]),
        "packages": packages,
        "torch_cuda": torch_facts.get("cuda") if "torch" in packages else None,
        "torch_hip": torch_facts.get("hip") if "torch" in packages else None,
    }
    print(json.dumps(answer))


def installed_version(project):
    try:
        return importlib.metadata.version(project)
    except Exception:  # noqa: BLE001 - broken metadata of one project must not hide the others
        return None


def read_torch_version():
    """The string constants of torch/version.py; the spec of a top-level package imports nothing."""
    try:
        spec = importlib.util.find_spec("torch")
        folder = os.path.dirname(spec.origin)
        with open(os.path.join(folder, "version.py"), encoding="utf-8") as file:
            text = file.read()
    except Exception:  # noqa: BLE001 - no torch, or one that cannot be read, is a normal answer
        return {}
    facts = {}
    for name, value in re.findall(r"^(\w+)(?:\s*:[^=\n]+)?\s*=\s*(.+)$", text, re.MULTILINE):
        try:
            constant = ast.literal_eval(value)
        except (SyntaxError, ValueError):
            continue
        if isinstance(constant, str):
            facts[name] = constant
    return facts


if __name__ == "__main__":
    main()
