"""One launch: its configuration, its attributes, its parameters."""

import ctypes

from driver import LaunchAttribute, LaunchConfig

# CUlaunchAttributeID
COOPERATIVE, CLUSTER, PROGRAMMATIC_STREAM_SERIALIZATION = 2, 4, 6
# A driver that does not tell a kernel's parameters reads as many pointers as the kernel has parameters.
SPARE = ctypes.create_string_buffer(32_768)
SPARE_POINTERS = 4096


def launch(driver, kernel, step, stream):
    kernel.check_params(step.params, step.where)
    kernel.allow(step.dynamic_shared_bytes, step.cluster)
    attributes = launch_attributes(step)
    table = (LaunchAttribute * max(1, len(attributes)))(*attributes)
    config = LaunchConfig(
        (ctypes.c_uint * 3)(*step.grid),
        (ctypes.c_uint * 3)(*step.block),
        step.dynamic_shared_bytes,
        stream,
        table,
        len(attributes),
    )
    values = [ctypes.create_string_buffer(value, len(value) + 8) for value in step.params]
    pointers = [ctypes.addressof(value) for value in values]
    if not driver.has("cuFuncGetParamInfo"):
        pointers += [ctypes.addressof(SPARE)] * (SPARE_POINTERS - len(pointers))
    array = (ctypes.c_void_p * max(1, len(pointers)))(*pointers)
    driver.call("cuLaunchKernelEx", ctypes.byref(config), kernel.handle, array, None)


def launch_attributes(step):
    attributes = []
    if step.cooperative:
        attributes.append(attribute(COOPERATIVE, 1))
    if step.cluster:
        attributes.append(attribute(CLUSTER, *step.cluster))
    if step.programmatic_stream_serialization:
        attributes.append(attribute(PROGRAMMATIC_STREAM_SERIALIZATION, 1))
    return attributes


def attribute(number, *values):
    return LaunchAttribute(number, 0, (ctypes.c_uint * 16)(*values))
