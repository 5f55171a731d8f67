// Loads one library, then calls its entry point once per request until the requests end.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stand_in.h"

typedef CudaError (*Entry)(const void* arguments, Stream stream);

Device device;
void arena_define(uint64_t address, uint64_t bytes);

static Bytes request;
static size_t taken;

static const void* take(size_t size) {
  if (request.size - taken < size) refuse("the recorder's request is cut short");
  const void* data = request.data + taken;
  taken += size;
  return data;
}

static uint32_t take_u32(void) {
  uint32_t value;
  memcpy(&value, take(sizeof value), sizeof value);
  return value;
}

static uint64_t take_u64(void) {
  uint64_t value;
  memcpy(&value, take(sizeof value), sizeof value);
  return value;
}

static char* take_text(void) {
  uint32_t size = take_u32();
  char* text = calloc(size + 1, 1);
  if (!text) refuse("out of memory");
  memcpy(text, take(size), size);
  return text;
}

static void take_device(void) {
  char* name = take_text();
  snprintf(device.name, sizeof device.name, "%s", name);
  free(name);
  device.major = take_u32();
  device.minor = take_u32();
  device.sms = take_u32();
  device.warp_size = take_u32();
  device.memory_bus_bits = take_u32();
  device.memory_bytes = take_u64();
  device.l2_bytes = take_u64();
  device.shared_per_block_bytes = take_u64();
  device.shared_per_block_optin_bytes = take_u64();
  device.shared_per_sm_bytes = take_u64();
  device.reserved_shared_per_block_bytes = take_u64();
  device.registers_per_sm = take_u32();
  device.registers_per_block = take_u32();
  device.max_threads_per_sm = take_u32();
  device.max_threads_per_block = take_u32();
  device.max_blocks_per_sm = take_u32();
}

static void take_kernel(Kernel* kernel) {
  kernel->name = take_text();
  kernel->registers_per_thread = take_u32();
  kernel->max_threads = take_u32();
  kernel->static_shared_bytes = take_u64();
  kernel->local_bytes = take_u64();
  kernel->required_cluster.x = take_u32();
  kernel->required_cluster.y = take_u32();
  kernel->required_cluster.z = take_u32();
  kernel->cluster_must_be_set = kernel->required_cluster.x != 0;
  kernel->carveout_pct = -1;
  uint64_t most = device.shared_per_block_bytes;
  kernel->max_dynamic_shared_bytes =
      kernel->static_shared_bytes < most ? (int64_t)(most - kernel->static_shared_bytes) : 0;
  kernel->param_count = take_u32();
  kernel->param_bytes = calloc(kernel->param_count + 1, sizeof *kernel->param_bytes);
  if (!kernel->param_bytes) refuse("out of memory");
  for (uint32_t i = 0; i < kernel->param_count; ++i) kernel->param_bytes[i] = take_u32();
}

static void take_kernels(void) {
  uint32_t count = take_u32();
  Kernel* kernels = calloc(count + 1, sizeof *kernels);
  if (!kernels) refuse("out of memory");
  for (uint32_t i = 0; i < count; ++i) take_kernel(&kernels[i]);
  kernels_define(kernels, count);
}

static void require_untouched(void) {
  const char* done = decoys_touched();
  if (done) refuse_because(BECAUSE_FORGED, "the host code %s", done);
}

static Entry load(uint32_t sandbox) {
  char* library = take_text();
  char* entry = take_text();
  uint64_t arena = take_u64();
  arena_define(arena, take_u64());
  take_device();
  take_kernels();
  void* loaded = dlopen(library, RTLD_LAZY | RTLD_LOCAL);
  if (!loaded) refuse("the library cannot be loaded: %s", dlerror());
  Entry found = (Entry)(uintptr_t)dlsym(loaded, entry);
  if (!found) refuse("the library has no entry point %s: %s", entry, dlerror());
  require_untouched();
  forbid_opening_files();
  static Bytes reply;
  put_u32(&reply, sandbox);
  send_reply(REPLY_LOADED, &reply);
  return found;
}

static void call(Entry entry) {
  Stream stream = take_u64();
  uint32_t size = take_u32();
  // A copy of exactly the struct's size: what lies behind it is not the host code's to read.
  void* arguments = malloc(size ? size : 1);
  if (!arguments) refuse("out of memory");
  memcpy(arguments, take(size), size);
  record_reset();
  forget_last_error();
  CudaError result = entry(arguments, stream);
  free(arguments);
  if (!descriptors_intact()) {
    fputs("the host code closed a descriptor that is not its own\n", stderr);
    _exit(97);
  }
  require_untouched();
  uint32_t count;
  const Bytes* record = record_take(&count);
  static Bytes reply;
  reply.size = 0;
  put_u32(&reply, (uint32_t)result);
  put_text(&reply, error_name(result));
  put_u32(&reply, count);
  put_blob(&reply, record->data, record->size);
  send_reply(REPLY_RECORDED, &reply);
}

int main(void) {
  protocol_open();
  decoys_open();
  const uint32_t sandbox = isolate();
  Entry entry = NULL;
  uint32_t kind;
  uint64_t nonce;
  while (receive_request(&kind, &nonce, &request)) {
    taken = 0;
    if (kind == REQUEST_LOAD && !entry) {
      entry = load(sandbox);
    } else if (kind == REQUEST_CALL && entry) {
      call(entry);
    } else {
      refuse("the recorder sent a request of the unknown kind %u", kind);
    }
  }
  // The library's own end-of-process code is not of interest, and may hang.
  _exit(0);
}
