// CUDA C++ for g++, included in front of every kernel file. The words __global__, __shared__ and
// __launch_bounds__ are dealt with by the test, which compiles the files (src/cuda/emulated).
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "runtime.h"

#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __restrict__
#define __align__(BYTES) __attribute__((aligned(BYTES)))

#include "formats.h"
#include "functions.h"
#include "warp.h"
#include "tensor_core.h"
