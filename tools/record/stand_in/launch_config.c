// cudaLaunchConfig_t and its attributes.
#include <string.h>

#include "stand_in.h"

enum Attribute {
  ATTRIBUTE_IGNORE = 0,
  ATTRIBUTE_COOPERATIVE = 2,
  ATTRIBUTE_CLUSTER_DIMENSION = 4,
  ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION = 6,
  ATTRIBUTE_PRIORITY = 8,
};

// They steer caches, scheduling and memory domains, never what a kernel computes: access policy
// window 1, cluster scheduling 5, memory domains 9 and 10, preferred cluster 11, carve-out 14,
// NVLink 16.
static const uint32_t hints =
    1u << 1 | 1u << 5 | 1u << 9 | 1u << 10 | 1u << 11 | 1u << 14 | 1u << 16;

typedef struct {
  int32_t id;
  char padding[4];
  union {
    char bytes[64];
    uint64_t alignment;
    int32_t number;
    Dim3 dim;
  } value;
} LaunchAttribute;

struct LaunchConfig {
  Dim3 grid, block;
  size_t shared_bytes;
  Stream stream;
  LaunchAttribute* attributes;
  uint32_t attribute_count;
};

_Static_assert(sizeof(LaunchAttribute) == 72, "cudaLaunchAttribute");
_Static_assert(sizeof(struct LaunchConfig) == 56, "cudaLaunchConfig_t");

static void read_attribute(Launch* launch, const LaunchAttribute* attribute) {
  switch (attribute->id) {
    case ATTRIBUTE_IGNORE:
      return;
    case ATTRIBUTE_COOPERATIVE:
      launch->cooperative = attribute->value.number != 0;
      return;
    case ATTRIBUTE_CLUSTER_DIMENSION:
      launch->has_cluster = true;
      launch->cluster = attribute->value.dim;
      return;
    case ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION:
      launch->programmatic = attribute->value.number != 0;
      return;
    case ATTRIBUTE_PRIORITY:
      launch->has_priority = true;
      launch->priority = attribute->value.number;
      return;
    default:
      if (attribute->id < 0 || attribute->id > 31 || !(hints >> attribute->id & 1)) {
        refuse(
            "the host code gave a launch the attribute %d, which the stand-in runtime does not "
            "provide",
            attribute->id);
      }
      launch->hints |= 1u << attribute->id;
  }
}

Launch read_launch_config(const LaunchConfig* config) {
  Launch launch;
  memset(&launch, 0, sizeof launch);
  launch.grid = config->grid;
  launch.block = config->block;
  launch.shared_bytes = config->shared_bytes;
  launch.stream = config->stream;
  for (uint32_t i = 0; i < config->attribute_count; ++i) {
    read_attribute(&launch, &config->attributes[i]);
  }
  return launch;
}
