// Attention of many queries at once with heads of 512, f16 and bf16: the one attention layer of the
// autoencoder of a diffusion model, over up to 128^2 places.
//
// The algorithm is that of attention_prefill.cu, and what is different comes from the width. Outputs
// of 64 queries are 128 KiB, half of the registers of a multiprocessor: one block of 8 warps has it
// to itself. A warp has 32 queries (so that each fragment of values serves two multiplications) and
// a quarter of the columns, 128 registers; for the scores it has a quarter of the 64 keys of a step.
// So weights and peaks meet in shared memory. Queries, one step of keys and one of values fill that
// (192 KiB): the next keys are copied while this step's values are multiplied, and the next values
// while the next scores are.
//
// Bytes of shared memory: (64 * 3) * 1024 + 64 * 128 + 4 * 64 * 4.
#include "attention_tile.cuh"

namespace attention {

constexpr int wide_threads = 256;
constexpr int wide_rows = 64;
constexpr int wide_keys = 64;
// Warps that share 32 queries.
constexpr int wide_quarters = 4;

template <typename T, int Dim>
__device__ __forceinline__ void prefill_wide(
    const T* query, const T* keys, const T* values, T* out, const uint32_t* lengths, int heads,
    int sharing, int query_len, int key_len, int start, int causal, float scale_log2,
    long long query_batch, long long query_head, long long query_row, long long key_batch,
    long long key_head, long long key_row) {
    static_assert(Dim % 64 == 0, "a quarter is whole steps");
    using Rows = Tile<Dim>;
    using Weights = Tile<wide_keys>;
    constexpr int tile_bytes = 64 * Rows::row_bytes;
    constexpr int columns = Dim / wide_quarters;
    constexpr float infinity = __builtin_huge_valf();

    int sequence = static_cast<int>(blockIdx.y) / heads;
    int head = static_cast<int>(blockIdx.y) - sequence * heads;
    // The longest rows first.
    int first_row = static_cast<int>(gridDim.x - 1 - blockIdx.x) * wide_rows;

    ptx::wait_for_previous();
    ptx::let_next_begin();

    int visible = key_len;
    if (lengths != nullptr) visible = min(visible, static_cast<int>(lengths[sequence]));
    int last_row = min(first_row + wide_rows, query_len) - 1;
    int block_limit = causal ? min(visible, start + last_row + 1) : visible;
    int steps = (block_limit + wide_keys - 1) / wide_keys;

    query += sequence * query_batch + head * query_head + first_row * query_row;
    keys += sequence * key_batch + (head / sharing) * key_head;
    values += sequence * key_batch + (head / sharing) * key_head;

    // ---- shared memory ----
    unsigned char* query_tile = ptx::dynamic_shared();
    unsigned char* key_tile = query_tile + tile_bytes;
    unsigned char* value_tile = key_tile + tile_bytes;
    unsigned char* weight_tile = value_tile + tile_bytes;
    // Of each quarter and row: the largest score of a step; in the end, the sum of weights.
    float* shares = reinterpret_cast<float*>(weight_tile + wide_rows * Weights::row_bytes);

    int thread = static_cast<int>(threadIdx.x);
    int lane = thread & 31;
    int warp = thread >> 5;
    int quarter = warp % wide_quarters;
    int warp_row = warp / wide_quarters * 32;
    int group = lane >> 2;
    int quad = lane & 3;
    int matrix = lane >> 3;
    int row_of_matrix = lane & 7;

    // A group of copies each; empty ones behind the last step keep the count.
    auto copy_keys = [&](int step) {
        long long first = static_cast<long long>(step) * wide_keys * key_row;
        if (step < steps)
            copy_rows<T, Dim, wide_keys, wide_threads>(key_tile, keys + first, key_row,
                                                       visible - step * wide_keys, thread);
        ptx::copy_async_commit();
    };
    auto copy_values = [&](int step) {
        long long first = static_cast<long long>(step) * wide_keys * key_row;
        if (step < steps)
            copy_rows<T, Dim, wide_keys, wide_threads>(value_tile, values + first, key_row,
                                                       visible - step * wide_keys, thread);
        ptx::copy_async_commit();
    };
    copy_rows<T, Dim, wide_rows, wide_threads>(query_tile, query, query_row,
                                               query_len - first_row, thread);
    copy_keys(0);
    copy_values(0);

    // ---- where this lane reads the tiles: see attention_prefill.cu ----
    int query_offset = Rows::offset(warp_row + (lane & 15), lane >> 4);
    int key_offset = Rows::offset(quarter * 16 + (matrix >> 1) * 8 + row_of_matrix, matrix & 1);
    int weight_offset = Weights::offset(warp_row + (lane & 15), lane >> 4);
    int value_offset = Rows::at_step(Rows::offset((matrix & 1) * 8 + row_of_matrix, matrix >> 1),
                                     quarter * columns / 16);

    float outputs[2][columns / 8][4];
    float peaks[2][2];
    float sums[2][2];
#pragma unroll
    for (int m = 0; m < 2; ++m) {
#pragma unroll
        for (int n = 0; n < columns / 8; ++n) {
#pragma unroll
            for (int e = 0; e < 4; ++e) outputs[m][n][e] = 0.0f;
        }
        peaks[m][0] = peaks[m][1] = -infinity;
        sums[m][0] = sums[m][1] = 0.0f;
    }

    for (int step = 0; step < steps; ++step) {
        // Keys are there; this step's values may be on their way.
        ptx::copy_async_wait<1>();
        __syncthreads();

        // ---- scores of 32 queries with 16 keys ----
        float scores[2][2][4] = {};
#pragma unroll 8
        for (int k = 0; k < Rows::steps; ++k) {
            uint32_t asked[2][4], fragment[4];
            ptx::ldmatrix_x4(asked[0], query_tile + Rows::at_step(query_offset, k));
            ptx::ldmatrix_x4(asked[1],
                             query_tile + Rows::at_step(query_offset, k) + 16 * Rows::row_bytes);
            ptx::ldmatrix_x4(fragment, key_tile + Rows::at_step(key_offset, k));
#pragma unroll
            for (int m = 0; m < 2; ++m) {
                ptx::mma_16x8x16<T>(scores[m][0], asked[m], {fragment[0], fragment[1]});
                ptx::mma_16x8x16<T>(scores[m][1], asked[m], {fragment[2], fragment[3]});
            }
        }

        // ---- hide what lies behind a row's limit, and tell the others the largest ----
        int first_key = step * wide_keys + quarter * 16 + 2 * quad;
#pragma unroll
        for (int m = 0; m < 2; ++m) {
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                int row = warp_row + m * 16 + half * 8 + group;
                int limit = causal ? min(visible, start + first_row + row + 1) : visible;
                float largest = -infinity;
#pragma unroll
                for (int n = 0; n < 2; ++n) {
#pragma unroll
                    for (int e = 0; e < 2; ++e) {
                        float& score = scores[m][n][2 * half + e];
                        if (first_key + n * 8 + e >= limit) score = -infinity;
                        largest = fmaxf(largest, score);
                    }
                }
                largest = row_max(largest);
                if (quad == 0) shares[quarter * wide_rows + row] = largest;
            }
        }
        // The keys have been read.
        __syncthreads();
        copy_keys(step + 1);

        // ---- peaks, weights, and sums of this quarter ----
#pragma unroll
        for (int m = 0; m < 2; ++m) {
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                int row = warp_row + m * 16 + half * 8 + group;
                float largest = shares[row];
#pragma unroll
                for (int other = 1; other < wide_quarters; ++other)
                    largest = fmaxf(largest, shares[other * wide_rows + row]);
                largest *= scale_log2;
                float before = peaks[m][half];
                bool changed = largest > before + peak_slack;
                if (__any_sync(0xffffffffu, changed)) {
                    float factor = 1.0f;
                    if (changed) {
                        peaks[m][half] = largest;
                        factor = ptx::exp2_fast(before - largest);
                    }
                    sums[m][half] *= factor;
#pragma unroll
                    for (int n = 0; n < columns / 8; ++n) {
                        outputs[m][n][2 * half] *= factor;
                        outputs[m][n][2 * half + 1] *= factor;
                    }
                }
#pragma unroll
                for (int n = 0; n < 2; ++n) {
                    float first = ptx::exp2_fast(
                        fmaf(scores[m][n][2 * half], scale_log2, -peaks[m][half]));
                    float second = ptx::exp2_fast(
                        fmaf(scores[m][n][2 * half + 1], scale_log2, -peaks[m][half]));
                    sums[m][half] += first + second;
                    *reinterpret_cast<uint32_t*>(weight_tile +
                                                 Weights::offset(row, quarter * 2 + n) +
                                                 quad * 4) = ptx::pack<T>(first, second);
                }
            }
        }
        // Values and weights are there; the next keys may be on their way.
        ptx::copy_async_wait<1>();
        __syncthreads();

