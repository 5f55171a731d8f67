// The system calls that host code has no business with, and what happens when it makes one: the
// judge is told which, and the process ends.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "stand_in.h"

#define CALL(name, what) {__NR_##name, what, #name}

const ForbiddenCall forbidden_calls[] = {
    CALL(openat, OPENS_FILE),
    CALL(mkdirat, CHANGES_FILES),
    CALL(unlinkat, CHANGES_FILES),
    CALL(renameat2, CHANGES_FILES),
    CALL(linkat, CHANGES_FILES),
    CALL(symlinkat, CHANGES_FILES),
    CALL(mknodat, CHANGES_FILES),
    CALL(fchmodat, CHANGES_FILES),
    CALL(fchownat, CHANGES_FILES),
    CALL(utimensat, CHANGES_FILES),
    CALL(truncate, CHANGES_FILES),
    CALL(chroot, CHANGES_FILES),
    CALL(mount, CHANGES_FILES),
    CALL(umount2, CHANGES_FILES),
    CALL(socket, USES_NETWORK),
    CALL(socketpair, USES_NETWORK),
    CALL(connect, USES_NETWORK),
    CALL(execve, REACHES_PROCESSES),
    CALL(execveat, REACHES_PROCESSES),
    CALL(ptrace, REACHES_PROCESSES),
    CALL(process_vm_readv, REACHES_PROCESSES),
    CALL(process_vm_writev, REACHES_PROCESSES),
    CALL(rt_sigqueueinfo, REACHES_PROCESSES),
    CALL(rt_tgsigqueueinfo, REACHES_PROCESSES),
    CALL(unshare, REACHES_PROCESSES),
    CALL(setns, REACHES_PROCESSES),
    CALL(bpf, REACHES_PROCESSES),
    CALL(perf_event_open, REACHES_PROCESSES),
#ifdef __NR_renameat
    CALL(renameat, CHANGES_FILES),
#endif
#ifdef __NR_openat2
    CALL(openat2, OPENS_FILE),
#endif
#ifdef __NR_io_uring_setup  // it could make the calls that are refused here
    CALL(io_uring_setup, REACHES_PROCESSES),
#endif
#ifdef __NR_pidfd_open
    CALL(pidfd_open, REACHES_PROCESSES),
#endif
#ifdef __NR_pidfd_getfd
    CALL(pidfd_getfd, REACHES_PROCESSES),
#endif
#ifdef __NR_pidfd_send_signal
    CALL(pidfd_send_signal, REACHES_PROCESSES),
#endif
#ifdef __NR_open  // the older forms, which x86-64 has
    CALL(open, OPENS_FILE),
    CALL(creat, OPENS_FILE),
    CALL(mkdir, CHANGES_FILES),
    CALL(rmdir, CHANGES_FILES),
    CALL(unlink, CHANGES_FILES),
    CALL(rename, CHANGES_FILES),
    CALL(link, CHANGES_FILES),
    CALL(symlink, CHANGES_FILES),
    CALL(mknod, CHANGES_FILES),
    CALL(chmod, CHANGES_FILES),
    CALL(chown, CHANGES_FILES),
    CALL(fork, REACHES_PROCESSES),
    CALL(vfork, REACHES_PROCESSES),
#endif
};
const size_t forbidden_call_count = sizeof forbidden_calls / sizeof forbidden_calls[0];

// Forbidden by their arguments, in sandbox.c.
static const ForbiddenCall judged_by_arguments[] = {
    CALL(clone, REACHES_PROCESSES),  CALL(prlimit64, REACHES_PROCESSES),
    CALL(kill, REACHES_PROCESSES),   CALL(tkill, REACHES_PROCESSES),
    CALL(tgkill, REACHES_PROCESSES), CALL(rt_sigaction, REACHES_PROCESSES),
};

