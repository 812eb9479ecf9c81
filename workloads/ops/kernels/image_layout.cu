// Values of pictures in another order, and in another size by copies.
//
// Floor: each value read once and written once.

#include "image.cuh"

namespace {

// out[b, y·r + i, x·r + j, c] = x[b, y, x, c·r² + i·r + j]: a thread gathers a vector of the result;
// its r² neighbours take the values between, from the same lines of the cache.
template <typename T, int LANES>
__device__ __forceinline__ void pixel_shuffle(const T* x, T* out, unsigned vectors, unsigned height,
                                              unsigned width, unsigned row_vectors,
                                              unsigned factor) {
    ptx::wait_for_previous();
    ptx::let_next_begin();
    const unsigned index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= vectors) return;
    const unsigned square = factor * factor;
    const unsigned channel = index % row_vectors * LANES;
    const auto [column, row, picture] = Pixel(index / row_vectors, height * factor, width * factor);
    const unsigned place = row % factor * factor + column % factor;
    const size_t from = (size_t(picture) * height + row / factor) * width + column / factor;
    const T* values = x + (from * row_vectors * LANES + channel) * square + place;
    Lanes<T, LANES> gathered;
#pragma unroll
    for (int i = 0; i < LANES; ++i) gathered.v[i] = to_float(values[i * square]);
    gathered.store(out + size_t(index) * LANES);
}

// Channels of up to four pictures, from vector `first` of each pixel of the result on.
template <typename T, int LANES>
__device__ __forceinline__ void concat(const T* a, const T* b, const T* c, const T* d, T* out,
                                       unsigned vectors, unsigned of_a, unsigned of_b,
                                       unsigned of_c, unsigned of_d, unsigned first,
                                       unsigned row_vectors) {
    ptx::wait_for_previous();
    ptx::let_next_begin();
    const unsigned index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= vectors) return;
    const unsigned own = of_a + of_b + of_c + of_d;
    const unsigned pixel = index / own;
    unsigned place = index % own;
    const size_t to = size_t(pixel) * row_vectors + first + place;
    const T* from = a;
    unsigned count = of_a;
    if (place >= count) {
        place -= count, from = b, count = of_b;
        if (place >= count) {
            place -= count, from = c, count = of_c;
            if (place >= count) place -= count, from = d, count = of_d;
        }
    }
    Lanes<T, LANES>::load(from + (size_t(pixel) * count + place) * LANES).store(out + to * LANES);
}

// Runs of `run` vectors: [b, rows, size, columns, run] to [b, rows, columns, size, run].
template <typename T, int LANES>
__device__ __forceinline__ void patches(const T* x, T* out, unsigned vectors, unsigned run,
                                        unsigned size, unsigned columns) {
    ptx::wait_for_previous();
    ptx::let_next_begin();
    const unsigned index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= vectors) return;
    const unsigned place = index % run, line = index / run;
    const unsigned inner = line % size, patch = line / size;
    const unsigned column = patch % columns, row = patch / columns;
    const size_t from = ((size_t(row) * size + inner) * columns + column) * run + place;
    Lanes<T, LANES>::load(x + from * LANES).store(out + size_t(index) * LANES);
}

template <typename T, int LANES>
__device__ __forceinline__ void resize_nearest(const T* x, T* out, unsigned vectors,
                                               unsigned height, unsigned width, unsigned out_height,
                                               unsigned out_width, unsigned row_vectors) {
    ptx::wait_for_previous();
    ptx::let_next_begin();
    const unsigned index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= vectors) return;
    const unsigned place = index % row_vectors;
    const auto [column, row, picture] = Pixel(index / row_vectors, out_height, out_width);
    const unsigned y =
        min(unsigned(float(row) * __fdiv_rn(float(height), float(out_height))), height - 1);
    const unsigned x_at =
        min(unsigned(float(column) * __fdiv_rn(float(width), float(out_width))), width - 1);
    const size_t from = ((size_t(picture) * height + y) * width + x_at) * row_vectors + place;
    Lanes<T, LANES>::load(x + from * LANES).store(out + size_t(index) * LANES);
}

