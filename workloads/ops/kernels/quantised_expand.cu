// Quantised weights to f32, f16 or bf16 [out, in], for products with many rows.
//
// One thread makes the 8 values of one lane of the multiplication (see quantised_blocks.cuh).

#include "quantised_blocks.cuh"

namespace quantised {

// weight = scale · integer + offset.
struct Affine {
    float scale, offset;
};

// The integers of a group of 4-bit values as lane t holds them.
__device__ __forceinline__ void nibbles(const unsigned char* unit, unsigned group, unsigned t,
                                        float (&values)[8]) {
    const uint32_t word = *reinterpret_cast<const uint32_t*>(unit + (group / 4) * 64 + t * 16 +
                                                             (group % 4) * 4);
#pragma unroll
    for (int p = 0; p < 4; ++p) {
        values[2 * p] = (word >> (4 * p)) & 15u;
        values[2 * p + 1] = (word >> (16 + 4 * p)) & 15u;
    }
}

// f16 number `group` of a header.
__device__ __forceinline__ float group_scale(const unsigned char* header, unsigned group) {
    return __half2float(reinterpret_cast<const __half*>(header)[group]);
}

struct Q4K {
    static constexpr int PIECES = 2;
    __device__ __forceinline__ static Affine affine(const unsigned char* header, unsigned group) {
        const Scales s(ptx::load(header));
        const unsigned shift = group % 4 * 8;
        const unsigned scale = (group < 4 ? s.scale[0] : s.scale[1]) >> shift & 0xffu;
        const unsigned minimum = (group < 4 ? s.minimum[0] : s.minimum[1]) >> shift & 0xffu;
        return {s.d * scale, -s.dmin * minimum};
    }
    __device__ __forceinline__ static void integers(const unsigned char* unit, unsigned group,
                                                    unsigned t, float (&values)[8]) {
        nibbles(unit, group, t, values);
    }
};

struct Q40 {
    static constexpr int PIECES = 2;
    __device__ __forceinline__ static Affine affine(const unsigned char* header, unsigned group) {
        const float scale = group_scale(header, group);
        return {scale, -8.0f * scale};
    }
    __device__ __forceinline__ static void integers(const unsigned char* unit, unsigned group,
                                                    unsigned t, float (&values)[8]) {
        nibbles(unit, group, t, values);
    }
};

struct Q80 {
    static constexpr int PIECES = 4;
    __device__ __forceinline__ static Affine affine(const unsigned char* header, unsigned group) {
        return {group_scale(header, group), 0.0f};
    }
    __device__ __forceinline__ static void integers(const unsigned char* unit, unsigned group,
                                                    unsigned t, float (&values)[8]) {
        const signed char* bytes = reinterpret_cast<const signed char*>(
            unit + (group / 2) * 64 + t * 16 + (group % 2) * 8);
#pragma unroll
        for (int i = 0; i < 8; ++i) values[i] = bytes[i];
    }
};

template <typename Q, typename T>
__device__ __forceinline__ void expand_all(const unsigned char* weight, T* out,
                                           unsigned out_features, unsigned in_features) {
    ptx::wait_for_previous();
    ptx::let_next_begin();
    constexpr int BYTES = Q::PIECES * 64;
    const unsigned units = (in_features + UNIT - 1) / UNIT;
    const unsigned char* headers = weight + size_t(out_features) * units * BYTES;
    const size_t places = size_t(out_features) * units * (UNIT / 8);
    for (size_t at = size_t(blockIdx.x) * blockDim.x + threadIdx.x; at < places;
         at += size_t(gridDim.x) * blockDim.x) {
        const size_t unit = at / (UNIT / 8);
        const unsigned t = at % 4, group = (at / 4) % GROUPS;
        const unsigned row = unit / units, k = unit % units * UNIT + group * 32 + t * 8;
        if (k >= in_features) continue;
        const Affine affine = Q::affine(headers + unit * 16, group);
        float values[8];
        Q::integers(weight + unit * BYTES, group, t, values);
        T* to = out + size_t(row) * in_features + k;
#pragma unroll
        for (int first = 0; first < 8; first += WIDE<T>) {
            Lanes<T, WIDE<T>> lanes;
#pragma unroll
            for (int i = 0; i < WIDE<T>; ++i)
                lanes.v[i] = fmaf(affine.scale, values[first + i], affine.offset);
            lanes.store(to + first);
        }
    }
}

}  // namespace quantised

#define EXPAND(NAME, Q, T)                                                                     \
    extern "C" __global__ void __launch_bounds__(256)                                          \
        NAME(const unsigned char* weight, T* out, unsigned out_features, unsigned in_features) { \
        quantised::expand_all<quantised::Q, T>(weight, out, out_features, in_features);        \
    }

EXPAND(quantised_expand_q4k_f32, Q4K, float)
EXPAND(quantised_expand_q4k_bf16, Q4K, __nv_bfloat16)
EXPAND(quantised_expand_q4k_f16, Q4K, __half)
EXPAND(quantised_expand_q40_f32, Q40, float)
EXPAND(quantised_expand_q40_bf16, Q40, __nv_bfloat16)
EXPAND(quantised_expand_q40_f16, Q40, __half)
EXPAND(quantised_expand_q80_f32, Q80, float)
EXPAND(quantised_expand_q80_bf16, Q80, __nv_bfloat16)
EXPAND(quantised_expand_q80_f16, Q80, __half)
