// What the windows of a convolution see, as rows for a matrix product: for pictures of few channels,
// such as 3, whose pixels no vector of 16 bytes fits.
//
// Floor: one read of the picture, one write of the rows.

#include "image.cuh"

namespace {

// Row `pixel` of the result belongs to pixel `first + pixel`; columns are (kernel row, kernel column,
// channel), then zeros up to `columns`, which is a whole number of vectors.
template <typename T>
__device__ __forceinline__ void conv_columns(const T* x, T* out, unsigned vectors, unsigned first,
                                             unsigned columns, unsigned depth, unsigned channels,
                                             unsigned height, unsigned width, unsigned out_height,
                                             unsigned out_width, unsigned kernel_width,
                                             unsigned stride_down, unsigned stride_across,
                                             unsigned padding_above, unsigned padding_left,
                                             unsigned dilation_down, unsigned dilation_across) {
    constexpr int LANES = WIDE<T>;
    ptx::wait_for_previous();
    ptx::let_next_begin();
    const unsigned index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= vectors) return;
    const unsigned row_vectors = columns / LANES;
    const unsigned begin = index % row_vectors * LANES;
    const auto [column, row, picture] = Pixel(first + index / row_vectors, out_height, out_width);
    const int top = int(row * stride_down) - int(padding_above);
    const int left = int(column * stride_across) - int(padding_left);
    const T* base = x + size_t(picture) * height * width * channels;
    const unsigned place = begin / channels;
    unsigned channel = begin - place * channels;
    unsigned i = place / kernel_width, j = place - i * kernel_width;
    auto values = zeros<T, LANES>();
#pragma unroll
    for (int l = 0; l < LANES; ++l) {
        if (begin + l < depth) {
            const int y = top + int(i * dilation_down), x_at = left + int(j * dilation_across);
            if (y >= 0 && y < int(height) && x_at >= 0 && x_at < int(width))
                values.v[l] = to_float(base[(size_t(y) * width + x_at) * channels + channel]);
            if (++channel == channels) {
                channel = 0;
                if (++j == kernel_width) j = 0, ++i;
            }
        }
    }
    values.store(out + size_t(index) * LANES);
}

}  // namespace

#define COLUMNS(SUFFIX, T)                                                                         \
    extern "C" __global__ void __launch_bounds__(256) conv_columns_##SUFFIX(                       \
        const T* x, T* out, unsigned vectors, unsigned first, unsigned columns, unsigned depth,    \
        unsigned channels, unsigned height, unsigned width, unsigned out_height,                   \
        unsigned out_width, unsigned kernel_width, unsigned stride_down, unsigned stride_across,   \
        unsigned padding_above, unsigned padding_left, unsigned dilation_down,                     \
        unsigned dilation_across) {                                                                \
        conv_columns<T>(x, out, vectors, first, columns, depth, channels, height, width,           \
                        out_height, out_width, kernel_width, stride_down, stride_across,           \
                        padding_above, padding_left, dilation_down, dilation_across);              \
    }

COLUMNS(f32, float)
COLUMNS(f16, __half)
COLUMNS(bf16, __nv_bfloat16)
