"""Reads JSON objects strictly: what is missing, of another type, out of range or unknown is refused."""

import base64
import binascii
import json
import re

from faults import BadRequest

U64 = re.compile(r"0x[0-9a-fA-F]{1,16}|[0-9]{1,20}")
REQUIRED = object()
# 2^64 has 20 digits; turning millions of digits into a number would take minutes.
MOST_DIGITS = 20


class Fields:
    """One JSON object. Each reader takes a field; `finish` refuses what nobody took."""

    def __init__(self, value, where):
        if not isinstance(value, dict):
            raise BadRequest(f"{where} is not an object")
        self._left = dict(value)
        self._where = where

    def finish(self):
        if self._left:
            raise BadRequest(f"{self._where}: unknown key {shown(next(iter(self._left)))}")

    def has(self, name):
        return name in self._left

    def integer(self, name, least, most, default=REQUIRED):
        value = self._take(name, default)
        # A bool is an int in Python.
        if value is not default and not is_integer(value, least, most):
            raise self._wrong(name, f"an integer from {least} to {most}", value)
        return value

    def u64(self, name):
        value = self._take(name)
        if isinstance(value, str) and U64.fullmatch(value):
            number = int(value, 16 if value.startswith("0x") else 10)
            if number < 2**64:
                return number
        raise self._wrong(name, "a decimal or 0x string of 64 bits", value)

    def text(self, name, most, default=REQUIRED):
        value = self._take(name, default)
        if value is default:
            return value
        if isinstance(value, str) and 0 < len(value) <= most and "\0" not in value:
            try:
                value.encode("utf-8")
                return value
            except UnicodeEncodeError:
                pass
        raise self._wrong(name, f"a text of 1 to {most} characters", value)

    def one_of(self, name, choices, default=REQUIRED):
        value = self._take(name, default)
        if not isinstance(value, str) or value not in choices:
            raise self._wrong(name, "one of " + ", ".join(choices), value)
        return value

    def flag(self, name):
        value = self._take(name, False)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false", value)
        return value

    def triple(self, name, most, optional=False):
        value = self._take(name, None if optional else REQUIRED)
        if value is None and optional:
            return None
        right = isinstance(value, list) and len(value) == 3
        if not right or not all(is_integer(one, 1, most) for one in value):
            raise self._wrong(name, f"three integers from 1 to {most}", value)
        return tuple(value)

    def data(self, name):
        value = self._take(name)
        if isinstance(value, str):
            return decode(value, f"{self._where}: {name}")
        raise self._wrong(name, "a base64 string", value)

    def data_list(self, name, most):
        values = self.array(name, most)
        if not all(isinstance(value, str) for value in values):
            raise self._wrong(name, "an array of base64 strings", values)
        return [decode(value, f"{self._where}: {name}") for value in values]

    def array(self, name, most):
        value = self._take(name)
        if not isinstance(value, list) or len(value) > most:
            raise self._wrong(name, f"an array of at most {most}", value)
        return value

    def _take(self, name, default=REQUIRED):
        value = self._left.pop(name, default)
        if value is REQUIRED:
            raise BadRequest(f"{self._where}: {name} is missing")
        return value

    def _wrong(self, name, wanted, value):
        return BadRequest(f"{self._where}: {name} is {shown(value)}, not {wanted}")


def parse_object(line):
    """The JSON value of a line of bytes. Doubled keys, NaN and Infinity are not JSON."""
    try:
        return json.loads(
            line.decode("utf-8"),
            parse_constant=refuse_constant,
            parse_int=parse_integer,
            object_pairs_hook=without_doubles,
        )
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"not a line of JSON: {str(error)[:200]}") from None


def refuse_constant(name):
    raise ValueError(f"{name} is not JSON")


def parse_integer(digits):
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def without_doubles(pairs):
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("an object with the same key twice")
    return value


def decode(text, where):
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest(f"{where} is not base64: {str(error)[:200]}") from None


def is_integer(value, least, most):
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def shown(value):
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else f"an array of {len(value)}"
    text = json.dumps(value if not isinstance(value, str) else value[:80])
    return text if len(text) <= 60 else text[:60] + "..."
