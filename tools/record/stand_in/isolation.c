// Host code is somebody else's: limits on what it can use, and a message for when it crashes.
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "stand_in.h"

enum { MOST_CPU_SECONDS = 900, ALTERNATE_STACK_BYTES = 64 << 10 };
static const uint64_t most_address_space = 4ull << 30;

static void limit(int resource, uint64_t most) {
  struct rlimit both = {most, most};
  setrlimit(resource, &both);
}

// Only what is safe in a signal handler: no allocation.
static void on_crash(int number, siginfo_t* info, void* context) {
  (void)context;
  static uint8_t space[64];
  Bytes payload = {space, 0, sizeof space};
  put_u32(&payload, (uint32_t)number);
  put_u64(&payload, (uint64_t)(uintptr_t)info->si_addr);
  send_reply(REPLY_CRASHED, &payload);
  signal(number, SIG_DFL);
  raise(number);
}

static void watch_crashes(void) {
  static uint8_t stack[ALTERNATE_STACK_BYTES];
  stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
  sigaltstack(&alternate, NULL);
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_crash;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | (int)SA_RESETHAND;
  const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; ++i) {
    sigaction(signals[i], &action, NULL);
  }
}

uint32_t isolate(void) {
  // Ends with its parent, also where the host code loops and never reads the closed pipe.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_AS, most_address_space);
  limit(RLIMIT_CPU, MOST_CPU_SECONDS);
  // No file can be written; pipes are not files.
  limit(RLIMIT_FSIZE, 0);
  signal(SIGXFSZ, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  watch_crashes();
  return enter_sandbox();
}
