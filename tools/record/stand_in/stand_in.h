// The stand-in for the CUDA runtime: what its files share.
//
// This executable is the runtime. It loads the project's library, whose CUDA calls resolve to the
// API functions here, records what the host code asks of the device, and sends the record to
// Kernelwright. No CUDA header is needed: the declarations below are the part of the binary
// interface that is used, and are held against NVIDIA's headers by a test.
#ifndef KERNELWRIGHT_STAND_IN_H
#define KERNELWRIGHT_STAND_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Everything else is hidden, so that no symbol of the library can meet one of ours by name.
#define API __attribute__((visibility("default")))

typedef int CudaError;
enum {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInvalidMemcpyDirection = 21,
  cudaErrorMissingConfiguration = 52,
  cudaErrorInvalidDeviceFunction = 98,
  cudaErrorInvalidDevice = 101,
  cudaErrorInvalidResourceHandle = 400,
  cudaErrorLaunchOutOfResources = 701,
  cudaErrorCooperativeLaunchTooLarge = 720,
  cudaErrorNotSupported = 801,
  cudaErrorInvalidClusterSize = 912,
};

typedef struct {
  uint32_t x, y, z;
} Dim3;

typedef uint64_t Stream;  // cudaStream_t: a pointer that is never followed

typedef struct {
  char name[256];
  uint32_t major, minor, sms, warp_size, memory_bus_bits;
  uint64_t memory_bytes, l2_bytes;
  uint64_t shared_per_block_bytes, shared_per_block_optin_bytes, shared_per_sm_bytes;
  uint64_t reserved_shared_per_block_bytes;
  uint32_t registers_per_sm, registers_per_block;
  uint32_t max_threads_per_sm, max_threads_per_block, max_blocks_per_sm;
} Device;

typedef struct {
  char* name;
  uint32_t registers_per_thread, max_threads;
  uint64_t static_shared_bytes, local_bytes;
  uint32_t param_count;
  uint32_t* param_bytes;
  // What cudaFuncSetAttribute can change.
  Dim3 required_cluster;  // 0,0,0: none
  bool cluster_must_be_set;
  int64_t max_dynamic_shared_bytes;
  int carveout_pct;  // -1: the driver's choice
  bool non_portable_cluster;
} Kernel;

extern Device device;

// protocol.c: bytes from and to Kernelwright, in the machine's own (little-endian) order.
typedef struct {
  uint8_t* data;
  size_t size, capacity;
} Bytes;
void put_u32(Bytes* bytes, uint32_t value);
void put_u64(Bytes* bytes, uint64_t value);
void put_blob(Bytes* bytes, const void* data, size_t size);
void put_text(Bytes* bytes, const char* text);
void protocol_open(void);
bool receive_request(uint32_t* kind, uint64_t* nonce, Bytes* payload);
void send_reply(uint32_t kind, const Bytes* payload);
bool descriptors_intact(void);
// decoys.c: what was done to the descriptors that look like the judge's, or NULL.
void decoys_open(void);
const char* decoys_touched(void);
// Ends the call and this process: what the host code asked for cannot be recorded.
_Noreturn void refuse(const char* format, ...) __attribute__((format(printf, 1, 2)));
enum { REQUEST_LOAD = 1, REQUEST_CALL = 2 };
// The same, where the host code is at fault and not the recorder.
_Noreturn void refuse_because(uint32_t why, const char* format, ...)
    __attribute__((format(printf, 2, 3)));
enum {
  BECAUSE_UNSUPPORTED,
  BECAUSE_ENDLESS,
  BECAUSE_AFTER_RETURN,
  BECAUSE_WAITS_FOR_DEVICE,
  BECAUSE_FORGED
};
enum { REPLY_LOADED = 1, REPLY_RECORDED, REPLY_REFUSED, REPLY_CRASHED, REPLY_FORBIDDEN };

// record.c: the operations of the call in progress.
enum Operation {
  OPERATION_LAUNCH = 1,
  OPERATION_REFUSED_LAUNCH,
  OPERATION_MEMSET,
  OPERATION_COPY,
  OPERATION_UPLOAD,
  OPERATION_ALLOC,
  OPERATION_FREE,
  OPERATION_SYNCHRONIZE,
  OPERATION_RECORD_EVENT,
  OPERATION_WAIT_EVENT,
};
// Refuses where the host code asked for anything outside of a call.
void record_reset(void);
// Returns the record with the operation's kind in it; record_end must follow at once.
Bytes* record_begin(enum Operation operation);
void record_end(void);
const Bytes* record_take(uint32_t* count);

// errors.c
CudaError failed(CudaError error);  // sets the thread's last error and returns it
void forget_last_error(void);
const char* error_name(CudaError error);

// kernels.c: which kernels there are, and which of them a host pointer means.
void kernels_define(Kernel* kernels, uint32_t count);
// 0, or why `function` is no kernel: the code that a CUDA 13.0 runtime gives.
CudaError find_kernel(const void* function, Kernel** kernel);

// occupancy.c
int max_active_blocks(const Device* device, const Kernel* kernel, int threads,
                      uint64_t dynamic_shared_bytes);
uint64_t available_dynamic_shared(const Device* device, const Kernel* kernel, int blocks,
                                  int threads, bool* impossible);
uint32_t max_threads_by_registers(const Device* device, const Kernel* kernel);

// launch_check.c
typedef struct {
  Dim3 grid, block, cluster;  // cluster 0,0,0: none asked for
  bool has_cluster, cooperative, programmatic, has_priority;
  int32_t priority;
  uint32_t hints;  // bit n: attribute n was given and changes no result
  uint64_t shared_bytes;
  Stream stream;
} Launch;
CudaError check_launch(const Device* device, const Kernel* kernel, Launch* launch,
                       const char** reason);
CudaError check_cluster(const Device* device, const Kernel* kernel, Launch* launch,
                        const char** reason);
// launch_config.c: cudaLaunchConfig_t as a Launch; refuses attributes that cannot be recorded.
typedef struct LaunchConfig LaunchConfig;
Launch read_launch_config(const LaunchConfig* config);

// isolation.c: limits, signals; called before anything of the library runs.
// Returns what enter_sandbox does.
uint32_t isolate(void);
// sandbox.c: returns what the kernel enforces, as bits.
enum { SANDBOX_CALLS = 1, SANDBOX_FILES = 2 };
uint32_t enter_sandbox(void);
// From now on nobody opens files. Before, the dynamic loader does.
void forbid_opening_files(void);

// forbidden.c
enum Forbidden {
  OPENS_FILE = 1,
  CHANGES_FILES,
  USES_NETWORK,
  REACHES_PROCESSES,
  STOPS_ITSELF,
};
typedef struct {
  int number;
  enum Forbidden what;
  const char* name;
} ForbiddenCall;
extern const ForbiddenCall forbidden_calls[];
extern const size_t forbidden_call_count;
void watch_forbidden_calls(void);

#endif
