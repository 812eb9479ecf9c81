// Activations between linear layers and convolutions: one vector of 16 bytes per thread and operand.
//
// Floor: each value read once and written once.

#include "activation.cuh"
#include "vector.cuh"

namespace {

enum class Each { GeluErf, GeluTanh, Silu, Relu, QuickGelu };

template <typename T, Each WHICH>
__device__ __forceinline__ float activated(float x) {
    if constexpr (WHICH == Each::GeluErf) return gelu_erf<T>(x);
    if constexpr (WHICH == Each::GeluTanh) return gelu_tanh(x);
    if constexpr (WHICH == Each::Silu) return times_sigmoid(x, x);
    if constexpr (WHICH == Each::QuickGelu) return times_sigmoid(x, 1.702f * x);
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
        second.v[i] = WHICH == Gated::SiluMul ? b * times_sigmoid(a, a) : a * gelu_erf<T>(b);
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