        // ---- outputs += weights * values, a quarter of the columns ----
#pragma unroll
        for (int k = 0; k < wide_keys / 16; ++k) {
            uint32_t weights[2][4];
            ptx::ldmatrix_x4(weights[0], weight_tile + Weights::at_step(weight_offset, k));
            ptx::ldmatrix_x4(weights[1], weight_tile + Weights::at_step(weight_offset, k) +
                                             16 * Weights::row_bytes);
#pragma unroll
            for (int n = 0; n < columns / 16; ++n) {
                uint32_t fragment[4];
                ptx::ldmatrix_x4_trans(fragment, value_tile + Rows::at_step(value_offset, n) +
                                                     k * 16 * Rows::row_bytes);
#pragma unroll
                for (int m = 0; m < 2; ++m) {
                    ptx::mma_16x8x16<T>(outputs[m][2 * n], weights[m], {fragment[0], fragment[1]});
                    ptx::mma_16x8x16<T>(outputs[m][2 * n + 1], weights[m],
                                        {fragment[2], fragment[3]});
                }
            }
        }
        // The values, weights and largest scores have been read.
        __syncthreads();
        copy_values(step + 1);
    }

    // ---- divide, and write whole rows through the query tile ----
    ptx::copy_async_wait<0>();
#pragma unroll
    for (int m = 0; m < 2; ++m) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            float sum = row_sum(sums[m][half]);
            int row = warp_row + m * 16 + half * 8 + group;
            if (quad == 0) shares[quarter * wide_rows + row] = sum;
        }
    }
    __syncthreads();