// What C and C++ libraries look up by themselves, with an answer for when it is not there.
static const char* const harmless[] = {
    "/proc/self/maps",      "/proc/sys/vm/",      "/proc/sys/kernel/",
    "/proc/cpuinfo",        "/proc/stat",         "/proc/meminfo",
    "/sys/devices/system/", "/sys/kernel/mm/",    "/sys/fs/cgroup/",
    "/proc/self/cgroup",    "/dev/null",          "/dev/urandom",
    "/dev/random",          "/etc/localtime",     "/usr/share/zoneinfo/",
    "/usr/lib/locale/",     "/usr/share/locale/", "/etc/ld.so.cache",
};

#if defined(__x86_64__)
static uint64_t argument(const ucontext_t* context, int index) {
  const int registers[] = {REG_RDI, REG_RSI};
  return (uint64_t)context->uc_mcontext.gregs[registers[index]];
}
static void answer(ucontext_t* context, long result) {
  context->uc_mcontext.gregs[REG_RAX] = result;
}
#elif defined(__aarch64__)
static uint64_t argument(const ucontext_t* context, int index) {
  return context->uc_mcontext.regs[index];
}
static void answer(ucontext_t* context, long result) {
  context->uc_mcontext.regs[0] = (uint64_t)result;
}
#else
static uint64_t argument(const ucontext_t* context, int index) {
  (void)context, (void)index;
  return 0;
}
static void answer(ucontext_t* context, long result) { (void)context, (void)result; }
#endif

static const char* name_of(int number) {
  for (size_t i = 0; i < forbidden_call_count; ++i) {
    if (forbidden_calls[i].number == number) return forbidden_calls[i].name;
  }
  for (size_t i = 0; i < sizeof judged_by_arguments / sizeof judged_by_arguments[0]; ++i) {
    if (judged_by_arguments[i].number == number) return judged_by_arguments[i].name;
  }
  return "another system call";
}

// The path given to a call that takes one, cut to `size`; empty where it cannot be read.
static void copy_path(char* path, size_t size, const char* name, const ucontext_t* context) {
  *path = 0;
  const size_t length = strlen(name);
  const bool at = (length > 2 && strcmp(name + length - 2, "at") == 0) ||
                  strcmp(name, "openat2") == 0 || strcmp(name, "renameat2") == 0;
  const char* given = (const char*)(uintptr_t)argument(context, at ? 1 : 0);
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  unsigned char resident;
  for (size_t i = 0; i + 1 < size; ++i) {
    const uintptr_t address = (uintptr_t)(given + i);
    if (i == 0 || address % page == 0) {
      if (mincore((void*)(address / page * page), 1, &resident) != 0) return;
    }
    path[i] = given[i];
    path[i + 1] = 0;
    if (!given[i]) return;
  }
}

static bool is_harmless(const char* path) {
  for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; ++i) {
    if (strncmp(path, harmless[i], strlen(harmless[i])) == 0) return true;
  }
  return false;
}

// Only what is safe in a signal handler: no allocation.
static void on_forbidden(int number, siginfo_t* info, void* context) {
  enum { SYS_SECCOMP_CODE = 1, EXIT_FORBIDDEN = 96, MOST_PATH_BYTES = 256 };
  if (info->si_code != SYS_SECCOMP_CODE) {  // sent by the host code itself
    signal(number, SIG_DFL);
    raise(number);
    return;
  }
  const uint32_t what = (uint32_t)info->si_errno;
  const char* name = name_of(info->si_syscall);
  char path[MOST_PATH_BYTES] = "";
  if (what == OPENS_FILE || what == CHANGES_FILES || strncmp(name, "execve", 6) == 0) {
    copy_path(path, sizeof path, name, context);
  }
  if (what == OPENS_FILE && is_harmless(path)) {
    answer(context, -ENOENT);
    return;
  }
  uint8_t space[512];
  Bytes payload = {space, 0, sizeof space};
  put_u32(&payload, what);
  put_text(&payload, name);
  put_text(&payload, path);
  send_reply(REPLY_FORBIDDEN, &payload);
  _exit(EXIT_FORBIDDEN);
}

void watch_forbidden_calls(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_forbidden;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGSYS, &action, NULL);
}
