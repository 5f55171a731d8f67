// Descriptors where host code would look for the judge's: whoever writes to "all" small numbers, or
// closes them, meets these. The real ones are elsewhere (protocol.c).
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stand_in.h"

enum { FIRST = 3, LAST = 4, LOWEST_READER = 750 };

static int reader = -1;
static ino_t inode;

void decoys_open(void) {
  int ends[2];
  struct stat facts;
  // A full one refuses what is written, so that nobody waits for it.
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return;
  reader = fcntl(ends[0], F_DUPFD_CLOEXEC, LOWEST_READER);
  // Both ends may lie where the decoys go: they are moved out of the way first.
  const int writer = fcntl(ends[1], F_DUPFD_CLOEXEC, LOWEST_READER);
  close(ends[0]);
  close(ends[1]);
  if (reader < 0 || writer < 0 || fstat(writer, &facts) != 0) return;
  inode = facts.st_ino;
  for (int descriptor = FIRST; descriptor <= LAST; ++descriptor)
    dup3(writer, descriptor, O_CLOEXEC);
  close(writer);
}

const char* decoys_touched(void) {
  if (inode == 0) return NULL;
  for (int descriptor = FIRST; descriptor <= LAST; ++descriptor) {
    struct stat facts;
    if (fstat(descriptor, &facts) != 0 || facts.st_ino != inode) {
      return "closed descriptors that are not its own";
    }
  }
  int waiting = 0;
  return ioctl(reader, FIONREAD, &waiting) == 0 && waiting > 0
             ? "wrote to descriptors that are not its own"
             : NULL;
}