#pragma unroll
    for (int m = 0; m < 2; ++m) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            int row = warp_row + m * 16 + half * 8 + group;
            float sum = shares[row];
#pragma unroll
            for (int other = 1; other < wide_quarters; ++other)
                sum += shares[other * wide_rows + row];
            float inverse = sum > 0.0f ? 1.0f / sum : 0.0f;
#pragma unroll
            for (int n = 0; n < columns / 8; ++n) {
                *reinterpret_cast<uint32_t*>(query_tile +
                                             Rows::offset(row, quarter * columns / 8 + n) +
                                             quad * 4) =
                    ptx::pack<T>(outputs[m][n][2 * half] * inverse,
                                 outputs[m][n][2 * half + 1] * inverse);
            }
        }
    }
    __syncthreads();
    long long out_row = static_cast<long long>(heads) * Dim;
    out += (static_cast<long long>(sequence) * query_len + first_row) * out_row + head * Dim;
    for (int index = thread; index < wide_rows * Rows::pieces; index += wide_threads) {
        int row = index / Rows::pieces;
        int piece = index % Rows::pieces;
        if (first_row + row < query_len) {
            *reinterpret_cast<uint4*>(out + row * out_row + piece * 8) =
                *reinterpret_cast<const uint4*>(query_tile + Rows::offset(row, piece));
        }
    }
}

}  // namespace attention

#define ATTENTION_WIDE(NAME, TYPE)                                                               \
    extern "C" __global__ void __launch_bounds__(256, 1) attention_wide_##NAME##_512(            \
        const TYPE* query, const TYPE* keys, const TYPE* values, TYPE* out,                      \
        const uint32_t* lengths, int heads, int sharing, int query_len, int key_len, int start,  \
        int causal, float scale_log2, long long query_batch, long long query_head,               \
        long long query_row, long long key_batch, long long key_head, long long key_row) {       \
        attention::prefill_wide<TYPE, 512>(query, keys, values, out, lengths, heads, sharing,    \
                                           query_len, key_len, start, causal, scale_log2,        \
                                           query_batch, query_head, query_row, key_batch,        \
                                           key_head, key_row);                                   \
    }

ATTENTION_WIDE(bf16, __nv_bfloat16)
ATTENTION_WIDE(f16, __half)
