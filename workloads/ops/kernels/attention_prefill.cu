// Attention of many queries at once (prefill, encoder, cross-attention), f16 and bf16.
//
// One block of 4 warps takes 128 queries of one head (64 where blocks are few) and walks over the
// keys in steps of 64: scores with the tensor cores, softmax as it goes (Milakov and Gimelshein,
// arXiv 1805.02867; Dao, arXiv 2307.08691), outputs with the tensor cores. Scores never leave the
// registers.
//
// Why it looks as it does, for H100 and H200:
// - A warp has 32 queries (two tiles of 16), so that each fragment of keys and values that is read
//   from shared memory serves two multiplications: with 16 queries, mma.sync would need 160 bytes
//   per cycle of a shared memory that gives 128. Outputs (128 registers at a head of 128) and
//   scores (64) stay in registers; there is no room left for the queries, which are read again from
//   shared memory in each step, 8 KiB per warp beside the 32 KiB of keys and values.
// - Keys and values of the next step are copied while this one is computed (cp.async, two stages),
//   with one barrier per step. Two blocks share a multiprocessor, so that the exponentials of one
//   overlap the multiplications of the other.
// - Only steps that meet the diagonal or the end of the keys are masked; a warp skips steps that
//   are all masked. Blocks with the longest rows start first. Heads are taken a few at a time, so
//   that the keys and values that are in use together stay in the second-level cache.
// - Heads may share keys (GQA, MQA): the copies of the sharing heads meet in that cache.
//
// Precision: scores, sums and outputs in f32; weights are rounded to T before they multiply the
// values, as all tensor-core kernels do; the sum is of the unrounded weights.
//
// Bytes of shared memory: (rows + 4 * 64) * row_bytes, with row_bytes of `Tile`. Heads of 512 have a
// kernel of their own, attention_wide.cu.
#include "attention_tile.cuh"

