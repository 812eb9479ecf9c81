// How the parts of one query's softmax are put together (decode): first those of the warps of a
// block, in shared memory, then those of the blocks, in global memory.
//
// A part is (peak, sum, outputs): the largest score, and sum and outputs relative to it. Parts are
// added in the order of their numbers, whichever block comes last, so the same inputs give the
// same bits.
#pragma once

#include "ptx.cuh"

namespace attention {

constexpr int most_splits = 32;

// Parts of the warps of a block, for up to `Rows` queries.
template <int Dim, int Rows, int Warps>
struct Parts {
    // 8 floats between rows, so that the 8 rows that a warp writes at once meet different banks.
    static constexpr int pitch = Dim + 8;

    float peaks[Warps][Rows];
    float sums[Warps][Rows];
    float outputs[Warps][Rows][pitch];
};

// Parts of the blocks of one query, as the last block reads them.
template <int Rows>
struct BlockParts {
    uint32_t is_last;
    float peaks[most_splits][Rows];
    float sums[most_splits][Rows];
};

__device__ __forceinline__ void store_pair(float* to, float first, float second) {
    *reinterpret_cast<float2*>(to) = make_float2(first, second);
}
__device__ __forceinline__ void store_pair(__nv_bfloat16* to, float first, float second) {
    *reinterpret_cast<uint32_t*>(to) = ptx::pack<__nv_bfloat16>(first, second);
}
__device__ __forceinline__ void store_pair(__half* to, float first, float second) {
    *reinterpret_cast<uint32_t*>(to) = ptx::pack<__half>(first, second);
}

// Adds up the parts in `shared` (a Parts, complete but for the barrier) and leaves the outputs of
// `rows` queries in `out`; with more than one block, in `partials` first, and the block that comes
// last adds those.
//
// partials: [splits][Rows][Dim + 2] floats of this group of queries: outputs, peak, sum.
// counter: blocks of this group that have come; 0 before and after.
// active: blocks of this group that have keys; they are the first ones.
template <typename T, int Dim, int Rows, int Warps>
__device__ __forceinline__ void combine(unsigned char* shared, int rows, int split, int active,
                                        float* partials, uint32_t* counter, T* out) {
    constexpr int pairs = Dim / 2;
    constexpr int threads = Warps * 32;
    constexpr int partial_row = Dim + 2;
    int thread = static_cast<int>(threadIdx.x);

    const auto& parts = *reinterpret_cast<const Parts<Dim, Rows, Warps>*>(shared);
    __syncthreads();
    for (int index = thread; index < rows * pairs; index += threads) {
        int row = index / pairs;
        int column = index % pairs * 2;
        float peak = parts.peaks[0][row];
#pragma unroll
        for (int warp = 1; warp < Warps; ++warp) peak = fmaxf(peak, parts.peaks[warp][row]);
        float sum = 0.0f, first = 0.0f, second = 0.0f;
#pragma unroll
        for (int warp = 0; warp < Warps; ++warp) {
            // A warp without keys has the peak -inf: 2^-inf is 0.
            float weight = ptx::exp2_fast(parts.peaks[warp][row] - peak);
            sum += weight * parts.sums[warp][row];
            first += weight * parts.outputs[warp][row][column];
            second += weight * parts.outputs[warp][row][column + 1];
        }
        if (active == 1) {
            float inverse = 1.0f / sum;
            store_pair(out + row * Dim + column, first * inverse, second * inverse);
        } else {
            float* partial = partials + (split * Rows + row) * partial_row;
            store_pair(partial + column, first, second);
            if (column == 0) store_pair(partial + Dim, peak, sum);
        }
    }
    if (active == 1) return;

    // The pattern of the "threadFenceReduction" sample: writes, fence, count; the last one reads.
    auto& blocks = *reinterpret_cast<BlockParts<Rows>*>(shared);
    __threadfence();
    __syncthreads();
    if (thread == 0) {
        unsigned last = static_cast<unsigned>(active - 1);
        // Wraps to 0 after the last one, ready for the next launch.
        blocks.is_last = atomicInc(counter, last) == last ? 1 : 0;
    }
    __syncthreads();
    if (blocks.is_last == 0) return;
    __threadfence();

    for (int index = thread; index < active * rows; index += threads) {
        int block = index / rows;
        int row = index % rows;
        float2 peak_and_sum = __ldcg(reinterpret_cast<const float2*>(
            partials + (block * Rows + row) * partial_row + Dim));
        blocks.peaks[block][row] = peak_and_sum.x;
        blocks.sums[block][row] = peak_and_sum.y;
    }
    __syncthreads();
    for (int index = thread; index < rows * pairs; index += threads) {
        int row = index / pairs;
        int column = index % pairs * 2;
        float peak = blocks.peaks[0][row];
        for (int block = 1; block < active; ++block) peak = fmaxf(peak, blocks.peaks[block][row]);
        float sum = 0.0f, first = 0.0f, second = 0.0f;
#pragma unroll 8
        for (int block = 0; block < active; ++block) {
            float2 values = __ldcg(reinterpret_cast<const float2*>(
                partials + (block * Rows + row) * partial_row + column));
            float weight = ptx::exp2_fast(blocks.peaks[block][row] - peak);
            sum += weight * blocks.sums[block][row];
            first += weight * values.x;
            second += weight * values.y;
        }
        float inverse = 1.0f / sum;
        store_pair(out + row * Dim + column, first * inverse, second * inverse);
    }
}

// Which keys a block takes: units of 16 keys, so many per block that all four warps have one, and
// a multiple of that.
struct Share {
    int first;   // unit
    int end;     // unit
    int active;  // blocks that have any
};

__device__ __forceinline__ Share share_of(int split, int splits, int visible) {
    int units = (visible + 15) / 16;
    int per_split = (units + splits - 1) / splits;
    per_split = (per_split + 3) / 4 * 4;
    return {split * per_split, min(units, (split + 1) * per_split),
            (units + per_split - 1) / per_split};
}

}  // namespace attention
