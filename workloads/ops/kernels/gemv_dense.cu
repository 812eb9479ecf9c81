// Weights in bf16 and f16 with up to 8 or 16 rows of x, on tensor cores.

#include "gemv_tensor.cuh"

namespace gemv {

// Brings what this block will need next, behind the steps that its ring holds, into the L2 cache.
// Between two products the memory would rest while x is made and spread; the less so, the longer
// the work in front of this one takes without reading much (attention).
template <typename T>
__device__ __forceinline__ void fetch_early(const T* weight, const Job<T>& job,
                                            unsigned steps_of_tile) {
    constexpr unsigned STEPS_AT_ONCE = THREADS / TILE;
    const unsigned end = STAGES - 1 + job.steps();
    for (unsigned step = STAGES - 1 + threadIdx.x / TILE; step < end; step += STEPS_AT_ONCE) {
        const unsigned tile = blockIdx.x + step / steps_of_tile * gridDim.x;
        if (tile >= job.template tiles<TILE>()) break;
        const unsigned row = job.template row_of<TILE>(tile, threadIdx.x % TILE);
        const unsigned k = step % steps_of_tile * HOP;
        if (row < job.out_features && k < job.in_features)
            ptx::prefetch_l2(weight + size_t(row) * job.in_features + k,
                             min(HOP, job.in_features - k) * unsigned(sizeof(T)));
    }
}

template <typename T, int N, bool STAGED>
__device__ __forceinline__ void dense(const T* weight, const Job<T>& job) {
    const unsigned thread = ptx::keep(threadIdx.x);
    const unsigned lane = thread % 32, warp = thread / 32;
    const unsigned g = lane / 4, t = lane % 4;
    const unsigned padded = (job.in_features + DEPTH - 1) / DEPTH * DEPTH;
    const unsigned tiles = job.template tiles<TILE>();
    // Half a line of 32 banks more, so that the eight lanes of a wide load meet different banks.
    const unsigned stride = padded + 32;
    const unsigned columns = (job.rows + 1) / 2 * 2;

    uint4* ring = reinterpret_cast<uint4*>(ptx::dynamic_shared());
    float* scratch = reinterpret_cast<float*>(ring + STAGES * SLOT);
    T* zeros = reinterpret_cast<T*>(scratch + WARPS);
    T* staged = zeros + DEPTH;
    float* partial = reinterpret_cast<float*>(staged + (STAGED ? job.rows * stride : 0));
    const uint64_t once = ptx::once_policy();
    const unsigned start = warp * DEPTH + t * 8;

    unsigned next_tile = blockIdx.x, next_k = start;
    const T *upper = weight, *lower = weight;
    unsigned upper_end = 0, lower_end = 0;  // how far the rows of this thread go
    const auto aim = [&] {
        const unsigned i = job.template row_of<TILE>(next_tile, g);
        const unsigned j = job.template row_of<TILE>(next_tile, g + 8);
        upper_end = i < job.out_features ? job.in_features : 0;
        lower_end = j < job.out_features ? job.in_features : 0;
        upper = weight + size_t(upper_end ? i : 0) * job.in_features;
        lower = weight + size_t(lower_end ? j : 0) * job.in_features;
    };
    const auto fetch = [&](unsigned slot) {
        if (next_tile < tiles) {
            uint4* to = ring + slot * SLOT + thread;
            const unsigned k = next_k;
            if (k < padded) {
                ptx::copy_async_16_once(to, upper + k, k < upper_end, once);
                ptx::copy_async_16_once(to + THREADS, upper + k + 32, k + 32 < upper_end, once);
                ptx::copy_async_16_once(to + 2 * THREADS, lower + k, k < lower_end, once);
                ptx::copy_async_16_once(to + 3 * THREADS, lower + k + 32, k + 32 < lower_end, once);
            }
            next_k += HOP;
            // A step is over for all warps at once.
            if (next_k - start >= padded) {
                next_k = start;
                next_tile += gridDim.x;
                aim();
            }
        }
        ptx::copy_async_commit();
    };
    job.await_weight();
    ptx::let_next_begin();
    aim();
    for (int slot = 0; slot < STAGES - 1; ++slot) fetch(slot);
    if constexpr (STAGED) {
        const NormWeight<T> norm(job);
        fetch_early<T>(weight, job, (padded + HOP - 1) / HOP);
        clear(zeros, DEPTH * sizeof(T));
        ptx::wait_for_previous();
        stage(job, norm, staged, stride, padded, scratch);
    } else {
        fetch_early<T>(weight, job, (padded + HOP - 1) / HOP);
        ptx::wait_for_previous();
    }

    unsigned slot = 0, parity = 0;
    for (unsigned tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
        const Finish<T, TILE> finish(job, tile);
        float sums[N][4] = {};
        for (unsigned k = start; k - start < padded; k += HOP) {
            fetch(slot == 0 ? STAGES - 1 : slot - 1);
            if (k < padded) {
                uint4 x[N][2];
#pragma unroll
                for (int n = 0; n < N; ++n) {
                    const Place<T, STAGED> at(job, staged, stride, zeros, n * 8 + g, k);
                    x[n][0] = at.piece(0);
                    x[n][1] = at.piece(32);
                }
                ptx::copy_async_wait<STAGES - 1>();
                const uint4* from = ring + slot * SLOT + thread;
#pragma unroll
                for (int half = 0; half < 2; ++half) {
                    const uint4 u = from[half * THREADS], l = from[(half + 2) * THREADS];
#pragma unroll
                    for (int n = 0; n < N; ++n) {
                        const uint4 b = x[n][half];
                        ptx::mma_16x8x16<T>(sums[n], {u.x, l.x, u.y, l.y}, {b.x, b.y});
                        ptx::mma_16x8x16<T>(sums[n], {u.z, l.z, u.w, l.w}, {b.z, b.w});
                    }
                }
            }
            slot = slot == STAGES - 1 ? 0 : slot + 1;
        }
        // Two halves of `partial` take turns, so one barrier per tile is enough.
        float* all = partial + parity * WARPS * TILE * columns;
#pragma unroll
        for (int n = 0; n < N; ++n) {
            if (n * 8 + 2 * t < columns) {
                float* to = all + (warp * TILE + g) * columns + n * 8 + 2 * t;
                to[0] = sums[n][0];
                to[1] = sums[n][1];
                to[8 * columns] = sums[n][2];
                to[8 * columns + 1] = sums[n][3];
            }
        }
        __syncthreads();
        finish.write(job, all, columns);
        parity ^= 1;
    }
}

}  // namespace gemv

// Without `_direct`: x in shared memory, and the norm if there is one.
#define DENSE(NAME, T, N, STAGED)                                                                 \
    extern "C" __global__ void __launch_bounds__(gemv::THREADS, 3)                                \
        NAME(const T* weight, const T* x, const T* norm, const T* bias, const T* residual,        \
             T* out, unsigned out_features, unsigned in_features, unsigned rows, unsigned flags,  \
             float epsilon) {                                                                     \
        gemv::dense<T, N, STAGED>(weight, {x, norm, bias, residual, out, out_features,            \
                                           in_features, rows, flags, epsilon});                   \
    }

DENSE(gemv_dense_8_bf16, __nv_bfloat16, 1, true)
DENSE(gemv_dense_8_f16, __half, 1, true)
DENSE(gemv_dense_16_bf16, __nv_bfloat16, 2, true)
DENSE(gemv_dense_16_f16, __half, 2, true)
DENSE(gemv_dense_8_direct_bf16, __nv_bfloat16, 1, false)
DENSE(gemv_dense_8_direct_f16, __half, 1, false)
DENSE(gemv_dense_16_direct_bf16, __nv_bfloat16, 2, false)
DENSE(gemv_dense_16_direct_f16, __half, 2, false)
