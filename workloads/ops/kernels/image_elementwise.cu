// Sums, scales and activations of pictures: one vector of 16 bytes per thread and operand.
//
// Floor: each value read once and written once.

#include "image.cuh"

namespace {

template <typename T, int LANES>
__device__ __forceinline__ void finish_all(const T* x, const T* bias, const T* addend, T* out,
                                           unsigned vectors, unsigned row_vectors,
                                           unsigned activation, float slope) {
    ptx::wait_for_previous();
    ptx::let_next_begin();
    const unsigned index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= vectors) return;
    const size_t at = size_t(index) * LANES;
    auto values = Lanes<T, LANES>::load(x + at);
    if (bias != nullptr) {
        const auto b = Lanes<T, LANES>::load(bias + size_t(index % row_vectors) * LANES);
#pragma unroll
        for (int i = 0; i < LANES; ++i) values.v[i] += b.v[i];
    }
    finish<T, LANES>(values, addend, out, at, activation, slope);
}

template <typename T, int LANES>
__device__ __forceinline__ void scale_channels(const T* x, const T* scale, T* out,
                                               unsigned vectors, unsigned row_vectors,
                                               unsigned picture_vectors) {
    ptx::wait_for_previous();
    ptx::let_next_begin();
    const unsigned index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= vectors) return;
    const unsigned row = index / picture_vectors * row_vectors + index % row_vectors;
    auto values = Lanes<T, LANES>::load(x + size_t(index) * LANES);
    const auto s = Lanes<T, LANES>::load(scale + size_t(row) * LANES);
#pragma unroll
    for (int i = 0; i < LANES; ++i) values.v[i] *= s.v[i];
    values.store(out + size_t(index) * LANES);
}

template <typename T, int LANES>
__device__ __forceinline__ void weighted_sum(const T* a, const T* b, const T* c, T* out,
                                             unsigned vectors, float of_a, float of_b, float of_c,
                                             unsigned activation, float slope) {
    ptx::wait_for_previous();
    ptx::let_next_begin();
    const unsigned index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= vectors) return;
    const size_t at = size_t(index) * LANES;
    auto sum = Lanes<T, LANES>::load(a + at);
#pragma unroll
    for (int i = 0; i < LANES; ++i) sum.v[i] *= of_a;
    if (b != nullptr) {
        const auto more = Lanes<T, LANES>::load(b + at);
#pragma unroll
        for (int i = 0; i < LANES; ++i) sum.v[i] += of_b * more.v[i];
    }
    if (c != nullptr) {
        const auto more = Lanes<T, LANES>::load(c + at);
#pragma unroll
        for (int i = 0; i < LANES; ++i) sum.v[i] += of_c * more.v[i];
    }
    finish<T, LANES>(sum, nullptr, out, at, activation, slope);
}

}  // namespace

#define ELEMENTWISE(SUFFIX, T, LANES)                                                             \
    extern "C" __global__ void __launch_bounds__(256) image_finish_##SUFFIX(                      \
        const T* x, const T* bias, const T* addend, T* out, unsigned vectors,                     \
        unsigned row_vectors, unsigned activation, float slope) {                                 \
        finish_all<T, LANES>(x, bias, addend, out, vectors, row_vectors, activation, slope);      \
    }                                                                                             \
    extern "C" __global__ void __launch_bounds__(256) scale_channels_##SUFFIX(                    \
        const T* x, const T* scale, T* out, unsigned vectors, unsigned row_vectors,               \
        unsigned picture_vectors) {                                                               \
        scale_channels<T, LANES>(x, scale, out, vectors, row_vectors, picture_vectors);           \
    }                                                                                             \
    extern "C" __global__ void __launch_bounds__(256) weighted_sum_##SUFFIX(                      \
        const T* a, const T* b, const T* c, T* out, unsigned vectors, float of_a, float of_b,     \
        float of_c, unsigned activation, float slope) {                                           \
        weighted_sum<T, LANES>(a, b, c, out, vectors, of_a, of_b, of_c, activation, slope);       \
    }

FOR_ALL_FORMATS(ELEMENTWISE)
