"""Frames on the private descriptors: bytes of JSON, bytes of data, the request's nonce, then both.

Only a reply that carries the nonce of the request that is open counts; the judge takes anything
else on the reply descriptor for a forgery.
"""

import json
import os
import struct

HEADER = struct.Struct("<IQ16s")
# Bound here: a candidate may put others in their place.
_read, _write, _loads, _dumps = os.read, os.write, json.loads, json.dumps
_unpack, _pack = HEADER.unpack, HEADER.pack
_PIECE = 1 << 20


class Channel:
    """Requests come in one at a time; each is answered once."""

    def __init__(self, requests, replies):
        self._requests = requests
        self._replies = replies
        for descriptor in (requests, replies):
            os.set_inheritable(descriptor, False)

    def receive(self):
        """(request, data, nonce), or None at the end of the requests."""
        header = self._exactly(HEADER.size)
        if header is None:
            return None
        text_bytes, data_bytes, nonce = _unpack(header)
        text = self._exactly(text_bytes)
        data = self._exactly(data_bytes)
        if text is None or data is None:
            return None
        return _loads(bytes(text)), data, nonce

    def send(self, reply, pieces, nonce):
        text = _dumps(reply).encode()
        self._all(_pack(len(text), sum(len(piece) for piece in pieces), nonce) + text)
        for piece in pieces:
            self._all(piece)

    def _exactly(self, count):
        received = bytearray()
        while len(received) < count:
            piece = _read(self._requests, min(_PIECE, count - len(received)))
            if not piece:
                return None
            received += piece
        return received

    def _all(self, content):
        view = memoryview(content)
        while view:
            view = view[_write(self._replies, view[:_PIECE]) :]
