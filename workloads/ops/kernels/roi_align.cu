// Features of regions of interest: one vector of channels of one cell per thread.
//
// Floor: one write of the result; the features are read from the cache.

#include "image.cuh"

namespace {

struct Place {
    unsigned before, after;
    float share;
    bool inside;
};

// A sample at `at` between the centres of two pixels.
__device__ __forceinline__ Place place(float at, unsigned size) {
    if (at < -1.0f || at > float(size)) return {0, 0, 0.0f, false};
    at = fmaxf(at, 0.0f);
    const unsigned before = unsigned(at);
    if (before >= size - 1) return {size - 1, size - 1, 0.0f, true};
    return {before, before + 1, at - float(before), true};
}

template <typename T, int LANES>
__device__ __forceinline__ void roi_align(const T* features, const float* boxes,
                                          const unsigned* levels, T* out, unsigned vectors,
                                          unsigned level, unsigned batch, unsigned height,
                                          unsigned width, unsigned row_vectors, unsigned rows,
                                          unsigned columns, float scale, unsigned sampling,
                                          unsigned aligned) {
    ptx::wait_for_previous();
    ptx::let_next_begin();
    const unsigned index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= vectors) return;
    const unsigned channel = index % row_vectors, cell = index / row_vectors;
    const unsigned column = cell % columns, line = cell / columns;
    const unsigned row = line % rows, box = line / rows;
    if (levels != nullptr && levels[box] != level) return;
    const float* bounds = boxes + size_t(box) * 5;
    auto sum = zeros<T, LANES>();
    if (bounds[0] >= 0.0f && bounds[0] < float(batch)) {
        const float offset = aligned ? 0.5f : 0.0f;
        // Rounded as on the host: a sample at the border of a pixel must fall to the same side.
        const float left = __fsub_rn(__fmul_rn(bounds[1], scale), offset);
        const float top = __fsub_rn(__fmul_rn(bounds[2], scale), offset);
        float across = __fsub_rn(__fsub_rn(__fmul_rn(bounds[3], scale), offset), left);
        float down = __fsub_rn(__fsub_rn(__fmul_rn(bounds[4], scale), offset), top);
        if (!aligned) {
            across = fmaxf(across, 1.0f);
            down = fmaxf(down, 1.0f);
        }
        const float cell_across = __fdiv_rn(across, float(columns));
        const float cell_down = __fdiv_rn(down, float(rows));
        const unsigned samples_across =
            sampling ? sampling : unsigned(fmaxf(ceilf(cell_across), 0.0f));
        const unsigned samples_down = sampling ? sampling : unsigned(fmaxf(ceilf(cell_down), 0.0f));
        const T* base = features + size_t(bounds[0]) * height * width * row_vectors * LANES +
                        size_t(channel) * LANES;
        const auto sample = [](float start, unsigned cell, float size, unsigned number,
                               unsigned samples) {
            const float within =
                __fdiv_rn(__fmul_rn(float(number) + 0.5f, size), float(samples));
            return __fadd_rn(__fadd_rn(start, __fmul_rn(float(cell), size)), within);
        };
        for (unsigned i = 0; i < samples_down; ++i) {
            const Place y = place(sample(top, row, cell_down, i, samples_down), height);
            if (!y.inside) continue;
            for (unsigned j = 0; j < samples_across; ++j) {
                const Place x = place(sample(left, column, cell_across, j, samples_across), width);
                if (!x.inside) continue;
                const auto at = [&](unsigned y_at, unsigned x_at) {
                    return Lanes<T, LANES>::load(
                        base + (size_t(y_at) * width + x_at) * row_vectors * LANES);
                };
                const auto a = at(y.before, x.before), b = at(y.before, x.after);
                const auto c = at(y.after, x.before), d = at(y.after, x.after);
                const float above = 1.0f - y.share, before = 1.0f - x.share;
#pragma unroll
                for (int l = 0; l < LANES; ++l)
                    sum.v[l] += above * before * a.v[l] + above * x.share * b.v[l] +
                                y.share * before * c.v[l] + y.share * x.share * d.v[l];
            }
        }
        const float count = float(max(samples_down * samples_across, 1u));
#pragma unroll
        for (int l = 0; l < LANES; ++l) sum.v[l] /= count;
    }
    sum.store(out + size_t(index) * LANES);
}

}  // namespace

#define ROI_ALIGN(SUFFIX, T, LANES)                                                                \
    extern "C" __global__ void __launch_bounds__(256) roi_align_##SUFFIX(                          \
        const T* features, const float* boxes, const unsigned* levels, T* out, unsigned vectors,   \
        unsigned level, unsigned batch, unsigned height, unsigned width, unsigned row_vectors,     \
        unsigned rows, unsigned columns, float scale, unsigned sampling, unsigned aligned) {       \
        roi_align<T, LANES>(features, boxes, levels, out, vectors, level, batch, height, width,    \
                            row_vectors, rows, columns, scale, sampling, aligned);                 \
    }

FOR_ALL_FORMATS(ROI_ALIGN)