namespace attention {

constexpr int prefill_threads = 128;
constexpr int prefill_keys = 64;

template <typename T, int Dim, int MTiles>
__device__ __forceinline__ void prefill(
    const T* query, const T* keys, const T* values, T* out, const uint32_t* lengths, int heads,
    int sequences_heads, int sharing, int query_len, int key_len, int start, int causal,
    float scale_log2, long long query_batch, long long query_head, long long query_row,
    long long key_batch, long long key_head, long long key_row, int heads_at_once) {
    using Rows = Tile<Dim>;
    constexpr int warp_rows = 16 * MTiles;
    constexpr int block_rows = 4 * warp_rows;
    constexpr int steps_of_dim = Rows::steps;
    constexpr int tile_bytes = prefill_keys * Rows::row_bytes;
    constexpr bool query_in_registers = MTiles == 1;
    constexpr float infinity = __builtin_huge_valf();

    // ---- which rows of which head ----
    int row_blocks = (query_len + block_rows - 1) / block_rows;
    int wave = static_cast<int>(blockIdx.x) / (heads_at_once * row_blocks);
    int within = static_cast<int>(blockIdx.x) - wave * heads_at_once * row_blocks;
    int first_head = wave * heads_at_once;
    int wave_heads = min(heads_at_once, sequences_heads - first_head);
    int row_block = row_blocks - 1 - within / wave_heads;
    int sequence_head = first_head + within % wave_heads;
    int sequence = sequence_head / heads;
    int head = sequence_head - sequence * heads;
    int first_row = row_block * block_rows;

    ptx::wait_for_previous();
    ptx::let_next_begin();

    int visible = key_len;
    if (lengths != nullptr) visible = min(visible, static_cast<int>(lengths[sequence]));
    int last_row = min(first_row + block_rows, query_len) - 1;
    int block_limit = causal ? min(visible, start + last_row + 1) : visible;
    int steps = (block_limit + prefill_keys - 1) / prefill_keys;

    query += sequence * query_batch + head * query_head + first_row * query_row;
    keys += sequence * key_batch + (head / sharing) * key_head;
    values += sequence * key_batch + (head / sharing) * key_head;

    // ---- shared memory: queries, then two stages of keys and values ----
    unsigned char* shared = ptx::dynamic_shared();
    unsigned char* query_tile = shared;
    unsigned char* stages = query_tile + block_rows * Rows::row_bytes;

    int thread = static_cast<int>(threadIdx.x);
    int lane = thread & 31;
    int warp = thread >> 5;
    int group = lane >> 2;
    int quad = lane & 3;

    auto copy_step = [&](int step) {
        unsigned char* stage = stages + (step & 1) * 2 * tile_bytes;
        long long first = static_cast<long long>(step) * prefill_keys * key_row;
        int rows = visible - step * prefill_keys;
        copy_rows<T, Dim, prefill_keys, prefill_threads>(stage, keys + first, key_row, rows,
                                                         thread);
        copy_rows<T, Dim, prefill_keys, prefill_threads>(stage + tile_bytes, values + first,
                                                         key_row, rows, thread);
    };
    // Values need none: what their padding gives is not kept.
    clear_padding<Dim, block_rows, prefill_threads>(query_tile, thread);
    clear_padding<Dim, prefill_keys, prefill_threads>(stages, thread);
    clear_padding<Dim, prefill_keys, prefill_threads>(stages + 2 * tile_bytes, thread);
    copy_rows<T, Dim, block_rows, prefill_threads>(query_tile, query, query_row,
                                                   query_len - first_row, thread);
    if (steps > 0) copy_step(0);
    ptx::copy_async_commit();

    // ---- where this lane reads the tiles: see ptx::ldmatrix_x4 ----
    int matrix = lane >> 3;
    int row_of_matrix = lane & 7;
    // Queries: rows 0-7 and 8-15, then the same rows of the next piece.
    int query_offset = Rows::offset(warp * warp_rows + (lane & 15), lane >> 4);
    // Keys: two pieces of keys 0-7, then of keys 8-15.
    int key_offset = Rows::offset((matrix >> 1) * 8 + row_of_matrix, matrix & 1);
    // Values: keys 0-7 and 8-15 of one piece, then of the next.
    int value_offset = Rows::offset((matrix & 1) * 8 + row_of_matrix, matrix >> 1);

    uint32_t query_fragments[query_in_registers ? steps_of_dim : 1][MTiles][4];
    float outputs[MTiles][Dim / 8][4];
    float peaks[MTiles][2];
    float sums[MTiles][2];
#pragma unroll
    for (int m = 0; m < MTiles; ++m) {
#pragma unroll
        for (int n = 0; n < Dim / 8; ++n) {
#pragma unroll
            for (int e = 0; e < 4; ++e) outputs[m][n][e] = 0.0f;
        }
        peaks[m][0] = peaks[m][1] = -infinity;
        sums[m][0] = sums[m][1] = 0.0f;
    }

    // Keys that row `row` of the block sees.
    auto limit_of = [&](int row) {
        return causal ? min(visible, start + first_row + row + 1) : visible;
    };
    int warp_first_limit = limit_of(warp * warp_rows);
    int warp_last_limit = limit_of(warp * warp_rows + warp_rows - 1);

    for (int step = 0; step < steps; ++step) {
        ptx::copy_async_wait<0>();
        // This step's tiles are complete, and no warp reads those of the step before any more.
        __syncthreads();
        if (step + 1 < steps) copy_step(step + 1);
        ptx::copy_async_commit();

        if constexpr (query_in_registers) {
            if (step == 0) {
#pragma unroll
                for (int k = 0; k < steps_of_dim; ++k) {
#pragma unroll
                    for (int m = 0; m < MTiles; ++m) {
                        ptx::ldmatrix_x4(query_fragments[k][m],
                                           query_tile + Rows::at_step(query_offset, k) +
                                               m * 16 * Rows::row_bytes);
                    }
                }
            }
        }
        int first_key = step * prefill_keys;
        if (first_key >= warp_last_limit) continue;
        const unsigned char* key_tile = stages + (step & 1) * 2 * tile_bytes;
        const unsigned char* value_tile = key_tile + tile_bytes;

        // ---- scores = queries * keys^T ----
        float scores[MTiles][prefill_keys / 8][4];
#pragma unroll
        for (int m = 0; m < MTiles; ++m) {
#pragma unroll
            for (int n = 0; n < prefill_keys / 8; ++n) {
#pragma unroll
                for (int e = 0; e < 4; ++e) scores[m][n][e] = 0.0f;
            }
        }
#pragma unroll
        for (int k = 0; k < steps_of_dim; ++k) {
            uint32_t loaded[MTiles][4];
            if constexpr (!query_in_registers) {
#pragma unroll
                for (int m = 0; m < MTiles; ++m) {
                    ptx::ldmatrix_x4(loaded[m], query_tile + Rows::at_step(query_offset, k) +
                                                      m * 16 * Rows::row_bytes);
                }
            }
#pragma unroll
            for (int n = 0; n < prefill_keys / 16; ++n) {
                uint32_t fragment[4];
                ptx::ldmatrix_x4(fragment, key_tile + Rows::at_step(key_offset, k) +
                                                 n * 16 * Rows::row_bytes);
#pragma unroll
                for (int m = 0; m < MTiles; ++m) {
                    const uint32_t(&a)[4] =
                        query_in_registers ? query_fragments[query_in_registers ? k : 0][m]
                                           : loaded[m];
                    ptx::mma_16x8x16<T>(scores[m][2 * n], a, {fragment[0], fragment[1]});
                    ptx::mma_16x8x16<T>(scores[m][2 * n + 1], a, {fragment[2], fragment[3]});
                }
            }
        }

        // ---- hide what lies behind a row's limit ----
        if (first_key + prefill_keys > warp_first_limit) {
#pragma unroll
            for (int m = 0; m < MTiles; ++m) {
                int row = warp * warp_rows + m * 16 + group;
                int limits[2] = {limit_of(row) - first_key - 2 * quad,
                                 limit_of(row + 8) - first_key - 2 * quad};
#pragma unroll
                for (int n = 0; n < prefill_keys / 8; ++n) {
#pragma unroll
                    for (int e = 0; e < 4; ++e) {
                        if (n * 8 + (e & 1) >= limits[e >> 1]) scores[m][n][e] = -infinity;
                    }
                }
            }
        }

        // ---- new peaks; outputs and sums follow them where they changed ----
        float factors[MTiles][2];
        bool changed = false;
#pragma unroll
        for (int m = 0; m < MTiles; ++m) {
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                float largest = fmaxf(scores[m][0][2 * half], scores[m][0][2 * half + 1]);
#pragma unroll
                for (int n = 1; n < prefill_keys / 8; ++n) {
                    largest = fmaxf(largest, fmaxf(scores[m][n][2 * half],
                                                   scores[m][n][2 * half + 1]));
                }
                largest = row_max(largest) * scale_log2;
                float before = peaks[m][half];
                factors[m][half] = 1.0f;
                if (largest > before + peak_slack) {
                    peaks[m][half] = largest;
                    factors[m][half] = ptx::exp2_fast(before - largest);
                    changed = true;
                }
            }
        }
        if (__any_sync(0xffffffffu, changed)) {
#pragma unroll
            for (int m = 0; m < MTiles; ++m) {
                sums[m][0] *= factors[m][0];
                sums[m][1] *= factors[m][1];
#pragma unroll
                for (int n = 0; n < Dim / 8; ++n) {
#pragma unroll
                    for (int e = 0; e < 4; ++e) outputs[m][n][e] *= factors[m][e >> 1];
                }
            }
        }

        // ---- weights, and outputs += weights * values ----
#pragma unroll
        for (int k = 0; k < prefill_keys / 16; ++k) {
            uint32_t weights[MTiles][4];
#pragma unroll
            for (int m = 0; m < MTiles; ++m) {
#pragma unroll
                for (int part = 0; part < 4; ++part) {
                    // Fragment part: keys 0-7 of rows 0-7, of rows 8-15, then keys 8-15.
                    int n = 2 * k + (part >> 1);
                    int half = part & 1;
                    float first = ptx::exp2_fast(
                        fmaf(scores[m][n][2 * half], scale_log2, -peaks[m][half]));
                    float second = ptx::exp2_fast(
                        fmaf(scores[m][n][2 * half + 1], scale_log2, -peaks[m][half]));
                    sums[m][half] += first + second;
                    weights[m][part] = ptx::pack<T>(first, second);
                }
            }
#pragma unroll
            for (int n = 0; n < steps_of_dim; ++n) {
                uint32_t fragment[4];
                ptx::ldmatrix_x4_trans(fragment, value_tile +
                                                            Rows::at_step(value_offset, n) +
                                                            k * 16 * Rows::row_bytes);
#pragma unroll
                for (int m = 0; m < MTiles; ++m) {
                    ptx::mma_16x8x16<T>(outputs[m][2 * n], weights[m], {fragment[0], fragment[1]});
                    if (2 * n + 1 == Rows::pieces) continue;
                    ptx::mma_16x8x16<T>(outputs[m][2 * n + 1], weights[m],
                                        {fragment[2], fragment[3]});
                }
            }
        }
    }

