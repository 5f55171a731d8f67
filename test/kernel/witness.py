"""Independent witness of the float64 reference and of the drawn inputs.

Written from the definitions, in exact rational arithmetic (fractions) with roots of 60 digits
(decimal). Prints JSON: `python3 test/kernel/witness.py > test/fixtures/kernel/witness.json`.
"""

import json
from decimal import Decimal, getcontext
from fractions import Fraction

getcontext().prec = 60

MASK = 0xFFFFFFFF
# significand bits with the hidden one, exponent of the smallest normal, bits of a stored exponent
FORMATS = {"bfloat16": (8, -126), "float16": (11, -14), "float32": (24, -126)}


def mix32(value):
    h = value & MASK
    h ^= h >> 16
    h = h * 0x85EBCA6B & MASK
    h ^= h >> 13
    h = h * 0xC2B2AE35 & MASK
    return h ^ h >> 16


def bell(seed, row, column):
    stream = mix32(seed ^ mix32(row + 0x9E3779B9))
    first = mix32(stream ^ column)
    second = mix32(first + 0x6A09E667)
    halves = [first & 0xFFFF, first >> 16, second & 0xFFFF, second >> 16]
    return Fraction(sum(halves) - 131070, 1 << 15)


def rounded(value, dtype):
    """To nearest, ties to even; the values drawn here are far from overflow."""
    bits, lowest = FORMATS[dtype]
    if value == 0:
        return value
    exponent = 0
    while abs(value) >= Fraction(2) ** (exponent + 1):
        exponent += 1
    while abs(value) < Fraction(2) ** exponent:
        exponent -= 1
    ulp = Fraction(2) ** (max(exponent, lowest) - bits + 1)
    return round(value / ulp) * ulp


def scale_of(recipe, row, dtype):
    half = dtype == "float16"
    if recipe == "std_1e-2":
        return Fraction(1, 128)
    if recipe == "large":
        return Fraction(2) ** (13 if half else 64 if row % 4 == 3 else 50)
    if recipe == "subnormal":
        return Fraction(2) ** (-17 if half else -129)
    return Fraction(1)


def draw_row(recipe, seed, row, columns, dtype):
    scale = scale_of(recipe, row, dtype)
    return [rounded(bell(seed, row, column) * scale, dtype) for column in range(columns)]


def draw_weight(seed, columns, dtype, offset):
    weight = []
    for column in range(columns):
        spread = 1 + bell(seed ^ 0x5BD1E995, -1, column) / 4
        weight.append(rounded((-8 * spread if column % 17 == 3 else spread) - offset, dtype))
    return weight


def square_root(value):
    numerator, denominator = value.numerator, value.denominator
    return Fraction((Decimal(numerator) / Decimal(denominator)).sqrt())


def expected(case, x, weight, residual):
    dtype = case["dtype"]
    if residual:
        x = [rounded(a + b, dtype) for a, b in zip(x, residual, strict=True)]
    count = len(x)
    mean = sum(x) / count if case["operator"] == "layernorm" else Fraction(0)
    variance = sum((value - mean) ** 2 for value in x) / count
    rstd = 1 / square_root(variance + Fraction(case["eps"]))
    ordered = []
    for value, factor in zip(x, weight, strict=True):
        normalised = (value - mean) * rstd
        if case["rounding"] == "llama":
            normalised = rounded(normalised, dtype)
        ordered.append(normalised * (factor + case["weight_offset"]))
    return ordered, rstd


def vector(index):
    operator = ["rmsnorm", "add_rmsnorm", "layernorm"][index % 3]
    case = {
        "operator": operator,
        "dtype": list(FORMATS)[index // 3 % 3],
        "rounding": "single" if operator == "layernorm" or index % 2 else "llama",
        "weight_offset": 1 if index % 5 == 0 else 0,
        "eps": [2.0**-20, 2.0**-17, 0.0][index % 7 % 3],
        "inputs": ["std_1", "std_1e-2", "large", "subnormal"][index % 11 % 4],
        "hidden_size": [1, 3, 7, 16, 33][index % 13 % 5],
        "row": index % 6,
        "seed": mix32(index),
    }
    if case["hidden_size"] == 1 and (operator == "layernorm" or case["eps"] == 0):
        case["hidden_size"] = 3
    shape = (case["row"], case["hidden_size"], case["dtype"])
    x = draw_row(case["inputs"], case["seed"], *shape)
    residual = draw_row("std_1", case["seed"] ^ 77, *shape) if operator == "add_rmsnorm" else None
    weight = draw_weight(case["seed"], case["hidden_size"], case["dtype"], case["weight_offset"])
    ordered, rstd = expected(case, x, weight, residual)
    numbers = {"x": x, "weight": weight, "ordered": ordered}
    case["rstd"] = float(rstd)
    for name, values in numbers.items():
        case[name] = [float(value) for value in values]
    return case


if __name__ == "__main__":
    rows = ",\n".join(json.dumps(vector(index)) for index in range(300))
    print(f"[\n{rows}\n]")
