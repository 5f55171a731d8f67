// The operations of the call in progress, in the order in which the host code made them.
#include <pthread.h>

#include "stand_in.h"

// A launcher makes a handful. More than this is a loop that does not end.
enum { MOST_OPERATIONS = 100000, MOST_BYTES = 64 << 20 };

static Bytes record;
static uint32_t count;
// What is asked for while the library is loaded, or by a thread after the entry point has returned.
static Bytes outside;
static uint32_t count_outside;
static bool called, in_call;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void record_reset(void) {
  pthread_mutex_lock(&lock);
  if (count_outside && called) {
    refuse_because(BECAUSE_AFTER_RETURN,
                   "a thread of the host code asked %u times for device work after the entry point "
                   "had returned",
                   count_outside);
  }
  if (count_outside) {
    refuse(
        "the library made %u runtime calls while it was loaded, before the entry point was called",
        count_outside);
  }
  called = true;
  record.size = 0;
  count = 0;
  in_call = true;
  pthread_mutex_unlock(&lock);
}

Bytes* record_begin(enum Operation operation) {
  pthread_mutex_lock(&lock);
  if (count >= MOST_OPERATIONS || record.size > MOST_BYTES) {
    refuse_because(BECAUSE_ENDLESS,
                   "the host code made more than %u runtime calls in one call of the entry point",
                   count);
  }
  if (!in_call) {
    ++count_outside;
    outside.size = 0;
    return &outside;
  }
  ++count;
  put_u32(&record, operation);
  return &record;
}

void record_end(void) { pthread_mutex_unlock(&lock); }

const Bytes* record_take(uint32_t* operations) {
  pthread_mutex_lock(&lock);
  in_call = false;
  *operations = count;
  pthread_mutex_unlock(&lock);
  return &record;
}
