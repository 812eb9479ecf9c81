// What the lanes of a warp do together with matrices.
#pragma once

#include <type_traits>

#include "formats.h"
#include "runtime.h"

namespace emulation {

enum class Format { F16, Bf16, Tf32 };

template <typename T>
constexpr Format format_of() {
    static_assert(std::is_same_v<T, __half> || std::is_same_v<T, __nv_bfloat16>);
    return std::is_same_v<T, __half> ? Format::F16 : Format::Bf16;
}

// ldmatrix of 1, 2 or 4 matrices of 8 rows of 16 bytes: lane 8 i + r names row r of matrix i.
void load_matrices(uint32_t* r, int count, bool transposed, const void* row, Site site);

// d += a · b, 16×8 by a depth of 16 (8 in tf32).
void multiply(float* d, const uint32_t* a, const uint32_t* b, Format format, Site site);

// d += a · b of signed bytes, 16×8 by a depth of 32.
void multiply_bytes(int* d, const uint32_t* a, const uint32_t* b, Site site);

}  // namespace emulation
