"""Finds the candidate's function, and the expression that calls it."""

import ast
import importlib
import importlib.util
import os
import sys

import torch

# What says that a file brings a kernel of its own, in its source as text.
_CLAIMS = {
    "triton": ("@triton.jit", "triton.jit(", "@triton.autotune"),
    "CUDA source": ("load_inline(", "cpp_extension", "RawKernel", "RawModule", "compile_shader"),
    "registered operator": ("torch.ops.", "custom_op(", "triton_op("),
    "native library": ("CDLL(", "LoadLibrary("),
    "loaded kernel": ("get_kernel(", "get_local_kernel("),
    "numba or CuTe": ("cuda.jit", "cute.jit", "cute.kernel"),
}


def load(workspace, module, file, function):
    """The function; ImportError, AttributeError and whatever the candidate raises travel up."""
    sys.path.insert(0, workspace)
    if file:
        sys.path.insert(0, os.path.dirname(file))
        spec = importlib.util.spec_from_file_location(module, file)
        loaded = importlib.util.module_from_spec(spec)
        sys.modules[module] = loaded
        spec.loader.exec_module(loaded)
    else:
        loaded = importlib.import_module(module)
    found = loaded
    for name in function.split("."):
        found = getattr(found, name)
    if not callable(found):
        raise TypeError(f"{function} is a {type(found).__name__}, not a function")
    return found, loaded


def compile_call(signature, name, function):
    """A function of the words' values: the caller's signature is an expression of Python."""
    code = compile(signature, "<signature>", "eval")
    root = name.split(".")[0]

    def call(words):
        return eval(code, {**words, root: function, "torch": torch})

    return call


def claims_of(loaded, workspace):
    """What the candidate's own files say of kernels: [{"kind", "file"}], failed imports among them."""
    claims = []
    root = os.path.realpath(workspace) + os.sep
    for module in {id(each): each for each in [loaded, *sys.modules.values()]}.values():
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or not file.endswith(".py"):
            continue
        installed = "site-packages" in file or "dist-packages" in file
        if not os.path.realpath(file).startswith(root) or installed:
            continue
        claims += _claims_in(file)
    return claims


def _claims_in(file):
    try:
        with open(file, encoding="utf-8") as source:
            text = source.read()
        tree = ast.parse(text)
    except (OSError, SyntaxError, ValueError):
        return []
    name = os.path.basename(file)
    claims = [
        {"kind": kind, "file": name}
        for kind, marks in _CLAIMS.items()
        if any(mark in text for mark in marks)
    ]
    missing = sorted(_missing_imports(tree))
    return claims + [{"kind": f"import of {each}, which failed", "file": name} for each in missing]


def _missing_imports(tree):
    """Modules that a `try:` imports and that are not there: something else stands in for them."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Try) or not node.handlers:
            continue
        for statement in ast.walk(ast.Module(body=node.body, type_ignores=[])):
            if isinstance(statement, ast.Import):
                names = [alias.name for alias in statement.names]
            elif isinstance(statement, ast.ImportFrom):
                names = [statement.module or "." + statement.names[0].name]
            else:
                continue
            for name in names:
                last = name.rpartition(".")[2]
                if not any(each == name or each.endswith("." + last) for each in sys.modules):
                    yield name
