// Host code that misbehaves, one way per value of `what`.
#include <cuda_runtime.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

struct Arguments {
  int32_t what, n;
  float* out;
};

__global__ void fill(float* out) { out[threadIdx.x] = 1.0f; }

__device__ float device_value;

static void recurse(volatile char* above) {
  volatile char frame[4096];
  frame[0] = above ? above[0] : 1;
  recurse(frame);
  frame[1] = frame[0];
}

static void write_everywhere(const void* bytes, size_t size) {
  for (int descriptor = 3; descriptor < 1024; ++descriptor) {
    if (write(descriptor, bytes, size) < 0) continue;
  }
}

// One bit for each thing that succeeded.
static int reach_outside() {
  int done = 0;
  char judge[64];
  snprintf(judge, sizeof judge, "/proc/%d/mem", (int)getppid());
  if (open(judge, O_RDWR) >= 0) done |= 1;
  if (open(judge, O_RDONLY) >= 0) done |= 2;
  if (kill(getppid(), 0) == 0) done |= 4;
  if (socket(AF_INET, SOCK_STREAM, 0) >= 0) done |= 8;
  if (mkdir("made-by-host-code", 0700) == 0) done |= 16;
  if (system("true") == 0) done |= 32;
  if (fork() >= 0) done |= 64;
  if (ptrace(PTRACE_SEIZE, getppid(), nullptr, nullptr) == 0) done |= 128;
  bool thread_ran = false;
  std::thread([&] { thread_ran = true; }).join();
  // Files are kept from it by Landlock, where the kernel has it (5.13): system call 444 tells.
  if (syscall(444, nullptr, 0, 1) < 0) done &= ~(1 | 2 | 16);
  return thread_ran ? done : -1;
}

extern "C" int hostile(const void* raw, cudaStream_t stream) {
  const Arguments& a = *(const Arguments*)raw;
  fill<<<1, 32, 0, stream>>>(a.out);
  switch (a.what) {
    case 0:
      return cudaGetLastError();
    case 1:
      exit(0);
    case 2:
      fprintf(stderr, "assertion of the library failed\n");
      abort();
    case 3:
      return (int)*a.out;
    case 4:
      for (;;) {
      }
    case 5:
      for (int descriptor = 0; descriptor < 1024; ++descriptor) close(descriptor);
      return cudaGetLastError();
    case 6:
      for (int i = 0; i < 200000; ++i) printf("flood %d of standard output\n", i);
      fflush(stdout);
      return cudaGetLastError();
    case 7: {
      // A well-formed reply: 24 bytes of payload, kind "recorded", a guessed nonce.
      const uint32_t forged[10] = {24, 2, 1, 1, 0, 0, 0, 0, 0, 0};
      write_everywhere(forged, sizeof forged);
      return cudaGetLastError();
    }
    case 8:
      recurse(nullptr);
      return 0;
    case 9:
      // The child returns from the entry point as well.
      fork();
      return cudaGetLastError();
    case 10: {
      // A grandchild in a session of its own keeps the pipes open.
      if (fork() == 0) {
        setsid();
        sleep(3);
        _exit(0);
      }
      exit(5);
    }
    case 11: {
      int file = open("written-by-host-code", O_CREAT | O_WRONLY, 0600);
      return write(file, "x", 1) == 1 ? 7777 : cudaSuccess;
    }
    case 12:
      return getenv("KERNELWRIGHT_TEST_SECRET") ? 7777 : cudaSuccess;
    case 13:
      for (;;) fill<<<1, 32, 0, stream>>>(a.out);
    case 14:
      return cudaMemcpy(malloc(4), a.out, 4, cudaMemcpyDeviceToHost);
    case 15:
      return cudaMemcpyToSymbol(device_value, &a.n, 4);
    case 16:
      kill(getpid(), SIGKILL);
      return 0;
    case 17:
      for (int i = 0; i < 64; ++i) memset(malloc(1ull << 30), 1, 16);
      return cudaSuccess;
    case 18:
      return reach_outside();
    case 19:
      for (int descriptor = 0; descriptor < 64; ++descriptor) close(descriptor);
      return cudaGetLastError();
    default:
      return cudaErrorNotSupported;
  }
}
