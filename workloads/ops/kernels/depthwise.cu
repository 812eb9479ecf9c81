// Depthwise convolutions: each channel by itself.
//
// Floor: one read of the picture and one write of the result. Where the window has a size and a
// stride that are known here, a thread makes four neighbouring results of a row, so that it loads
// each value once for all that need it; otherwise one.

#include "image.cuh"

namespace {

struct Picture {
    unsigned row_vectors, height, width, out_height, out_width, padding_above, padding_left;
};

constexpr int RESULTS = 4;

template <typename T, int KERNEL, int STRIDE>
__device__ __forceinline__ void depthwise_row(const T* x, const T* weight, const T* bias,
                                              const T* addend, T* out, unsigned vectors,
                                              const Picture& p, unsigned activation, float slope) {
    constexpr int LANES = WIDE<T>;
    ptx::wait_for_previous();
    ptx::let_next_begin();
    const unsigned index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= vectors) return;
    const unsigned groups = (p.out_width + RESULTS - 1) / RESULTS;
    const unsigned place = index % p.row_vectors, rest = index / p.row_vectors;
    const unsigned first = rest % groups * RESULTS, line = rest / groups;
    const unsigned row = line % p.out_height, picture = line / p.out_height;
    const int top = int(row * STRIDE) - int(p.padding_above);
    const int left = int(first * STRIDE) - int(p.padding_left);
    Lanes<T, LANES> sums[RESULTS];
#pragma unroll
    for (int r = 0; r < RESULTS; ++r)
        sums[r] = bias != nullptr ? Lanes<T, LANES>::load(bias + size_t(place) * LANES)
                                  : zeros<T, LANES>();
    for (int i = 0; i < KERNEL; ++i) {
        const int y = top + i;
        if (y < 0 || y >= int(p.height)) continue;
        Lanes<T, LANES> weights[KERNEL];
#pragma unroll
        for (int j = 0; j < KERNEL; ++j)
            weights[j] = Lanes<T, LANES>::load(
                weight + (size_t(i * KERNEL + j) * p.row_vectors + place) * LANES);
        const T* from =
            x + ((size_t(picture) * p.height + y) * p.width * p.row_vectors + place) * LANES;
#pragma unroll
        for (int u = 0; u < (RESULTS - 1) * STRIDE + KERNEL; ++u) {
            const int column = left + u;
            if (column < 0 || column >= int(p.width)) continue;
            const auto values =
                Lanes<T, LANES>::load(from + size_t(column) * p.row_vectors * LANES);
#pragma unroll
            for (int r = 0; r < RESULTS; ++r) {
                const int j = u - r * STRIDE;
                if (j < 0 || j >= KERNEL) continue;
#pragma unroll
                for (int l = 0; l < LANES; ++l) sums[r].v[l] += values.v[l] * weights[j].v[l];
            }
        }
    }
    const size_t to = (size_t(picture) * p.out_height + row) * p.out_width + first;
#pragma unroll
    for (int r = 0; r < RESULTS; ++r) {
        if (first + r >= p.out_width) break;
        finish<T, LANES>(sums[r], addend, out, ((to + r) * p.row_vectors + place) * LANES,
                         activation, slope);
    }
}

template <typename T, int LANES>
__device__ __forceinline__ void depthwise(const T* x, const T* weight, const T* bias,
                                          const T* addend, T* out, unsigned vectors,
                                          const Picture& p, unsigned kernel_height,
                                          unsigned kernel_width, unsigned stride_down,
                                          unsigned stride_across, unsigned dilation_down,
                                          unsigned dilation_across, unsigned activation,
                                          float slope) {
    ptx::wait_for_previous();
    ptx::let_next_begin();
    const unsigned index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= vectors) return;
    const unsigned place = index % p.row_vectors;
    const auto [column, row, picture] = Pixel(index / p.row_vectors, p.out_height, p.out_width);
    auto sum = bias != nullptr ? Lanes<T, LANES>::load(bias + size_t(place) * LANES)
                               : zeros<T, LANES>();
    for (unsigned i = 0; i < kernel_height; ++i) {
        const int y = int(row * stride_down + i * dilation_down) - int(p.padding_above);
        if (y < 0 || y >= int(p.height)) continue;
        for (unsigned j = 0; j < kernel_width; ++j) {
            const int x_at = int(column * stride_across + j * dilation_across) - int(p.padding_left);
            if (x_at < 0 || x_at >= int(p.width)) continue;
            const size_t from = (size_t(picture) * p.height + y) * p.width + x_at;
            const auto values = Lanes<T, LANES>::load(x + (from * p.row_vectors + place) * LANES);
            const auto w = Lanes<T, LANES>::load(
                weight + (size_t(i * kernel_width + j) * p.row_vectors + place) * LANES);
#pragma unroll
            for (int l = 0; l < LANES; ++l) sum.v[l] += values.v[l] * w.v[l];
        }
    }
    finish<T, LANES>(sum, addend, out, size_t(index) * LANES, activation, slope);
}

}  // namespace

#define PICTURE                                                                               \
    unsigned row_vectors, unsigned height, unsigned width, unsigned out_height,               \
        unsigned out_width, unsigned padding_above, unsigned padding_left
#define AS_PICTURE \
    Picture { row_vectors, height, width, out_height, out_width, padding_above, padding_left }

#define DEPTHWISE(SUFFIX, T, LANES)                                                               \
    extern "C" __global__ void __launch_bounds__(256) depthwise_##SUFFIX(                         \
        const T* x, const T* weight, const T* bias, const T* addend, T* out, unsigned vectors,    \
        PICTURE, unsigned kernel_height, unsigned kernel_width, unsigned stride_down,             \
        unsigned stride_across, unsigned dilation_down, unsigned dilation_across,                 \
        unsigned activation, float slope) {                                                       \
        depthwise<T, LANES>(x, weight, bias, addend, out, vectors, AS_PICTURE, kernel_height,     \
                            kernel_width, stride_down, stride_across, dilation_down,              \
                            dilation_across, activation, slope);                                  \
    }

FOR_ALL_FORMATS(DEPTHWISE)

#define DEPTHWISE_ROW(SUFFIX, T, KERNEL, STRIDE)                                                  \
    extern "C" __global__ void __launch_bounds__(256) depthwise_##KERNEL##_##STRIDE##_##SUFFIX(   \
        const T* x, const T* weight, const T* bias, const T* addend, T* out, unsigned vectors,    \
        PICTURE, unsigned activation, float slope) {                                              \
        depthwise_row<T, KERNEL, STRIDE>(x, weight, bias, addend, out, vectors, AS_PICTURE,       \
                                         activation, slope);                                      \
    }
#define DEPTHWISE_ROWS(SUFFIX, T)   \
    DEPTHWISE_ROW(SUFFIX, T, 3, 1)  \
    DEPTHWISE_ROW(SUFFIX, T, 3, 2)  \
    DEPTHWISE_ROW(SUFFIX, T, 5, 1)  \
    DEPTHWISE_ROW(SUFFIX, T, 5, 2)

DEPTHWISE_ROWS(f32, float)
DEPTHWISE_ROWS(f16, __half)
DEPTHWISE_ROWS(bf16, __nv_bfloat16)
