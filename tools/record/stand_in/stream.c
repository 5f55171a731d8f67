// Streams and events: handles that nothing stands behind, and the order that they impose.
#include "stand_in.h"

static uint64_t next_handle = 0x5354524541000000;

static CudaError create(uint64_t* handle) {
  if (!handle) return failed(cudaErrorInvalidValue);
  *handle = next_handle += 16;
  return cudaSuccess;
}

API CudaError cudaStreamCreate(Stream* stream) { return create(stream); }
API CudaError cudaStreamCreateWithFlags(Stream* stream, unsigned flags) {
  (void)flags;
  return create(stream);
}
API CudaError cudaStreamCreateWithPriority(Stream* stream, unsigned flags, int priority) {
  (void)flags, (void)priority;
  return create(stream);
}
API CudaError cudaStreamDestroy(Stream stream) {
  (void)stream;
  return cudaSuccess;
}

API CudaError cudaStreamIsCapturing(Stream stream, int* status) {
  (void)stream;
  if (!status) return failed(cudaErrorInvalidValue);
  *status = 0;  // cudaStreamCaptureStatusNone
  return cudaSuccess;
}

API CudaError cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  if (least) *least = 0;
  if (greatest) *greatest = -5;
  return cudaSuccess;
}

static CudaError synchronize(uint64_t handle, uint32_t everything) {
  Bytes* record = record_begin(OPERATION_SYNCHRONIZE);
  put_u64(record, handle);
  put_u32(record, everything);
  record_end();
  return cudaSuccess;
}

API CudaError cudaStreamSynchronize(Stream stream) { return synchronize(stream, 0); }
API CudaError cudaDeviceSynchronize(void) { return synchronize(0, 1); }
API CudaError cudaEventSynchronize(uint64_t event) { return synchronize(event, 0); }

API CudaError cudaEventCreate(uint64_t* event) { return create(event); }
API CudaError cudaEventCreateWithFlags(uint64_t* event, unsigned flags) {
  (void)flags;
  return create(event);
}
API CudaError cudaEventDestroy(uint64_t event) {
  (void)event;
  return cudaSuccess;
}

static CudaError order(enum Operation operation, uint64_t event, Stream stream) {
  Bytes* record = record_begin(operation);
  put_u64(record, event);
  put_u64(record, stream);
  record_end();
  return cudaSuccess;
}

API CudaError cudaEventRecord(uint64_t event, Stream stream) {
  return order(OPERATION_RECORD_EVENT, event, stream);
}
API CudaError cudaEventRecordWithFlags(uint64_t event, Stream stream, unsigned flags) {
  (void)flags;
  return order(OPERATION_RECORD_EVENT, event, stream);
}
API CudaError cudaStreamWaitEvent(Stream stream, uint64_t event, unsigned flags) {
  (void)flags;
  return order(OPERATION_WAIT_EVENT, event, stream);
}
