// Host code that misbehaves, one way per value of `what`.
#include <cuda_runtime.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
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

static bool write_to(int descriptor, const char* word) {
  return write(descriptor, word, strlen(word)) > 0;
}

static void write_everywhere(const void* bytes, size_t size) {
  for (int descriptor = 3; descriptor < 1024; ++descriptor) {
    if (write(descriptor, bytes, size) < 0) continue;
  }
}

static void* start_raw_socket() {
  long result;
#if defined(__x86_64__)
  asm volatile("syscall" : "=a"(result) : "a"(41), "D"(2), "S"(1), "d"(0) : "rcx", "r11", "memory");
#else
  result = syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
#endif
  return (void*)result;
}

// What honest C++ libraries look up by themselves. 0 where all of it works or is not there.
static int look_around() {
  unsigned cores = std::thread::hardware_concurrency();
  bool thread_ran = false;
  std::thread([&] { thread_ran = true; }).join();
  FILE* file = fopen("/proc/cpuinfo", "r");
  if (file) fclose(file);
  getenv("HOME");
  return thread_ran && cores > 0 ? 0 : -1;
}

#ifdef AT_LOADING
__attribute__((constructor)) static void at_loading() { open("/etc/hostname", O_RDONLY); }
#endif

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
      fork();
      return cudaGetLastError();
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
      return look_around();
    case 19:
      for (int descriptor = 0; descriptor < 64; ++descriptor) close(descriptor);
      return cudaGetLastError();
    case 20: {
      char judge[64];
      snprintf(judge, sizeof judge, "/proc/%d/mem", (int)getppid());
      return open(judge, O_RDWR);
    }
    case 21:
      return socket(AF_INET, SOCK_STREAM, 0);
    case 22:
      return system("true");
    case 23:
      return (int)ptrace(PTRACE_SEIZE, getppid(), nullptr, nullptr);
    case 24:
      return kill(getppid(), 0);
    case 25:
      return raise(SIGSTOP);
    case 26:
      return mkdir("made-by-host-code", 0700);
    case 27:
      start_raw_socket();
      return 0;
    case 28: {
      sigset_t all;
      sigfillset(&all);
      pthread_sigmask(SIG_BLOCK, &all, nullptr);
      return open("/etc/hostname", O_RDONLY);
    }
    case 29:
      signal(SIGSYS, SIG_IGN);
      return cudaGetLastError();
    case 30:
      std::thread([&a, stream, out = a.out] {
        usleep(20000);
        fill<<<1, 32, 0, stream>>>(out);
      }).detach();
      return cudaGetLastError();
    case 31:
      for (;;) std::thread([] { pause(); }).detach();
    case 32:
      return dlopen("libcublas.so.13", RTLD_LAZY) ? 1 : 0;
    case 33: {
      const char* program[] = {"/usr/bin/env", nullptr};
      return execv(program[0], (char**)program);
    }
    case 34:
      for (;;) printf("flood without end\n");
    case 35:
      for (int descriptor = 3; descriptor < 64; ++descriptor) write_to(descriptor, "passed");
      return cudaGetLastError();
    case 36: {
      // All the forms that a graph cannot capture, one after the other.
      void *first = nullptr, *second = nullptr;
      cudaMalloc(&first, 64);
      cudaMallocAsync(&second, 64, stream);
      cudaMemset(first, 0, 64);
      cudaMemcpy(second, first, 64, cudaMemcpyDeviceToDevice);
      cudaMemcpyAsync(first, second, 64, cudaMemcpyDeviceToDevice, stream);
      cudaFreeAsync(second, stream);
      return cudaFree(first);
    }
    default:
      return cudaErrorNotSupported;
  }
}
