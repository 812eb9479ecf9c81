// RMSNorm and LayerNorm of rows, with the sum that precedes them in a transformer.
//
// One block per row; the row stays in registers between the passes. Bytes per element: one read
// and one write of x (plus one read of delta and, where the residual is kept, one write of it).

#include "reduce.cuh"
#include "vector.cuh"

namespace {

enum class Sum {
    None,      // normalise x
    Residual,  // x += delta, kept; normalise what was kept
    Post,      // normalise x + delta; x stays
};

// Vectors that a thread holds. With at most 1,024 threads: rows up to 4,096 vectors.
constexpr int HELD = 4;

template <typename T, int LANES, bool LAYER, Sum SUM>
__device__ __forceinline__ void normalise(T* x, const T* delta, const T* weight, const T* bias,
                                          T* out, unsigned columns, float epsilon) {
    __shared__ float scratch[32];
    const size_t row = size_t(blockIdx.x) * columns;
    const unsigned vectors = columns / LANES;
    ptx::wait_for_previous();
    ptx::let_next_begin();

    Lanes<T, LANES> held[HELD];
    float sum = 0.0f;
#pragma unroll
    for (int k = 0; k < HELD; ++k) {
        const unsigned index = threadIdx.x + k * blockDim.x;
        if (index >= vectors) break;
        const size_t at = row + size_t(index) * LANES;
        held[k] = Lanes<T, LANES>::load(x + at);
        if constexpr (SUM != Sum::None) {
            const auto added = Lanes<T, LANES>::load(delta + at);
#pragma unroll
            for (int i = 0; i < LANES; ++i) held[k].v[i] += added.v[i];
        }
        if constexpr (SUM == Sum::Residual) {
            held[k].store(x + at);
            // The norm sees what the residual keeps, not what it was before rounding.
#pragma unroll
            for (int i = 0; i < LANES; ++i) held[k].v[i] = to_float(from_float<T>(held[k].v[i]));
        }
#pragma unroll
        for (int i = 0; i < LANES; ++i) sum += LAYER ? held[k].v[i] : held[k].v[i] * held[k].v[i];
    }
    const float mean = block_sum(sum, scratch) / columns;
    float variance = mean;
    if constexpr (LAYER) {
        float squares = 0.0f;
#pragma unroll
        for (int k = 0; k < HELD; ++k) {
            if (threadIdx.x + k * blockDim.x >= vectors) break;
#pragma unroll
            for (int i = 0; i < LANES; ++i) {
                held[k].v[i] -= mean;
                squares += held[k].v[i] * held[k].v[i];
            }
        }
        variance = block_sum(squares, scratch) / columns;
    }
    const float scale = 1.0f / sqrtf(variance + epsilon);
#pragma unroll
    for (int k = 0; k < HELD; ++k) {
        const unsigned index = threadIdx.x + k * blockDim.x;
        if (index >= vectors) break;
        const size_t column = size_t(index) * LANES;
        const auto w = Lanes<T, LANES>::load(weight + column);
        if constexpr (LAYER) {
            const auto b = Lanes<T, LANES>::load(bias + column);
#pragma unroll
            for (int i = 0; i < LANES; ++i)
                held[k].v[i] = held[k].v[i] * scale * w.v[i] + b.v[i];
        } else {
#pragma unroll
            for (int i = 0; i < LANES; ++i) held[k].v[i] = held[k].v[i] * scale * w.v[i];
        }
        held[k].store(out + row + column);
    }
}

}  // namespace

#define NORMS(SUFFIX, T, LANES)                                                                    \
    extern "C" __global__ void __launch_bounds__(1024) rms_norm_##SUFFIX(                          \
        const T* x, const T* weight, T* out, unsigned columns, float epsilon) {                    \
        normalise<T, LANES, false, Sum::None>(const_cast<T*>(x), nullptr, weight, nullptr, out,    \
                                              columns, epsilon);                                   \
    }                                                                                              \
    extern "C" __global__ void __launch_bounds__(1024) add_rms_norm_##SUFFIX(                      \
        T* residual, const T* delta, const T* weight, T* out, unsigned columns, float epsilon) {   \
        normalise<T, LANES, false, Sum::Residual>(residual, delta, weight, nullptr, out, columns,  \
                                                  epsilon);                                        \
    }                                                                                              \
    extern "C" __global__ void __launch_bounds__(1024) layer_norm_##SUFFIX(                        \
        const T* x, const T* weight, const T* bias, T* out, unsigned columns, float epsilon) {     \
        normalise<T, LANES, true, Sum::None>(const_cast<T*>(x), nullptr, weight, bias, out,        \
                                             columns, epsilon);                                    \
    }                                                                                              \
    extern "C" __global__ void __launch_bounds__(1024) add_layer_norm_##SUFFIX(                    \
        T* residual, const T* delta, const T* weight, const T* bias, T* out, unsigned columns,     \
        float epsilon) {                                                                           \
        normalise<T, LANES, true, Sum::Residual>(residual, delta, weight, bias, out, columns,      \
                                                 epsilon);                                         \
    }                                                                                              \
    extern "C" __global__ void __launch_bounds__(1024) add_layer_norm_post_##SUFFIX(               \
        const T* x, const T* delta, const T* weight, const T* bias, T* out, unsigned columns,      \
        float epsilon) {                                                                           \
        normalise<T, LANES, true, Sum::Post>(const_cast<T*>(x), delta, weight, bias, out, columns, \
                                             epsilon);                                             \
    }

NORMS(f32, float, WIDE<float>)
NORMS(f16, __half, WIDE<__half>)
NORMS(bf16, __nv_bfloat16, WIDE<__nv_bfloat16>)
NORMS(f32_narrow, float, 1)
NORMS(f16_narrow, __half, 1)
NORMS(bf16_narrow, __nv_bfloat16, 1)
