// Activations of one value, as few instructions as its format allows.
#pragma once

#include "ptx.cuh"

// x / (1 + e^-z); where e^-z overflows, 0.
__device__ __forceinline__ float times_sigmoid(float x, float z) {
    return x * ptx::reciprocal_fast(1.0f + ptx::exp2_fast(z * -1.44269504f));
}

// x/2 (1 + tanh u) = x · sigmoid(2u), u = √(2/π) (x + 0.044715 x³)
__device__ __forceinline__ float gelu_tanh(float x) {
    return times_sigmoid(x, 1.5957691216057308f * (x + 0.044715f * x * x * x));
}

// x/2 (1 + erf(x/√2)). For 16-bit results by the approximation 7.1.26 of Abramowitz and Stegun,
// whose error of 1.5e-7 they cannot show: with t = 1/(1 + 0.3275911 a), a = |x|/√2, it is
// 1 - erf a = t (0.254829592 + t (...)) e^(-a²), and GELU is max(x, 0) - |x|/2 · (1 - erf a). Its
// constants are folded into those of the polynomial: at the bandwidth of the memory there is time
// for about twenty instructions for each value.
template <typename T>
__device__ __forceinline__ float gelu_erf(float x) {
    if constexpr (sizeof(T) == 4) {
        return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f));
    } else {
        const float size = fabsf(x);
        const float t = ptx::reciprocal_fast(fmaf(0.3275911f * 0.70710678f, size, 1.0f));
        const float poly =
            t * fmaf(t, fmaf(t, fmaf(t, fmaf(t, -0.5f * 1.061405429f, 0.5f * 1.453152027f),
                                     -0.5f * 1.421413741f),
                             0.5f * 0.284496736f),
                     -0.5f * 0.254829592f);
        // e^(-x²/2)
        const float bell = ptx::exp2_fast(x * (x * (-0.5f * 1.44269504f)));
        return fmaf(poly, size * bell, fmaxf(x, 0.0f));
    }
}
