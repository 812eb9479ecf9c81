// Values of f32, f16 and bf16 in vectors of 16 bytes, computed with in f32.
#pragma once

#include <cstdint>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "ptx.cuh"

// One value to and from f32.
__device__ __forceinline__ float to_float(float x) { return x; }
__device__ __forceinline__ float to_float(__half x) { return __half2float(x); }
__device__ __forceinline__ float to_float(__nv_bfloat16 x) { return __bfloat162float(x); }

template <typename T>
__device__ __forceinline__ T from_float(float x);
template <>
__device__ __forceinline__ float from_float<float>(float x) {
    return x;
}
template <>
__device__ __forceinline__ __half from_float<__half>(float x) {
    return __float2half_rn(x);
}
template <>
__device__ __forceinline__ __nv_bfloat16 from_float<__nv_bfloat16>(float x) {
    return __float2bfloat16_rn(x);
}

// `LANES` neighbouring values of T: 16 bytes wide where rows allow it, otherwise a single one.
template <typename T, int LANES>
struct Lanes {
    float v[LANES];

    __device__ __forceinline__ static Lanes load(const T* address) {
        Lanes out;
        if constexpr (LANES * sizeof(T) == 16) {
            const uint4 raw = ptx::load(address);
            const T* values = reinterpret_cast<const T*>(&raw);
#pragma unroll
            for (int i = 0; i < LANES; ++i) out.v[i] = to_float(values[i]);
        } else {
#pragma unroll
            for (int i = 0; i < LANES; ++i) out.v[i] = to_float(address[i]);
        }
        return out;
    }

    __device__ __forceinline__ void store(T* address) const {
        if constexpr (LANES * sizeof(T) == 16) {
            uint4 raw;
            T* values = reinterpret_cast<T*>(&raw);
#pragma unroll
            for (int i = 0; i < LANES; ++i) values[i] = from_float<T>(v[i]);
            ptx::store(address, raw);
        } else {
#pragma unroll
            for (int i = 0; i < LANES; ++i) address[i] = from_float<T>(v[i]);
        }
    }
};

// How many values of T are 16 bytes.
template <typename T>
constexpr int WIDE = 16 / sizeof(T);
