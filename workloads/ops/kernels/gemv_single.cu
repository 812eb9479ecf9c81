// Weights in f32 with up to 8 rows of x: multiply-adds, as tensor cores would round to tf32.
//
// A tile is 4 rows of the weight; each thread takes 16 bytes of each and the same 16 bytes of x.

#include "gemv_common.cuh"

namespace gemv {

constexpr int TILE = 4;
constexpr int DEPTH = THREADS * 4;  // values of k of a step of a block
constexpr int STAGES = 5;           // steps on their way: 80 KiB per block

template <int ROWS, bool STAGED>
__device__ __forceinline__ void single(const float* weight, const Job<float>& job) {
    float4* ring = reinterpret_cast<float4*>(ptx::dynamic_shared());
    float* scratch = reinterpret_cast<float*>(ring + STAGES * TILE * THREADS);
    float* zeros = scratch + WARPS;
    float* staged = zeros + 4;
    float* partial = staged + (STAGED ? job.rows * job.in_features : 0);

    const unsigned thread = ptx::keep(threadIdx.x);
    const unsigned lane = thread % 32, warp = thread / 32;
    const unsigned steps = (job.in_features + DEPTH - 1) / DEPTH;
    const unsigned tiles = job.tiles<TILE>();
    const unsigned stride = job.in_features;
    const uint64_t once = ptx::once_policy();

    unsigned next_tile = blockIdx.x, next_step = 0;
    const auto fetch = [&](unsigned slot) {
        if (next_tile < tiles) {
            const unsigned k = next_step * DEPTH + thread * 4;
            float4* to = ring + slot * (TILE * THREADS) + thread;
#pragma unroll
            for (int i = 0; i < TILE; ++i) {
                const unsigned row = job.row_of<TILE>(next_tile, i);
                const bool there = row < job.out_features && k < job.in_features;
                const float* from = weight + (there ? size_t(row) * job.in_features + k : 0);
                ptx::copy_async_16_once(to + i * THREADS, from, there, once);
            }
            if (++next_step == steps) {
                next_step = 0;
                next_tile += gridDim.x;
            }
        }
        ptx::copy_async_commit();
    };
    job.await_weight();
    for (int slot = 0; slot < STAGES - 1; ++slot) fetch(slot);
    ptx::let_next_begin();
    if constexpr (STAGED) {
        const NormWeight<float> norm(job);
        clear(zeros, 16);
        ptx::wait_for_previous();
        stage(job, norm, staged, stride, stride, scratch);
    } else {
        ptx::wait_for_previous();
    }

    unsigned slot = 0, parity = 0;
    for (unsigned tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
        float sums[TILE][ROWS] = {};
        for (unsigned step = 0; step < steps; ++step) {
            fetch(slot == 0 ? STAGES - 1 : slot - 1);
            const unsigned k = step * DEPTH + thread * 4;
            ptx::copy_async_wait<STAGES - 1>();
            if (k < job.in_features) {
                float4 w[TILE];
#pragma unroll
                for (int i = 0; i < TILE; ++i)
                    w[i] = ring[(slot * TILE + i) * THREADS + thread];
#pragma unroll
                for (int row = 0; row < ROWS; ++row) {
                    const uint4 raw = 
                        Place<float, STAGED>(job, staged, stride, zeros, row, k).piece(0);
                    const float4 x = reinterpret_cast<const float4&>(raw);
#pragma unroll
                    for (int i = 0; i < TILE; ++i) {
                        float& sum = sums[i][row];
                        sum = fmaf(w[i].x, x.x, sum);
                        sum = fmaf(w[i].y, x.y, sum);
                        sum = fmaf(w[i].z, x.z, sum);
                        sum = fmaf(w[i].w, x.w, sum);
                    }
                }
            }
            slot = slot == STAGES - 1 ? 0 : slot + 1;
        }
        float* mine = partial + (parity * WARPS + warp) * TILE * ROWS;
#pragma unroll
        for (int i = 0; i < TILE; ++i) {
#pragma unroll
            for (int row = 0; row < ROWS; ++row) {
                const float sum = warp_sum(sums[i][row]);
                if (lane == 0) mine[i * ROWS + row] = sum;
            }
        }
        // Two halves of `partial` take turns, so one barrier per tile is enough.
        __syncthreads();
        finish<float, TILE>(job, tile, partial + parity * WARPS * TILE * ROWS, ROWS);
        parity ^= 1;
    }
}

}  // namespace gemv

// Without `_direct`: x in shared memory, and the norm if there is one.
#define SINGLE(NAME, ROWS, STAGED)                                                               \
    extern "C" __global__ void __launch_bounds__(gemv::THREADS)                                  \
        NAME(const float* weight, const float* x, const float* norm, const float* bias,          \
             const float* residual, float* out, unsigned out_features, unsigned in_features,     \
             unsigned rows, unsigned flags, float epsilon) {                                     \
        gemv::single<ROWS, STAGED>(weight, {x, norm, bias, residual, out, out_features,          \
                                            in_features, rows, flags, epsilon});                 \
    }

SINGLE(gemv_single_1_f32, 1, true)
SINGLE(gemv_single_2_f32, 2, true)
SINGLE(gemv_single_4_f32, 4, true)
SINGLE(gemv_single_8_f32, 8, true)
SINGLE(gemv_single_1_direct_f32, 1, false)
SINGLE(gemv_single_2_direct_f32, 2, false)
SINGLE(gemv_single_4_direct_f32, 4, false)
SINGLE(gemv_single_8_direct_f32, 8, false)