struct Between {
    unsigned before, after;
    float share;
};

__device__ __forceinline__ Between between(unsigned place, float step, bool corners, unsigned size) {
    const float at =
        corners ? float(place) * step : fmaxf((float(place) + 0.5f) * step - 0.5f, 0.0f);
    const unsigned before = min(unsigned(at), size - 1);
    return {before, min(before + 1, size - 1), at - float(before)};
}

template <typename T, int LANES>
__device__ __forceinline__ void resize_bilinear(const T* x, T* out, unsigned vectors,
                                                unsigned height, unsigned width,
                                                unsigned out_height, unsigned out_width,
                                                unsigned row_vectors, float step_down,
                                                float step_across, unsigned corners) {
    ptx::wait_for_previous();
    ptx::let_next_begin();
    const unsigned index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= vectors) return;
    const unsigned place = index % row_vectors;
    const auto [column, row, picture] = Pixel(index / row_vectors, out_height, out_width);
    const Between down = between(row, step_down, corners, height);
    const Between across = between(column, step_across, corners, width);
    const T* first = x + size_t(picture) * height * width * row_vectors * LANES;
    const auto at = [&](unsigned y, unsigned x_at) {
        return Lanes<T, LANES>::load(first +
                                     ((size_t(y) * width + x_at) * row_vectors + place) * LANES);
    };
    const auto a = at(down.before, across.before), b = at(down.before, across.after);
    const auto c = at(down.after, across.before), d = at(down.after, across.after);
    Lanes<T, LANES> result;
#pragma unroll
    for (int i = 0; i < LANES; ++i) {
        const float above = a.v[i] * (1.0f - across.share) + b.v[i] * across.share;
        const float below = c.v[i] * (1.0f - across.share) + d.v[i] * across.share;
        result.v[i] = above * (1.0f - down.share) + below * down.share;
    }
    result.store(out + size_t(index) * LANES);
}

}  // namespace

#define LAYOUT(SUFFIX, T, LANES)                                                                   \
    extern "C" __global__ void __launch_bounds__(256) pixel_shuffle_##SUFFIX(                      \
        const T* x, T* out, unsigned vectors, unsigned height, unsigned width,                     \
        unsigned row_vectors, unsigned factor) {                                                   \
        pixel_shuffle<T, LANES>(x, out, vectors, height, width, row_vectors, factor);              \
    }                                                                                              \
    extern "C" __global__ void __launch_bounds__(256) concat_##SUFFIX(                             \
        const T* a, const T* b, const T* c, const T* d, T* out, unsigned vectors, unsigned of_a,   \
        unsigned of_b, unsigned of_c, unsigned of_d, unsigned first, unsigned row_vectors) {       \
        concat<T, LANES>(a, b, c, d, out, vectors, of_a, of_b, of_c, of_d, first, row_vectors);    \
    }                                                                                              \
    extern "C" __global__ void __launch_bounds__(256) patches_##SUFFIX(                            \
        const T* x, T* out, unsigned vectors, unsigned run, unsigned size, unsigned columns) {     \
        patches<T, LANES>(x, out, vectors, run, size, columns);                                    \
    }                                                                                              \
    extern "C" __global__ void __launch_bounds__(256) resize_nearest_##SUFFIX(                     \
        const T* x, T* out, unsigned vectors, unsigned height, unsigned width,                     \
        unsigned out_height, unsigned out_width, unsigned row_vectors) {                           \
        resize_nearest<T, LANES>(x, out, vectors, height, width, out_height, out_width,            \
                                 row_vectors);                                                     \
    }                                                                                              \
    extern "C" __global__ void __launch_bounds__(256) resize_bilinear_##SUFFIX(                    \
        const T* x, T* out, unsigned vectors, unsigned height, unsigned width,                     \
        unsigned out_height, unsigned out_width, unsigned row_vectors, float step_down,            \
        float step_across, unsigned corners) {                                                     \
        resize_bilinear<T, LANES>(x, out, vectors, height, width, out_height, out_width,           \
                                  row_vectors, step_down, step_across, corners);                   \
    }

FOR_ALL_FORMATS(LAYOUT)
