// The operations of the call in progress, in the order in which the host code made them.
#include <pthread.h>

#include "stand_in.h"

// A launcher makes a handful. More than this is a loop that does not end.
enum { MOST_OPERATIONS = 100000, MOST_BYTES = 64 << 20 };

static Bytes record;
static uint32_t count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void record_reset(void) {
  record.size = 0;
  count = 0;
}

Bytes* record_begin(enum Operation operation) {
  pthread_mutex_lock(&lock);
  if (count >= MOST_OPERATIONS || record.size > MOST_BYTES) {
    refuse("the host code made more than %u runtime calls in one call of the entry point", count);
  }
  ++count;
  put_u32(&record, operation);
  return &record;
}

void record_end(void) { pthread_mutex_unlock(&lock); }

const Bytes* record_take(uint32_t* operations) {
  *operations = count;
  return &record;
}
