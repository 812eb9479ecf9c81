// Weights in bf16 and f16 with up to 8 rows of x that together are too large for shared memory.
//
// x comes in parts along k: a block takes a part through all of its tiles, while the next part is
// copied beside it, and keeps the sums of each tile in shared memory from part to part. So x is read
// once per block, and nothing waits for it but the first time.

#include "gemv_tensor.cuh"

namespace gemv {

// A part has at least 5 steps, so that the copy of the next one, begun with the first step, is
// complete with the last.
template <typename T>
__device__ __forceinline__ void in_parts(const T* weight, const Job<T>& job) {
    const unsigned thread = ptx::keep(threadIdx.x);
    const unsigned lane = thread % 32, warp = thread / 32;
    const unsigned g = lane / 4, t = lane % 4;
    const unsigned padded = (job.in_features + DEPTH - 1) / DEPTH * DEPTH;
    const unsigned tiles = job.template tiles<TILE>();
    const unsigned part = job.steps() * HOP;
    // Half a line of 32 banks more, so that the eight lanes of a wide load meet different banks.
    const unsigned stride = part + 32;
    const unsigned columns = (job.rows + 1) / 2 * 2;

    uint4* ring = reinterpret_cast<uint4*>(ptx::dynamic_shared());
    T* zeros = reinterpret_cast<T*>(ring + STAGES * SLOT);
    T* staged = zeros + DEPTH;  // two parts of x
    float* partial = reinterpret_cast<float*>(staged + 2 * job.rows * stride);
    const uint64_t once = ptx::once_policy();
    const unsigned start = warp * DEPTH + t * 8;

    unsigned next_begin = 0, next_tile = blockIdx.x, next_k = start;
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
        if (next_begin < padded) {
            uint4* to = ring + slot * SLOT + thread;
            const unsigned k = next_k;
            if (k < padded) {
                ptx::copy_async_16_once(to, upper + k, k < upper_end, once);
                ptx::copy_async_16_once(to + THREADS, upper + k + 32, k + 32 < upper_end, once);
                ptx::copy_async_16_once(to + 2 * THREADS, lower + k, k < lower_end, once);
                ptx::copy_async_16_once(to + 3 * THREADS, lower + k + 32, k + 32 < lower_end, once);
            }
            next_k += HOP;
            // A step is over for all warps at once, and so is a part.
            if (next_k - start >= min(next_begin + part, padded)) {
                next_tile += gridDim.x;
                if (next_tile >= tiles) {
                    next_tile = blockIdx.x;
                    next_begin += part;
                }
                next_k = start + next_begin;
                aim();
            }
        }
        ptx::copy_async_commit();
    };
    const auto half = [&](unsigned begin) {
        return staged + (begin / part % 2) * job.rows * stride;
    };
    // Each warp copies a row of x.
    const auto copy = [&](unsigned begin) {
        if (warp >= job.rows) return;
        const T* from = job.x + size_t(warp) * job.in_features;
        T* to = half(begin) + warp * stride;
        const unsigned end = min(begin + part, padded);
        for (unsigned k = begin + lane * 8; k < end; k += 32 * 8)
            ptx::copy_async_16(to + (k - begin), from + k, k < job.in_features);
    };

    job.await_weight();
    ptx::let_next_begin();
    aim();
    for (int slot = 0; slot < STAGES - 1; ++slot) fetch(slot);
    clear(zeros, DEPTH * sizeof(T));
    ptx::wait_for_previous();
    copy(0);
    ptx::copy_async_commit();
    ptx::copy_async_wait<0>();
    __syncthreads();

    unsigned slot = 0;
    for (unsigned begin = 0; begin < padded; begin += part) {
        const unsigned end = min(begin + part, padded);
        const bool last = end == padded;
        // Goes with the weights that are fetched next.
        if (!last) copy(end);
        float* all = partial;
        for (unsigned tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
            const Finish<T, TILE> finish(job, tile);
            float* mine = all + (warp * TILE + g) * columns + 2 * t;
            const bool keeps = 2 * t < columns;
            float sums[4] = {};
            if (begin > 0 && keeps) {
                sums[0] = mine[0];
                sums[1] = mine[1];
                sums[2] = mine[8 * columns];
                sums[3] = mine[8 * columns + 1];
            }
            for (unsigned k = start + begin; k - start < end; k += HOP) {
                fetch(slot == 0 ? STAGES - 1 : slot - 1);
                if (k < padded) {
                    const Place<T, true> at(job, half(begin), stride, zeros, g, k - begin);
                    const uint4 x[2] = {at.piece(0), at.piece(32)};
                    ptx::copy_async_wait<STAGES - 1>();
                    const uint4* from = ring + slot * SLOT + thread;
#pragma unroll
                    for (int i = 0; i < 2; ++i) {
                        const uint4 u = from[i * THREADS], l = from[(i + 2) * THREADS];
                        ptx::mma_16x8x16<T>(sums, {u.x, l.x, u.y, l.y}, {x[i].x, x[i].y});
                        ptx::mma_16x8x16<T>(sums, {u.z, l.z, u.w, l.w}, {x[i].z, x[i].w});
                    }
                }
                slot = slot == STAGES - 1 ? 0 : slot + 1;
            }
            if (keeps) {
                mine[0] = sums[0];
                mine[1] = sums[1];
                mine[8 * columns] = sums[2];
                mine[8 * columns + 1] = sums[3];
            }
            if (last) {
                __syncthreads();
                finish.write(job, all, columns);
            }
            all += WARPS * TILE * columns;
        }
        // Nobody reads this part any more, and the next one is there.
        if (!last) __syncthreads();
    }
}

}  // namespace gemv

#define PARTS(NAME, T)                                                                            \
    extern "C" __global__ void __launch_bounds__(gemv::THREADS)                                   \
        NAME(const T* weight, const T* x, const T* norm, const T* bias, const T* residual,        \
             T* out, unsigned out_features, unsigned in_features, unsigned rows, unsigned flags,  \
             float epsilon) {                                                                     \
        gemv::in_parts<T>(weight, {x, norm, bias, residual, out, out_features, in_features, rows, \
                                   flags, epsilon});                                              \
    }

PARTS(gemv_parts_bf16, __nv_bfloat16)
PARTS(gemv_parts_f16, __half)
