// What the kernels that multiply few rows of x with a large matrix have in common.
//
// out[row][j] = sum over k of weight[j][k] · x[row][k], for so few rows that the time is that of
// reading the weights once. A block of 8 warps takes one tile of rows of the weight after another
// and its warps share the depth k; every thread copies its own part of the weights into its own
// slots of shared memory, several steps ahead, and goes on doing so across tiles. So some 80 KiB
// per multiprocessor are on their way at any time, enough for the bandwidth of HBM3e with few
// threads and registers, and a partly filled last round of tiles still draws most of it. The first
// slots are filled before the wait for the kernel before: weights depend on nobody.
//
// Sums are in f32 and in a fixed order: the same shapes give the same bits.
#pragma once

#include "reduce.cuh"
#include "vector.cuh"

namespace gemv {

constexpr int THREADS = 256;
constexpr int WARPS = THREADS / 32;

// Bits of `flags`.
constexpr unsigned GATED = 1;      // the weight is gate over up: out = silu(gate · x) · (up · x)
constexpr unsigned GELU_ERF = 2;   // out = gelu(weight · x + bias)
constexpr unsigned GELU_TANH = 4;
constexpr unsigned FRESH = 8;      // the weight was made by the kernel before this one

// Everything but the weight.
template <typename T>
struct Job {
    const T* x;         // [rows, in]
    const T* norm;      // [in] or null: x is divided by its root mean square and multiplied by it
    const T* bias;      // [out] or null
    const T* residual;  // as out, or null; may be out
    T* out;             // [rows, out], or [rows, out / 2] where gated
    unsigned out_features, in_features, rows, flags;
    float epsilon;

    __device__ __forceinline__ bool gated() const { return flags & GATED; }

    // Before the weight is read for the first time.
    __device__ __forceinline__ void await_weight() const {
        if (flags & FRESH) ptx::wait_for_previous();
    }

    // Brings the norm's weight near, which may be read before the wait.
    __device__ __forceinline__ void prefetch_norm() const {
        constexpr unsigned LINE = 128 / sizeof(T);
        if (!norm) return;
        for (unsigned k = threadIdx.x * LINE; k < in_features; k += THREADS * LINE)
            ptx::prefetch_l2(norm + k);
    }

    // Tiles of TILE rows of the weight; a gated tile is TILE / 2 rows of gate and the same of up.
    template <int TILE>
    __device__ __forceinline__ unsigned tiles() const {
        return gated() ? (out_features / 2 + TILE / 2 - 1) / (TILE / 2)
                       : (out_features + TILE - 1) / TILE;
    }

    // Row `i` of a tile; `out_features` or more where there is none.
    template <int TILE>
    __device__ __forceinline__ unsigned row_of(unsigned tile, unsigned i) const {
        if (!gated()) return tile * TILE + i;
        const unsigned inner = out_features / 2, j = tile * (TILE / 2) + i % (TILE / 2);
        if (j >= inner) return out_features;
        return i < TILE / 2 ? j : inner + j;
    }
};

// Brings x into shared memory, `stride` values from row to row, zeros up to `padded` values, and
// normalises it on the way. Rows are shared out to 8, 4, 2 or 1 warps each.
template <typename T>
__device__ __forceinline__ void stage(const Job<T>& job, T* staged, unsigned stride,
                                      unsigned padded, float* scratch) {
    constexpr int W = WIDE<T>;
    constexpr int AHEAD = 4;  // loads under way per thread
    const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const unsigned share = job.rows == 1 ? 8 : job.rows == 2 ? 4 : job.rows <= 4 ? 2 : 1;
    const unsigned teams = WARPS / share, team = warp / share;
    const unsigned first = ((warp % share) * 32 + lane) * W, hop = share * 32 * W;
    for (unsigned start = 0; start < job.rows; start += teams) {
        const unsigned row = start + team;
        const unsigned end = row < job.rows ? padded : 0;
        const T* x = job.x + size_t(row) * job.in_features;
        T* to = staged + size_t(row) * stride;
        float squares = 0.0f;
        for (unsigned k = first; k < end; k += AHEAD * hop) {
            uint4 raw[AHEAD];
#pragma unroll
            for (int a = 0; a < AHEAD; ++a)
                raw[a] = k + a * hop < job.in_features ? ptx::load(x + k + a * hop)
                                                       : make_uint4(0, 0, 0, 0);
#pragma unroll
            for (int a = 0; a < AHEAD; ++a) {
                if (k + a * hop < end) ptx::store(to + k + a * hop, raw[a]);
                const T* values = reinterpret_cast<const T*>(&raw[a]);
#pragma unroll
                for (int i = 0; i < W; ++i) {
                    const float v = to_float(values[i]);
                    squares += v * v;
                }
            }
        }
        if (job.norm) {
            squares = warp_sum(squares);
            if (share > 1) {
                if (lane == 0) scratch[warp] = squares;
                __syncthreads();
                squares = 0.0f;
                for (unsigned i = 0; i < share; ++i) squares += scratch[team * share + i];
            }
            const float scale = rsqrtf(squares / job.in_features + job.epsilon);
            for (unsigned k = first; k < min(end, job.in_features); k += hop) {
                auto values = Lanes<T, W>::load(to + k);
                const auto weight = Lanes<T, W>::load(job.norm + k);
#pragma unroll
                for (int i = 0; i < W; ++i) values.v[i] *= scale * weight.v[i];
                values.store(to + k);
            }
        }
    }
    __syncthreads();
}

// Where a thread finds a row of x from some column on: in shared memory (STAGED, with zeros beyond
// the last column) or where it lies, through the L1 cache. Rows that do not exist are zero.
template <typename T, bool STAGED>
struct Place {
    const T* first;
    unsigned columns;  // how many there are from there on

