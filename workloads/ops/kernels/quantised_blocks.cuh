// Quantised weights as the kernels read them: the numbers of GGUF blocks in another order.
//
// A GGUF block is 18, 34 or 144 bytes long, so its parts are not aligned for wide loads, and the
// values that one thread of a tensor-core multiplication needs lie apart. `src/quantised/pack.rs`
// brings a matrix into this form when it is loaded. Per row of the weight, a unit is 256 values,
// thus 8 groups of 32; rows that are no multiple of 256 end in groups of scale zero.
//
//   quants  [row][unit][piece][t = 0..3][16 bytes]   a quad of lanes reads 64 bytes side by side
//   header  [row][unit][16 bytes]
//
// Lane t of a quad holds values 8t..8t+7 of each group.
//   4 bits: 2 pieces of 4 groups; a group is one word, value 8t+2p in bits 4p..4p+3 and value
//           8t+2p+1 in bits 16+4p..16+4p+3 (p = 0..3), so that one mask gives a pair of neighbours.
//   8 bits: 4 pieces of 2 groups; a group is 8 signed bytes in order.
// Header of Q4_K: d and dmin as f16, then the 12 bytes of 6-bit scales and minima as GGUF has them.
// Header of Q4_0 and Q8_0: the f16 scales of the 8 groups.
//
// Source of the formats: block_q4_0, block_q8_0, block_q4_K and get_scale_min_k4 of ggml.
#pragma once

#include "ptx.cuh"
#include "vector.cuh"

namespace quantised {

constexpr int UNIT = 256;
constexpr int GROUPS = 8;

__device__ __forceinline__ uint32_t word_of(uint4 v, int i) {
    return i == 0 ? v.x : i == 1 ? v.y : i == 2 ? v.z : v.w;
}

// A byte of a word as a float, without the slow conversion: 2^23 + byte, less 2^23.
__device__ __forceinline__ float byte_of(uint32_t word, int i) {
    return __uint_as_float(__byte_perm(word, 0x4b000000u, 0x7540u + i)) - 8388608.0f;
}

// The lower or upper f16 of a word.
__device__ __forceinline__ float half_of(uint32_t word, int i) {
    const uint16_t bits = i ? word >> 16 : word & 0xffffu;
    return __half2float(reinterpret_cast<const __half&>(bits));
}

// One of the f16 scales of 8 groups.
__device__ __forceinline__ float scale_of(uint4 header, int group) {
    return half_of(word_of(header, group / 2), group % 2);
}

// d, dmin and the scales and minima of 8 groups of Q4_K.
struct Scales {
    float d, dmin;
    uint32_t scale[2], minimum[2];  // one byte each

    __device__ __forceinline__ explicit Scales(uint4 header)
        : d(half_of(header.x, 0)), dmin(half_of(header.x, 1)) {
        scale[0] = header.y & 0x3f3f3f3fu;
        minimum[0] = header.z & 0x3f3f3f3fu;
        scale[1] = (header.w & 0x0f0f0f0fu) | ((header.y >> 2) & 0x30303030u);
        minimum[1] = ((header.w >> 4) & 0x0f0f0f0fu) | ((header.z >> 2) & 0x30303030u);
    }
};

// A small whole number becomes a T by writing it into the last places of a power of two whose last
// place is 1.
template <typename T>
struct Whole;
template <>
struct Whole<__nv_bfloat16> {
    static constexpr uint32_t PATTERN = 0x43004300u;  // 128, twice: room for 7 bits
    static constexpr float BASE = 128.0f;
};
template <>
struct Whole<__half> {
    static constexpr uint32_t PATTERN = 0x64006400u;  // 1,024, twice: room for 10 bits
    static constexpr float BASE = 1024.0f;
};

// a - b of two pairs of T.
template <typename T>
__device__ __forceinline__ uint32_t subtract(uint32_t a, uint32_t b) {
    if constexpr (Whole<T>::PATTERN == 0x43004300u) {
        const __nv_bfloat162 d = __hsub2(reinterpret_cast<const __nv_bfloat162&>(a),
                                         reinterpret_cast<const __nv_bfloat162&>(b));
        return reinterpret_cast<const uint32_t&>(d);
    } else {
        const __half2 d =
            __hsub2(reinterpret_cast<const __half2&>(a), reinterpret_cast<const __half2&>(b));
        return reinterpret_cast<const uint32_t&>(d);
    }
}

}  // namespace quantised
