// Device memory: nothing is mapped here. Addresses come from an arena that the executor reserves;
// what would be done to memory is recorded, for the executor to do.
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "stand_in.h"

enum { COPY_HOST_TO_HOST, COPY_HOST_TO_DEVICE, COPY_DEVICE_TO_HOST, COPY_DEVICE_TO_DEVICE };
enum { COPY_DEFAULT = 4 };
enum { ALIGNMENT = 512, MOST_UPLOAD_BYTES = 16 << 20 };

static uint64_t arena_next, arena_end;

void arena_define(uint64_t address, uint64_t bytes) {
  arena_next = address;
  arena_end = address + bytes;
}

// `blocking` is whether the host waits: a graph cannot capture that.
static CudaError allocate(uint64_t* address, size_t bytes, Stream stream, bool blocking) {
  if (!address) return failed(cudaErrorInvalidValue);
  *address = 0;
  if (bytes == 0) return cudaSuccess;
  // An alignment of room behind each one: neighbours never touch, and addresses do not come back.
  uint64_t room = arena_end - arena_next;
  if (bytes > room || bytes + 2 * ALIGNMENT > room) return failed(cudaErrorMemoryAllocation);
  *address = arena_next;
  arena_next += (bytes + 2 * ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  Bytes* record = record_begin(OPERATION_ALLOC);
  put_u64(record, *address);
  put_u64(record, bytes);
  put_u64(record, stream);
  put_u32(record, blocking);
  record_end();
  return cudaSuccess;
}

static CudaError release(uint64_t address, Stream stream, bool blocking) {
  if (address == 0) return cudaSuccess;
  Bytes* record = record_begin(OPERATION_FREE);
  put_u64(record, address);
  put_u64(record, stream);
  put_u32(record, blocking);
  record_end();
  return cudaSuccess;
}

API CudaError cudaMalloc(uint64_t* address, size_t bytes) {
  return allocate(address, bytes, 0, true);
}
API CudaError cudaMallocAsync(uint64_t* address, size_t bytes, Stream stream) {
  return allocate(address, bytes, stream, false);
}
API CudaError cudaFree(uint64_t address) { return release(address, 0, true); }
API CudaError cudaFreeAsync(uint64_t address, Stream stream) {
  return release(address, stream, false);
}

API CudaError cudaMemGetInfo(size_t* available, size_t* total) {
  *available = *total = device.memory_bytes;
  return cudaSuccess;
}

static CudaError set(uint64_t address, int value, size_t bytes, Stream stream, bool blocking) {
  if (bytes == 0) return cudaSuccess;
  Bytes* record = record_begin(OPERATION_MEMSET);
  put_u64(record, address);
  put_u32(record, (uint32_t)value & 255);
  put_u64(record, bytes);
  put_u64(record, stream);
  put_u32(record, blocking);
  record_end();
  return cudaSuccess;
}

API CudaError cudaMemsetAsync(uint64_t address, int value, size_t bytes, Stream stream) {
  return set(address, value, bytes, stream, false);
}
API CudaError cudaMemset(uint64_t address, int value, size_t bytes) {
  return set(address, value, bytes, 0, true);
}

static bool is_host_memory(uint64_t address) {
  uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
  unsigned char resident;
  return mincore((void*)(uintptr_t)(address / page * page), 1, &resident) == 0;
}

static int direction(uint64_t to, uint64_t from) {
  if (is_host_memory(from)) return is_host_memory(to) ? COPY_HOST_TO_HOST : COPY_HOST_TO_DEVICE;
  return is_host_memory(to) ? COPY_DEVICE_TO_HOST : COPY_DEVICE_TO_DEVICE;
}

static void record_copy(uint64_t to, uint64_t from, size_t bytes, Stream stream, bool blocking) {
  Bytes* record = record_begin(OPERATION_COPY);
  put_u64(record, to);
  put_u64(record, from);
  put_u64(record, bytes);
  put_u64(record, stream);
  put_u32(record, blocking);
  record_end();
}

static void record_upload(const char* name, uint64_t to, uint64_t from, size_t bytes, Stream stream,
                          bool blocking) {
  if (bytes > MOST_UPLOAD_BYTES) {
    refuse("the host code called %s to upload %zu bytes; at most %d can be recorded", name, bytes,
           MOST_UPLOAD_BYTES);
  }
  Bytes* record = record_begin(OPERATION_UPLOAD);
  put_u64(record, to);
  put_u64(record, stream);
  put_u32(record, blocking);
  put_blob(record, (const void*)(uintptr_t)from, bytes);
  record_end();
}

static CudaError copy(const char* name, uint64_t to, uint64_t from, size_t bytes, int kind,
                      Stream stream, bool blocking) {
  if (kind < COPY_HOST_TO_HOST || kind > COPY_DEFAULT) {
    return failed(cudaErrorInvalidMemcpyDirection);
  }
  if (bytes == 0) return cudaSuccess;
  if (kind == COPY_DEFAULT) kind = direction(to, from);
  if (kind == COPY_DEVICE_TO_HOST) {
    refuse_because(
        blocking ? BECAUSE_WAITS_FOR_DEVICE : BECAUSE_UNSUPPORTED,
        "the host code called %s from device to host, which cannot be recorded: what a kernel "
        "computes is not known before it is executed",
        name);
  }
  if (kind == COPY_HOST_TO_HOST) {
    memmove((void*)(uintptr_t)to, (const void*)(uintptr_t)from, bytes);
  } else if (kind == COPY_HOST_TO_DEVICE) {
    record_upload(name, to, from, bytes, stream, blocking);
  } else {
    record_copy(to, from, bytes, stream, blocking);
  }
  return cudaSuccess;
}

API CudaError cudaMemcpyAsync(uint64_t to, uint64_t from, size_t bytes, int kind, Stream stream) {
  return copy("cudaMemcpyAsync", to, from, bytes, kind, stream, false);
}

API CudaError cudaMemcpy(uint64_t to, uint64_t from, size_t bytes, int kind) {
  return copy("cudaMemcpy", to, from, bytes, kind, 0, true);
}

// Named rather than left undefined, to say why they cannot be recorded.
API CudaError cudaMemcpyToSymbol(void) {
  refuse(
      "the host code called cudaMemcpyToSymbol, which the stand-in runtime does not provide: "
      "it knows no addresses of device variables");
}
API CudaError cudaMemcpyToSymbolAsync(void) {
  refuse(
      "the host code called cudaMemcpyToSymbolAsync, which the stand-in runtime does not "
      "provide: it knows no addresses of device variables");
}
API CudaError cudaGetSymbolAddress(void) {
  refuse(
      "the host code called cudaGetSymbolAddress, which the stand-in runtime does not provide: "
      "it knows no addresses of device variables");
}
