// One entry point for each thing that host code may reach for, bad and honest.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

extern "C" int cublasGemmEx(void* handle);
namespace at {
void rms_norm(const void* input);
}

#ifdef AT_LOADING
__attribute__((constructor)) static void before_everything() { system("true"); }
extern "C" int entry() { return 0; }
#else

// Comments name socket( and fopen( too.
extern "C" int honest_arithmetic(int n) {
  std::vector<int> sizes(n, 1);
  std::string text = "socket( fork( cublasGemmEx(";
  char label[64];
  snprintf(label, sizeof label, "%d %s", n, text.c_str());
  return static_cast<int>(sizes.size() + strlen(label));
}

static int threads_per_block() {
  static const char* const given = getenv("NORM_THREADS");
  return given ? atoi(given) : 256;
}
extern "C" int honest_tuning() { return threads_per_block(); }

__attribute__((noinline)) static int call_cublas(void* handle) { return cublasGemmEx(handle); }
extern "C" int calls_cublas(void* handle) { return call_cublas(handle) + 1; }
extern "C" int calls_torch(const void* input) {
  at::rms_norm(input);
  return 0;
}
extern "C" int opens_socket() { return socket(AF_INET, SOCK_STREAM, 0); }
extern "C" int starts_program() { return system("true") + 1; }
extern "C" int forks() { return fork() + 1; }
extern "C" int opens_file() {
  FILE* file = fopen("/etc/hostname", "r");
  return file ? fgetc(file) : 0;
}
extern "C" int opens_stream() {
  std::ifstream file("/etc/hostname");
  return file.get();
}
extern "C" int loads_library() { return dlopen("libm.so.6", RTLD_LAZY) != nullptr; }
extern "C" int calls_kernel() { return static_cast<int>(syscall(SYS_getpid)) + 1; }
extern "C" int reads_clock() {
  return static_cast<int>(std::chrono::steady_clock::now().time_since_epoch().count());
}
extern "C" int starts_thread() {
  std::thread([] {}).join();
  return 0;
}

typedef int (*Action)();
extern const Action actions[] = {opens_socket, forks};
extern "C" int through_table(int n) { return actions[n](); }

// A file's own program is not what the judge calls.
int main() {
  FILE* file = fopen("log", "w");
  return fprintf(file, "%ld", static_cast<long>(time(nullptr)));
}
#endif