    // `zeros` is shared memory with as many zeros as `piece` can reach.
    __device__ __forceinline__ Place(const Job<T>& job, const T* staged, unsigned stride,
                                     const T* zeros, unsigned row, unsigned column) {
        const bool there = row < job.rows;
        if constexpr (STAGED) {
            first = there ? staged + size_t(row) * stride + column : zeros;
            columns = 0;
        } else {
            first = job.x + size_t(row) * job.in_features + column;
            columns = there && column < job.in_features ? job.in_features - column : 0;
        }
    }

    // 16 bytes, `offset` values further on.
    __device__ __forceinline__ uint4 piece(unsigned offset) const {
        if (STAGED || offset < columns) return ptx::load(first + offset);
        return make_uint4(0, 0, 0, 0);
    }
};

// Fills shared memory with zeros; seen by the others after the next barrier.
__device__ __forceinline__ void clear(void* shared, unsigned bytes) {
    for (unsigned at = threadIdx.x * 16; at < bytes; at += THREADS * 16)
        ptx::store(static_cast<char*>(shared) + at, make_uint4(0, 0, 0, 0));
}

__device__ __forceinline__ float silu(float x) { return x / (1.0f + expf(-x)); }

__device__ __forceinline__ float gelu_erf(float x) {
    return 0.5f * x * (1.0f + erff(x * 0.70710678f));
}

__device__ __forceinline__ float gelu_tanh(float x) {
    return 0.5f * x * (1.0f + tanhf(0.79788456f * (x + 0.044715f * x * x * x)));
}

// Adds up what the warps have found, in their order, and writes a tile of the result.
// `partial` is [WARPS][TILE][columns], with at least as many columns as x has rows.
template <typename T, int TILE>
__device__ __forceinline__ void finish(const Job<T>& job, unsigned tile, const float* partial,
                                       unsigned columns) {
    const bool gated = job.gated();
    const unsigned values = gated ? TILE / 2 : TILE;
    const unsigned width = gated ? job.out_features / 2 : job.out_features;
    const auto sum = [&](unsigned i, unsigned row) {
        float total = 0.0f;
#pragma unroll
        for (int warp = 0; warp < WARPS; ++warp)
            total += partial[(warp * TILE + i) * columns + row];
        return total;
    };
    for (unsigned at = threadIdx.x; at < values * job.rows; at += THREADS) {
        const unsigned i = at % values, row = at / values;
        const unsigned j = job.template row_of<TILE>(tile, i);
        if (j >= width) continue;
        const size_t place = size_t(row) * width + j;
        float value = sum(i, row);
        if (gated) {
            value = silu(value) * sum(i + TILE / 2, row);
        } else {
            if (job.bias) value += to_float(job.bias[j]);
            if (job.flags & GELU_ERF) value = gelu_erf(value);
            if (job.flags & GELU_TANH) value = gelu_tanh(value);
            if (job.residual) value += to_float(job.residual[place]);
        }
        job.out[place] = from_float<T>(value);
    }
}

}  // namespace gemv
