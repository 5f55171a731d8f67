"""Module images: PTX text, machine code (cubin) or a fat binary, told apart and checked for length.

The driver is given a pointer without a length: what says that it is longer than it is would be read
beyond its end, so that is refused here.
"""

import os
import re
import stat
import struct

from faults import BadRequest, Fault

MOST_IMAGE_BYTES = 256 << 20
# Before `.version` only comments and blanks.
PTX = re.compile(rb"(?:\s|//[^\n]*\n|/\*.*?\*/)*\.version\s", re.DOTALL)
ELF = b"\x7fELF"
ELF_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
ELF_SECTION = struct.Struct("<IIQQQQIIQQ")
ELF_SEGMENT = struct.Struct("<IIQQQQQQ")
NO_BITS = 8
MACHINE_CUDA = 190
FATBIN = struct.Struct("<IHHQ")
FATBIN_MAGIC = 0xBA55ED50


def read_image(path):
    """The bytes of a regular file. A pipe or a device would be waited for without end."""
    if not os.path.isabs(path):
        raise BadRequest("request: image_path is not absolute")
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_size > MOST_IMAGE_BYTES:
                raise BadRequest(
                    f"request: image_path is no file of up to {MOST_IMAGE_BYTES} bytes"
                )
            return file.read(MOST_IMAGE_BYTES)
    except OSError as error:
        raise Fault("module_load_failed", f"the image cannot be read: {error.strerror}") from None


def checked_image(image):
    """The image as the driver takes it, with zeros behind it."""
    if image.startswith(ELF):
        check_elf(image)
    elif image[:4] == FATBIN_MAGIC.to_bytes(4, "little"):
        check_fatbin(image)
    elif not PTX.match(image):
        raise unusable("neither PTX, nor a cubin, nor a fat binary")
    elif b"\0" in image.rstrip(b"\0"):
        raise unusable("PTX with a zero byte in it")
    return image + bytes(64)


def check_elf(image):
    if len(image) < ELF_HEADER.size or image[4] != 2 or image[5] != 1:
        raise unusable("an ELF header that is cut off or not of 64 bits")
    header = ELF_HEADER.unpack_from(image)
    machine, segments_at, sections_at = header[2], header[5], header[6]
    segment_size, segments, section_size, sections = header[9:13]
    if machine != MACHINE_CUDA:
        raise unusable(f"machine code for the ELF machine {machine}, not for a GPU")
    for at in table(image, sections_at, section_size, sections, ELF_SECTION):
        _, kind, _, _, offset, size, *_ = ELF_SECTION.unpack_from(image, at)
        if kind != NO_BITS and offset + size > len(image):
            raise unusable("a cubin that is cut off: a section ends beyond it")
    for at in table(image, segments_at, segment_size, segments, ELF_SEGMENT):
        _, _, offset, _, _, size, *_ = ELF_SEGMENT.unpack_from(image, at)
        if offset + size > len(image):
            raise unusable("a cubin that is cut off: a segment ends beyond it")


def table(image, start, size, count, form):
    if count and (size != form.size or start + size * count > len(image)):
        raise unusable("a cubin that is cut off: a table ends beyond it")
    return [start + size * at for at in range(count)]


def check_fatbin(image):
    if len(image) < FATBIN.size:
        raise unusable("a fat binary that is cut off")
    _, _, header, size = FATBIN.unpack_from(image)
    if header + size > len(image):
        raise unusable("a fat binary that is cut off")


def unusable(why):
    return Fault("module_load_failed", f"the image is no module: {why}")
