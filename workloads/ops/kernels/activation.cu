// Activations between linear layers and convolutions: one vector of 16 bytes per thread and operand.
//
// Floor: each value read once and written once.

#include "vector.cuh"

namespace {

// 1/(1 + e^-x)
__device__ __forceinline__ float sigmoid(float x) { return 1.0f / (1.0f + __expf(-x)); }

// x/2 (1 + tanh u) = x · sigmoid(2u), u = √(2/π) (x + 0.044715 x³)
__device__ __forceinline__ float gelu_tanh(float x) {
    return x * sigmoid(1.5957691216057308f * (x + 0.044715f * x * x * x));
}

// x/2 (1 + erf(x/√2)). For 16-bit results by the approximation 7.1.26 of Abramowitz and Stegun,
// whose error of 1.5e-7 they cannot show.
template <typename T>
__device__ __forceinline__ float gelu_erf(float x) {
    const float u = x * 0.70710678118654752f;
    if constexpr (sizeof(T) == 4) {
        return 0.5f * x * (1.0f + erff(u));
    } else {
        const float a = fabsf(u);
        const float t = __fdividef(1.0f, 1.0f + 0.3275911f * a);
        const float poly =
            t * (0.254829592f +
                 t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f + t * 1.061405429f))));
        const float tail = poly * __expf(-a * a);  // 1 - erf|u|
        return 0.5f * x * (u < 0.0f ? tail : 2.0f - tail);
    }
}

enum class Each { GeluErf, GeluTanh, Silu, Relu, QuickGelu };

template <typename T, Each WHICH>
__device__ __forceinline__ float activated(float x) {
    if constexpr (WHICH == Each::GeluErf) return gelu_erf<T>(x);
    if constexpr (WHICH == Each::GeluTanh) return gelu_tanh(x);
    if constexpr (WHICH == Each::Silu) return x * sigmoid(x);
    if constexpr (WHICH == Each::QuickGelu) return x * sigmoid(1.702f * x);
    return fmaxf(x, 0.0f);
}

template <typename T, int LANES, Each WHICH>
__device__ __forceinline__ void each(const T* x, T* out, unsigned vectors) {
    ptx::wait_for_previous();
    ptx::let_next_begin();
    const unsigned index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= vectors) return;
    const size_t at = size_t(index) * LANES;
    auto values = Lanes<T, LANES>::load(x + at);
#pragma unroll
    for (int i = 0; i < LANES; ++i) values.v[i] = activated<T, WHICH>(values.v[i]);
    values.store(out + at);
}

enum class Gated { SiluMul, Geglu };

// Products of the halves of rows: silu(first) · second, or first · gelu(second).
template <typename T, int LANES, Gated WHICH>
__device__ __forceinline__ void gated(const T* both, T* out, unsigned vectors,
                                      unsigned row_vectors) {
    ptx::wait_for_previous();
    ptx::let_next_begin();
    const unsigned index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= vectors) return;
    const unsigned row = index / row_vectors;
    const T* half = both + (size_t(index) + size_t(row) * row_vectors) * LANES;
    const auto first = Lanes<T, LANES>::load(half);
    auto second = Lanes<T, LANES>::load(half + size_t(row_vectors) * LANES);
#pragma unroll
    for (int i = 0; i < LANES; ++i) {
        const float a = first.v[i], b = second.v[i];
        second.v[i] = WHICH == Gated::SiluMul ? b * (a * sigmoid(a)) : a * gelu_erf<T>(b);
    }
    second.store(out + size_t(index) * LANES);
}

}  // namespace

#define EACH(NAME, WHICH, SUFFIX, T, LANES)                                                  \
    extern "C" __global__ void NAME##_##SUFFIX(const T* x, T* out, unsigned vectors) {       \
        each<T, LANES, Each::WHICH>(x, out, vectors);                                        \
    }

#define GATED(NAME, WHICH, SUFFIX, T, LANES)                                                 \
    extern "C" __global__ void NAME##_##SUFFIX(const T* both, T* out, unsigned vectors,      \
                                               unsigned row_vectors) {                       \
        gated<T, LANES, Gated::WHICH>(both, out, vectors, row_vectors);                      \
    }

#define ACTIVATIONS(SUFFIX, T, LANES)               \
    EACH(gelu_erf, GeluErf, SUFFIX, T, LANES)       \
    EACH(gelu_tanh, GeluTanh, SUFFIX, T, LANES)     \
    EACH(silu, Silu, SUFFIX, T, LANES)              \
    EACH(relu, Relu, SUFFIX, T, LANES)              \
    EACH(quick_gelu, QuickGelu, SUFFIX, T, LANES)   \
    GATED(silu_mul, SiluMul, SUFFIX, T, LANES)      \
    GATED(geglu, Geglu, SUFFIX, T, LANES)

ACTIVATIONS(f32, float, WIDE<float>)
ACTIVATIONS(f16, __half, WIDE<__half>)
ACTIVATIONS(bf16, __nv_bfloat16, WIDE<__nv_bfloat16>)
ACTIVATIONS(f32_narrow, float, 1)
ACTIVATIONS(f16_narrow, __half, 1)
ACTIVATIONS(bf16_narrow, __nv_bfloat16, 1)
