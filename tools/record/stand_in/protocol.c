// Frames on two private descriptors: u32 size, u32 kind, u64 nonce, payload.
//
// The descriptors are moved away from 3 and 4, so that host code which closes or writes to "all"
// small numbers does not meet them. Every reply repeats the nonce of its request: bytes that the
// host code writes itself are recognised as such.
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stand_in.h"

enum { MOST_REQUEST_BYTES = 64 << 20, EXIT_DESCRIPTOR_LOST = 97, EXIT_OUT_OF_MEMORY = 98 };

static int requests = 3, replies = 4;
static uint64_t current_nonce;
static pid_t owner;

static int move_away(int descriptor, int lowest) {
  int moved = fcntl(descriptor, F_DUPFD_CLOEXEC, lowest);
  if (moved < 0) return descriptor;
  close(descriptor);
  return moved;
}

void protocol_open(void) {
  owner = getpid();
  requests = move_away(requests, 700);
  replies = move_away(replies, 800);
  // Output that a library prints belongs with its errors; nothing is read from its input.
  dup2(2, 1);
}

static void reserve(Bytes* bytes, size_t more) {
  if (bytes->size + more <= bytes->capacity) return;
  size_t capacity = bytes->capacity ? bytes->capacity : 4096;
  while (capacity < bytes->size + more) capacity *= 2;
  bytes->data = realloc(bytes->data, capacity);
  if (!bytes->data) _exit(EXIT_OUT_OF_MEMORY);
  bytes->capacity = capacity;
}

static void put(Bytes* bytes, const void* data, size_t size) {
  reserve(bytes, size);
  if (size) memcpy(bytes->data + bytes->size, data, size);
  bytes->size += size;
}

void put_u32(Bytes* bytes, uint32_t value) { put(bytes, &value, sizeof value); }
void put_u64(Bytes* bytes, uint64_t value) { put(bytes, &value, sizeof value); }

void put_blob(Bytes* bytes, const void* data, size_t size) {
  put_u32(bytes, (uint32_t)size);
  put(bytes, data, size);
}

void put_text(Bytes* bytes, const char* text) { put_blob(bytes, text, strlen(text)); }

static bool read_all(void* data, size_t size) {
  uint8_t* next = data;
  while (size) {
    ssize_t got = read(requests, next, size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) _exit(EXIT_DESCRIPTOR_LOST);
    if (got == 0) return false;
    next += got;
    size -= (size_t)got;
  }
  return true;
}

static void write_all(const void* data, size_t size) {
  const uint8_t* next = data;
  while (size) {
    ssize_t put_bytes = write(replies, next, size);
    if (put_bytes < 0 && errno == EINTR) continue;
    if (put_bytes < 0) _exit(EXIT_DESCRIPTOR_LOST);
    next += put_bytes;
    size -= (size_t)put_bytes;
  }
}

bool receive_request(uint32_t* kind, uint64_t* nonce, Bytes* payload) {
  struct {
    uint32_t size, kind;
    uint64_t nonce;
  } header;
  if (!read_all(&header, sizeof header)) return false;
  if (header.size > MOST_REQUEST_BYTES) _exit(EXIT_DESCRIPTOR_LOST);
  payload->size = 0;
  reserve(payload, header.size + 1);
  if (!read_all(payload->data, header.size)) return false;
  payload->size = header.size;
  *kind = header.kind;
  *nonce = current_nonce = header.nonce;
  return true;
}

void send_reply(uint32_t kind, const Bytes* payload) {
  // A child that the host code forked must not answer in our place.
  if (getpid() != owner) _exit(0);
  struct {
    uint32_t size, kind;
    uint64_t nonce;
  } header = {(uint32_t)payload->size, kind, current_nonce};
  write_all(&header, sizeof header);
  write_all(payload->data, payload->size);
}

bool descriptors_intact(void) {
  return fcntl(requests, F_GETFD) >= 0 && fcntl(replies, F_GETFD) >= 0;
}

static _Noreturn void refuse_with(uint32_t why, const char* format, va_list arguments) {
  char text[2048];
  vsnprintf(text, sizeof text, format, arguments);
  Bytes payload = {0};
  put_u32(&payload, why);
  put_text(&payload, text);
  send_reply(REPLY_REFUSED, &payload);
  _exit(0);
}

_Noreturn void refuse(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  refuse_with(BECAUSE_UNSUPPORTED, format, arguments);
}

_Noreturn void refuse_because(uint32_t why, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  refuse_with(why, format, arguments);
}