    // ---- divide, and write whole rows: through the warp's own rows of the query tile ----
    if (steps == 0) {
        // No key is visible: the queries may still be on their way to the tile.
        ptx::copy_async_wait<0>();
        __syncthreads();
    }
    ptx::warp_barrier();
#pragma unroll
    for (int m = 0; m < MTiles; ++m) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            float sum = row_sum(sums[m][half]);
            float inverse = sum > 0.0f ? 1.0f / sum : 0.0f;
            int row = warp * warp_rows + m * 16 + half * 8 + group;
#pragma unroll
            for (int n = 0; n < Dim / 8; ++n) {
                *reinterpret_cast<uint32_t*>(query_tile + Rows::offset(row, n) + quad * 4) =
                    ptx::pack<T>(outputs[m][n][2 * half] * inverse,
                                 outputs[m][n][2 * half + 1] * inverse);
            }
        }
    }
    ptx::warp_barrier();
    long long out_row = static_cast<long long>(heads) * Dim;
    out += (static_cast<long long>(sequence) * query_len + first_row) * out_row + head * Dim;
    constexpr int warp_pieces = warp_rows * Rows::pieces;
#pragma unroll
    for (int first = 0; first < warp_pieces; first += 32) {
        int index = first + lane;
        if (warp_pieces % 32 != 0 && index >= warp_pieces) break;
        int row = warp * warp_rows + index / Rows::pieces;
        int piece = index % Rows::pieces;
        if (first_row + row < query_len) {
            *reinterpret_cast<uint4*>(out + row * out_row + piece * 8) =
                *reinterpret_cast<const uint4*>(query_tile + Rows::offset(row, piece));
        }
    }
}

}  // namespace attention

