// Pools: one vector of channels of one result per thread; the global mean, one block for some
// channels of a picture.
//
// Floor: each value read once (windows that share values find them in the cache).

#include "image.cuh"

namespace {

template <typename T, int LANES, bool LARGEST>
__device__ __forceinline__ void pool(const T* x, T* out, unsigned vectors, unsigned row_vectors,
                                     unsigned height, unsigned width, unsigned out_height,
                                     unsigned out_width, unsigned kernel_height,
                                     unsigned kernel_width, unsigned stride_down,
                                     unsigned stride_across, unsigned padding_above,
                                     unsigned padding_left, unsigned count_padding) {
    ptx::wait_for_previous();
    ptx::let_next_begin();
    const unsigned index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= vectors) return;
    const unsigned place = index % row_vectors;
    const auto [column, row, picture] = Pixel(index / row_vectors, out_height, out_width);
    const int top = int(row * stride_down) - int(padding_above);
    const int left = int(column * stride_across) - int(padding_left);
    const int y_end = min(top + int(kernel_height), int(height));
    const int x_end = min(left + int(kernel_width), int(width));
    Lanes<T, LANES> result;
#pragma unroll
    for (int i = 0; i < LANES; ++i) result.v[i] = LARGEST ? -INFINITY : 0.0f;
    unsigned seen = 0;
    for (int y = max(top, 0); y < y_end; ++y) {
        for (int x_at = max(left, 0); x_at < x_end; ++x_at) {
            const size_t from = (size_t(picture) * height + y) * width + x_at;
            const auto values = Lanes<T, LANES>::load(x + (from * row_vectors + place) * LANES);
#pragma unroll
            for (int i = 0; i < LANES; ++i)
                result.v[i] =
                    LARGEST ? fmaxf(result.v[i], values.v[i]) : result.v[i] + values.v[i];
            ++seen;
        }
    }
    if (!LARGEST) {
        const float count = float(count_padding ? kernel_height * kernel_width : seen);
#pragma unroll
        for (int i = 0; i < LANES; ++i) result.v[i] /= count;
    }
    result.store(out + size_t(index) * LANES);
}

constexpr unsigned THREADS = 512;

// A block is `across` vectors of channels by the rest of its threads, which share the pixels.
template <typename T, int LANES>
__device__ __forceinline__ void global_average(const T* x, T* out, unsigned row_vectors,
                                               unsigned pixels, unsigned across) {
    __shared__ float sums[THREADS * LANES];
    ptx::wait_for_previous();
    ptx::let_next_begin();
    const unsigned own = threadIdx.x % across, part = threadIdx.x / across;
    const unsigned parts = blockDim.x / across;
    const unsigned place = blockIdx.x * across + own, picture = blockIdx.y;
    auto sum = zeros<T, LANES>();
    if (place < row_vectors) {
        const T* first = x + (size_t(picture) * pixels * row_vectors + place) * LANES;
#pragma unroll 4
        for (unsigned pixel = part; pixel < pixels; pixel += parts) {
            const auto values = Lanes<T, LANES>::load(first + size_t(pixel) * row_vectors * LANES);
#pragma unroll
            for (int i = 0; i < LANES; ++i) sum.v[i] += values.v[i];
        }
    }
#pragma unroll
    for (int i = 0; i < LANES; ++i) sums[i * THREADS + threadIdx.x] = sum.v[i];
    __syncthreads();
    for (unsigned half = parts / 2; half > 0; half /= 2) {
        if (part < half) {
#pragma unroll
            for (int i = 0; i < LANES; ++i)
                sums[i * THREADS + threadIdx.x] += sums[i * THREADS + threadIdx.x + half * across];
        }
        __syncthreads();
    }
    if (part == 0 && place < row_vectors) {
#pragma unroll
        for (int i = 0; i < LANES; ++i) sum.v[i] = sums[i * THREADS + own] / float(pixels);
        sum.store(out + (size_t(picture) * row_vectors + place) * LANES);
    }
}

}  // namespace

#define POOLS(SUFFIX, T, LANES)                                                                    \
    extern "C" __global__ void __launch_bounds__(256) max_pool2d_##SUFFIX(                         \
        const T* x, T* out, unsigned vectors, unsigned row_vectors, unsigned height,               \
        unsigned width, unsigned out_height, unsigned out_width, unsigned kernel_height,           \
        unsigned kernel_width, unsigned stride_down, unsigned stride_across,                       \
        unsigned padding_above, unsigned padding_left, unsigned count_padding) {                   \
        pool<T, LANES, true>(x, out, vectors, row_vectors, height, width, out_height, out_width,   \
                             kernel_height, kernel_width, stride_down, stride_across,              \
                             padding_above, padding_left, count_padding);                          \
    }                                                                                              \
    extern "C" __global__ void __launch_bounds__(256) avg_pool2d_##SUFFIX(                         \
        const T* x, T* out, unsigned vectors, unsigned row_vectors, unsigned height,               \
        unsigned width, unsigned out_height, unsigned out_width, unsigned kernel_height,           \
        unsigned kernel_width, unsigned stride_down, unsigned stride_across,                       \
        unsigned padding_above, unsigned padding_left, unsigned count_padding) {                   \
        pool<T, LANES, false>(x, out, vectors, row_vectors, height, width, out_height, out_width,  \
                              kernel_height, kernel_width, stride_down, stride_across,             \
                              padding_above, padding_left, count_padding);                         \
    }                                                                                              \
    extern "C" __global__ void __launch_bounds__(THREADS) global_average_##SUFFIX(                 \
        const T* x, T* out, unsigned row_vectors, unsigned pixels, unsigned across) {              \
        global_average<T, LANES>(x, out, row_vectors, pixels, across);                             \
    }

FOR_ALL_FORMATS(POOLS)
