"""Memory in exact allocations in place of slots, for a runner under compute-sanitizer.

The sanitizer knows allocations to the byte, and of mapped address space only whole granules. The
driver chooses the addresses: `allocate` tells them, and host code is recorded against them.
"""

from faults import BadRequest


class Allocations:
    guarded = False
    base, slots, slot_bytes = 0, 0, 0

    def __init__(self, driver):
        self._driver = driver
        self._sizes = {}

    def allocate(self, count, _where):
        address = self._driver.address("cuMemAlloc_v2", count)
        self._sizes[address] = count
        return address

    def free_all(self, _where):
        while self._sizes:
            address, _ = self._sizes.popitem()
            self._driver.call("cuMemFree_v2", address)

    def require_backed(self, address, count, where):
        for start, size in self._sizes.items():
            if start <= address and address + count <= start + size:
                return
        raise BadRequest(f"{where}: the {count} bytes at {address:#x} do not lie in one allocation")

    def map(self, _address, _count, where):
        raise BadRequest(f"{where}: plain allocations have no slots")

    def unmap_all(self, _slot, where):
        raise BadRequest(f"{where}: plain allocations have no slots")
