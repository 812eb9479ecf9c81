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
constexpr unsigned STEPS_SHIFT = 8;  // from here on: a number of steps, see Job::steps

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

    // gemv_dense: how many steps of the weight, behind those in the ring, are brought into the L2
    // cache before the wait. gemv_parts: how many steps are a part of x.
    __device__ __forceinline__ unsigned steps() const { return flags >> STEPS_SHIFT; }

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

// The norm's weight at the columns that a thread normalises, as far as they fit its registers. To
// be loaded before the wait: it depends on nobody.
template <typename T>
struct NormWeight {
    static constexpr int KEPT = 2;
    uint4 kept[KEPT];

    __device__ __forceinline__ explicit NormWeight(const Job<T>& job) {
#pragma unroll
        for (int i = 0; i < KEPT; ++i) {
            const unsigned k = column(i);
            kept[i] = job.norm && k < job.in_features ? ptx::load(job.norm + k)
                                                      : make_uint4(0, 0, 0, 0);
        }
    }

    __device__ __forceinline__ static unsigned column(unsigned i) {
        return (threadIdx.x + i * THREADS) * WIDE<T>;
    }

    // Normalises the thread's columns of a row.
    __device__ __forceinline__ void apply(const Job<T>& job, T* row, float scale) const {
        const auto one = [&](unsigned k, const uint4& raw) {
            auto values = Lanes<T, WIDE<T>>::load(row + k);
            const T* weight = reinterpret_cast<const T*>(&raw);
#pragma unroll
            for (int j = 0; j < WIDE<T>; ++j) values.v[j] *= scale * to_float(weight[j]);
            values.store(row + k);
        };
#pragma unroll
        for (int i = 0; i < KEPT; ++i) {
            if (column(i) < job.in_features) one(column(i), kept[i]);
        }
        for (unsigned i = KEPT; column(i) < job.in_features; ++i)
            one(column(i), ptx::load(job.norm + column(i)));
    }
};

// Brings x into shared memory, `stride` values from row to row, zeros up to `padded` values, and
// normalises it there. To be read, rows are shared out to 8, 4, 2 or 1 warps each; to be
// normalised, columns are shared out to all threads, so that each needs little of the norm's weight.
template <typename T>
__device__ __forceinline__ void stage(const Job<T>& job, const NormWeight<T>& weight, T* staged,
                                      unsigned stride, unsigned padded, float* scratch) {
    constexpr int W = WIDE<T>;
    constexpr int AHEAD = 8;  // loads under way per thread
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
        if (!job.norm) continue;
        squares = warp_sum(squares);
        if (lane == 0) scratch[warp] = squares;
        __syncthreads();
        for (unsigned i = 0; i < min(teams, job.rows - start); ++i) {
            float sum = 0.0f;
            for (unsigned part = 0; part < share; ++part) sum += scratch[i * share + part];
            const float scale = rsqrtf(sum / job.in_features + job.epsilon);
            weight.apply(job, staged + size_t(start + i) * stride, scale);
        }
        // `scratch` is used again.
        __syncthreads();
    }
    __syncthreads();
}

// The same, with the norm's weight read now.
template <typename T>
__device__ __forceinline__ void stage(const Job<T>& job, T* staged, unsigned stride,
                                      unsigned padded, float* scratch) {
    stage(job, NormWeight<T>(job), staged, stride, padded, scratch);
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

// Writes a tile of the result: one value per thread at most, as there are at most 16 rows of x and
// 16 of a tile. To be made before the tile is begun, so that what is added at the end is there by
// then.
template <typename T, int TILE>
struct Finish {
    static_assert(TILE <= 16, "one value per thread");
    unsigned i, row;  // within the tile
    unsigned j;       // of the result
    size_t place;
    bool mine;
    float added;

    __device__ __forceinline__ Finish(const Job<T>& job, unsigned tile) {
        const unsigned values = job.gated() ? TILE / 2 : TILE;
        const unsigned width = job.gated() ? job.out_features / 2 : job.out_features;
        i = threadIdx.x % values;
        row = threadIdx.x / values;
        j = job.template row_of<TILE>(tile, i);
        place = size_t(row) * width + j;
        mine = row < job.rows && j < width;
        added = mine && job.residual ? to_float(job.residual[place]) : 0.0f;
    }

    // Adds up what the warps have found, in their order. `partial` is [WARPS][TILE][columns], with
    // at least as many columns as x has rows.
    __device__ __forceinline__ void write(const Job<T>& job, const float* partial,
                                          unsigned columns) const {
        if (!mine) return;
        const auto sum = [&](unsigned from) {
            float total = 0.0f;
#pragma unroll
            for (int warp = 0; warp < WARPS; ++warp)
                total += partial[(warp * TILE + from) * columns + row];
            return total;
        };
        float value = sum(i);
        if (job.gated()) {
            value = silu(value) * sum(i + TILE / 2);
        } else {
            if (job.bias) value += to_float(job.bias[j]);
            if (job.flags & GELU_ERF) value = gelu_erf(value);
            if (job.flags & GELU_TANH) value = gelu_tanh(value);
            value += added;
        }
        job.out[place] = from_float<T>(value);
    }
};

// The same, with what is added read now.
template <typename T, int TILE>
__device__ __forceinline__ void finish(const Job<T>& job, unsigned tile, const float* partial,
                                       unsigned columns) {
    Finish<T, TILE>(job, tile).write(job, partial, columns);
}

}  // namespace gemv
