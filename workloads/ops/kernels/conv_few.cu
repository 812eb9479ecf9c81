// Convolutions with at most four outputs, as at the end of a decoder: too few for a tile of a tensor
// core.
//
// Floor: one read of the picture. Some neighbouring lanes take a pixel of the result together: each
// has its vectors of channels, and at the end they add up what they have.

#include "image.cuh"

namespace {

constexpr int OUTPUTS = 4;
// Pixels that lanes take at once, so that a weight is loaded once for all of them.
constexpr int PIXELS = 2;

template <typename T>
__device__ __forceinline__ void conv_few(const T* x, const T* weight, const T* bias,
                                         const T* addend, T* out, unsigned pixels, unsigned lanes,
                                         unsigned outputs, unsigned row_vectors, unsigned height,
                                         unsigned width, unsigned out_height, unsigned out_width,
                                         unsigned kernel_height, unsigned kernel_width,
                                         unsigned stride_down, unsigned stride_across,
                                         unsigned padding_above, unsigned padding_left,
                                         unsigned dilation_down, unsigned dilation_across,
                                         unsigned activation, float slope) {
    constexpr int LANES = WIDE<T>;
    ptx::wait_for_previous();
    ptx::let_next_begin();
    const unsigned index = blockIdx.x * blockDim.x + threadIdx.x;
    const unsigned lane = index % lanes, first = index / lanes * PIXELS;
    int top[PIXELS], left[PIXELS];
    const T* base[PIXELS];
#pragma unroll
    for (int p = 0; p < PIXELS; ++p) {
        // Lanes without a pixel work on the last one, because all of a warp have to meet below.
        const unsigned pixel = min(first + p, pixels - 1);
        const unsigned line = pixel / out_width;
        top[p] = int(line % out_height * stride_down) - int(padding_above);
        left[p] = int(pixel % out_width * stride_across) - int(padding_left);
        base[p] = x + size_t(line / out_height) * height * width * row_vectors * LANES;
    }
    float sums[PIXELS][OUTPUTS] = {};
    for (unsigned i = 0; i < kernel_height; ++i) {
        for (unsigned j = 0; j < kernel_width; ++j) {
            for (unsigned place = lane; place < row_vectors; place += lanes) {
                Lanes<T, LANES> values[PIXELS];
#pragma unroll
                for (int p = 0; p < PIXELS; ++p) {
                    const int y = top[p] + int(i * dilation_down);
                    const int x_at = left[p] + int(j * dilation_across);
                    const bool inside =
                        y >= 0 && y < int(height) && x_at >= 0 && x_at < int(width);
                    values[p] = inside ? Lanes<T, LANES>::load(
                                             base[p] + ((size_t(y) * width + x_at) * row_vectors +
                                                        place) * LANES)
                                       : zeros<T, LANES>();
                }
                const unsigned taps = kernel_height * kernel_width;
#pragma unroll
                for (int o = 0; o < OUTPUTS; ++o) {
                    if (o >= int(outputs)) break;
                    const auto w = Lanes<T, LANES>::load(
                        weight +
                        ((size_t(o) * taps + i * kernel_width + j) * row_vectors + place) * LANES);
#pragma unroll
                    for (int p = 0; p < PIXELS; ++p)
#pragma unroll
                        for (int l = 0; l < LANES; ++l) sums[p][o] += values[p].v[l] * w.v[l];
                }
            }
        }
    }
#pragma unroll
    for (int p = 0; p < PIXELS; ++p)
#pragma unroll
        for (int o = 0; o < OUTPUTS; ++o)
            for (unsigned other = lanes / 2; other > 0; other /= 2)
                sums[p][o] += __shfl_xor_sync(0xffffffffu, sums[p][o], int(other));
    if (lane != 0) return;
#pragma unroll
    for (int p = 0; p < PIXELS; ++p) {
        if (first + p >= pixels) break;
#pragma unroll
        for (int o = 0; o < OUTPUTS; ++o) {
            if (o >= int(outputs)) break;
            const size_t at = size_t(first + p) * outputs + o;
            Lanes<T, 1> sum;
            sum.v[0] = sums[p][o] + (bias != nullptr ? to_float(bias[o]) : 0.0f);
            finish<T, 1>(sum, addend, out, at, activation, slope);
        }
    }
}

}  // namespace

#define FEW(SUFFIX, T)                                                                            \
    extern "C" __global__ void __launch_bounds__(256) conv_few_##SUFFIX(                          \
        const T* x, const T* weight, const T* bias, const T* addend, T* out, unsigned pixels,     \
        unsigned lanes, unsigned outputs, unsigned row_vectors, unsigned height, unsigned width,  \
        unsigned out_height, unsigned out_width, unsigned kernel_height, unsigned kernel_width,   \
        unsigned stride_down, unsigned stride_across, unsigned padding_above,                     \
        unsigned padding_left, unsigned dilation_down, unsigned dilation_across,                  \
        unsigned activation, float slope) {                                                       \
        conv_few<T>(x, weight, bias, addend, out, pixels, lanes, outputs, row_vectors, height,    \
                    width, out_height, out_width, kernel_height, kernel_width, stride_down,       \
                    stride_across, padding_above, padding_left, dilation_down, dilation_across,   \
                    activation, slope);                                                           \
    }

FEW(f32, float)
FEW(f16, __half)
FEW(bf16, __nv_bfloat16)