// attention_prefill_{type}_{head size}_{query rows of a block}
#define ATTENTION_PREFILL(NAME, TYPE, DIM, ROWS, BLOCKS)                                         \
    extern "C" __global__ void __launch_bounds__(128, BLOCKS)                                    \
        attention_prefill_##NAME##_##DIM##_##ROWS(                                               \
            const TYPE* query, const TYPE* keys, const TYPE* values,              \
            TYPE* out, const uint32_t* lengths, int heads, int sequences_heads,             \
            int sharing, int query_len, int key_len, int start, int causal, float scale_log2,    \
            long long query_batch, long long query_head, long long query_row,                    \
            long long key_batch, long long key_head, long long key_row, int heads_at_once) {     \
        attention::prefill<TYPE, DIM, ROWS / 64>(                                           \
            query, keys, values, out, lengths, heads, sequences_heads, sharing, query_len,       \
            key_len, start, causal, scale_log2, query_batch, query_head, query_row, key_batch,   \
            key_head, key_row, heads_at_once);                                                   \
    }

#define ATTENTION_PREFILL_ALL(NAME, TYPE)     \
    ATTENTION_PREFILL(NAME, TYPE, 16, 64, 4)  \
    ATTENTION_PREFILL(NAME, TYPE, 32, 64, 4)  \
    ATTENTION_PREFILL(NAME, TYPE, 40, 64, 4)  \
    ATTENTION_PREFILL(NAME, TYPE, 40, 128, 3) \
    ATTENTION_PREFILL(NAME, TYPE, 64, 64, 3)  \
    ATTENTION_PREFILL(NAME, TYPE, 64, 128, 3) \
    ATTENTION_PREFILL(NAME, TYPE, 80, 64, 3)  \
    ATTENTION_PREFILL(NAME, TYPE, 80, 128, 2) \
    ATTENTION_PREFILL(NAME, TYPE, 128, 64, 2) \
    ATTENTION_PREFILL(NAME, TYPE, 128, 128, 2) \
    ATTENTION_PREFILL(NAME, TYPE, 160, 64, 1)

ATTENTION_PREFILL_ALL(bf16, __nv_bfloat16)
ATTENTION_PREFILL_ALL(f16, __half)
