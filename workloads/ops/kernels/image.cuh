// What the kernels of pictures share. Pictures are [batch, height, width, channels]; a thread works
// on a vector of neighbouring channels of one pixel.
#pragma once

#include "vector.cuh"

// The numbers that the host gives the activations.
enum : unsigned {
    IDENTITY = 0,
    RELU = 1,
    RELU6 = 2,
    LEAKY_RELU = 3,
    SILU = 4,
    SIGMOID = 5,
    GELU = 6,
};

__device__ __forceinline__ float activate(unsigned activation, float slope, float x) {
    switch (activation) {
        case RELU: return fmaxf(x, 0.0f);
        case RELU6: return fminf(fmaxf(x, 0.0f), 6.0f);
        case LEAKY_RELU: return x > 0.0f ? x : x * slope;
        case SILU: return x / (1.0f + __expf(-x));
        case SIGMOID: return 1.0f / (1.0f + __expf(-x));
        case GELU: return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f));
        default: return x;
    }
}

// The last step of an operation: activation(values + addend at `at`), stored at `at`.
template <typename T, int LANES>
__device__ __forceinline__ void finish(Lanes<T, LANES> values, const T* addend, T* out, size_t at,
                                       unsigned activation, float slope) {
    if (addend != nullptr) {
        const auto added = Lanes<T, LANES>::load(addend + at);
#pragma unroll
        for (int i = 0; i < LANES; ++i) values.v[i] += added.v[i];
    }
#pragma unroll
    for (int i = 0; i < LANES; ++i) values.v[i] = activate(activation, slope, values.v[i]);
    values.store(out + at);
}

// A pixel of pictures of this size, by its number.
struct Pixel {
    unsigned column, row, picture;

    __device__ __forceinline__ Pixel(unsigned number, unsigned height, unsigned width)
        : column(number % width), row(number / width % height), picture(number / width / height) {}
};

template <typename T, int LANES>
__device__ __forceinline__ Lanes<T, LANES> zeros() {
    Lanes<T, LANES> values;
#pragma unroll
    for (int i = 0; i < LANES; ++i) values.v[i] = 0.0f;
    return values;
}

// Every format, with vectors of 16 bytes and with single values.
#define FOR_ALL_FORMATS(MACRO)                     \
    MACRO(f32, float, WIDE<float>)                 \
    MACRO(f16, __half, WIDE<__half>)               \
    MACRO(bf16, __nv_bfloat16, WIDE<__nv_bfloat16>) \
    MACRO(f32_narrow, float, 1)                    \
    MACRO(f16_narrow, __half, 1)                   \
    MACRO(bf16_narrow, __nv_bfloat16, 1)
