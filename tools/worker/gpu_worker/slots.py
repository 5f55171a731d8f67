"""The slots: ranges of address space that are backed with memory on demand, and guards between.

Only what was asked for is backed: a kernel that leaves a buffer at the end of its slot faults. Where
the driver cannot manage address space, one allocation holds all slots and nothing faults.
"""

import ctypes

from allocations import Allocations
from driver import AccessDesc, AllocationProp, Location
from faults import BadRequest, Fault
from protocol import GRANULE

VIRTUAL_MEMORY_SUPPORTED = 102  # CUdevice_attribute
PINNED = 1  # CUmemAllocationType
ON_DEVICE = 1  # CUmemLocationType
READ_WRITE = 3  # CUmemAccess_flags
# Without guards: of the free memory, and no more than this for one slot.
SHARE_OF_FREE = 0.8
MOST_SLOT_BYTES = 1 << 30


def open_slots(driver, device, request):
    """Guarded slots where the driver can; else slots that are as large as memory allows."""
    if request.plain_allocations:
        return Allocations(driver)
    if driver.integer("cuDeviceGetAttribute", VIRTUAL_MEMORY_SUPPORTED, device):
        try:
            return GuardedSlots(driver, device, request)
        except Fault as fault:
            if fault.exits:
                raise
    return PlainSlots(driver, request)


class Slots:
    """What both kinds share: where the slots lie, and which ranges may be touched."""

    guarded = False

    def __init__(self, base, slots, slot_bytes):
        self.base, self.slots, self.slot_bytes = base, slots, slot_bytes
        self._backed = [[] for _ in range(slots)]  # of each slot: sorted (start, end), apart

    def slot_of(self, address, count, where):
        """The slot that holds the whole range."""
        slot = (address - self.base) // self.slot_bytes
        inside = address >= self.base and slot < self.slots
        if not inside or address + count > self.base + (slot + 1) * self.slot_bytes:
            raise BadRequest(f"{where}: {count} bytes at {address:#x} do not lie in one slot")
        return slot

    def require_backed(self, address, count, where):
        slot = self.slot_of(address, count, where)
        for start, end in self._backed[slot]:
            if start <= address < end:
                if address + count <= end:
                    return
                address, count = end, address + count - end
        raise BadRequest(f"{where}: the {count} bytes at {address:#x} are not mapped")

    def allocate(self, _count, where):
        raise BadRequest(f"{where}: say hello with plain_allocations for that")

    def free_all(self, where):
        self.allocate(0, where)

    def granules(self, address, count, where):
        """The range widened to whole granules. The first of a slot guards the slot before it."""
        slot = self.slot_of(address, count, where)
        start = address // GRANULE * GRANULE
        end = -(-(address + count) // GRANULE) * GRANULE
        if start == self.base + slot * self.slot_bytes:
            raise BadRequest(f"{where}: the first {GRANULE} bytes of a slot are a guard")
        return slot, start, end

    def missing(self, slot, start, end):
        """What of a range is not backed yet."""
        for backed_start, backed_end in self._backed[slot]:
            if start < backed_start:
                yield start, min(end, backed_start)
            start = max(start, backed_end)
            if start >= end:
                return
        if start < end:
            yield start, end

    def note(self, slot, start, end):
        joined = []
        for part in sorted([*self._backed[slot], (start, end)]):
            if joined and joined[-1][1] == part[0]:
                joined[-1] = (joined[-1][0], part[1])
            else:
                joined.append(part)
        self._backed[slot] = joined


class GuardedSlots(Slots):
    guarded = True

    def __init__(self, driver, device, request):
        self._driver = driver
        self._properties = AllocationProp(type=PINNED, location=Location(ON_DEVICE, device))
        self._access = AccessDesc(Location(ON_DEVICE, device), READ_WRITE)
        self._parts = [[] for _ in range(request.slots)]  # of each slot: (start, bytes, handle)
        step = driver.size("cuMemGetAllocationGranularity", ctypes.byref(self._properties), 0)
        if GRANULE % step:
            raise Fault("gpu_unavailable", f"memory is mapped in steps of {step} bytes")
        # One granule more: the guard of the last slot.
        size = request.slots * request.slot_bytes + GRANULE
        base = driver.address("cuMemAddressReserve", size, GRANULE, request.base, 0)
        super().__init__(base, request.slots, request.slot_bytes)
        try:
            # Some systems offer the functions and fail at their use.
            self.map(base + GRANULE, 1, "hello")
            self.unmap_all(0, "hello")
        except Fault:
            driver.status("cuMemAddressFree", base, size)
            raise

    def map(self, address, count, where):
        slot, start, end = self.granules(address, count, where)
        for part_start, part_end in list(self.missing(slot, start, end)):
            self._back(slot, part_start, part_end - part_start)
            self.note(slot, part_start, part_end)

    def unmap_all(self, slot, where):
        if slot >= self.slots:
            raise BadRequest(f"{where}: there are {self.slots} slots")
        self._backed[slot] = []
        while self._parts[slot]:
            start, size, handle = self._parts[slot].pop()
            self._driver.call("cuMemUnmap", start, size)
            self._driver.call("cuMemRelease", handle)

    def _back(self, slot, start, size):
        driver = self._driver
        handle = driver.address("cuMemCreate", size, ctypes.byref(self._properties), 0)
        try:
            driver.call("cuMemMap", start, size, 0, handle, 0)
            driver.call("cuMemSetAccess", start, size, ctypes.byref(self._access), 1)
        except Fault:
            driver.status("cuMemUnmap", start, size)
            driver.status("cuMemRelease", handle)
            raise
        self._parts[slot].append((start, size, handle))


class PlainSlots(Slots):
    def __init__(self, driver, request):
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        driver.call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        share = int(free.value * SHARE_OF_FREE) // request.slots
        slot_bytes = min(request.slot_bytes, MOST_SLOT_BYTES, share) // GRANULE * GRANULE
        if slot_bytes < 2 * GRANULE:
            raise Fault("out_of_memory", f"{free.value} bytes of GPU memory are free")
        # cuMemAlloc aligns to 512 bytes: one granule more to begin at a granule.
        block = driver.address("cuMemAlloc_v2", request.slots * slot_bytes + GRANULE)
        super().__init__(-(-block // GRANULE) * GRANULE, request.slots, slot_bytes)

    def map(self, address, count, where):
        slot, start, end = self.granules(address, count, where)
        for part_start, part_end in list(self.missing(slot, start, end)):
            self.note(slot, part_start, part_end)

    def unmap_all(self, slot, where):
        if slot >= self.slots:
            raise BadRequest(f"{where}: there are {self.slots} slots")
        self._backed[slot] = []
