// Attention of one query per sequence to all keys before it (decode), f16 and bf16.
//
// The keys of a head are divided among up to 32 blocks (split-KV, "flash-decoding"); each block
// leaves a part, and the block that comes last adds them (attention_combine.cuh). The grid depends
// on the shapes only; the position is read from the device, and the keys that are there are
// divided anew each time, so one captured launch serves every step, with all blocks busy.
//
// Why it looks as it does, for H100 and H200:
// - Bytes decide, so they are kept in flight: each warp has a ring of its own of 3 to 4 units of
//   16 keys with their values (8 KiB at a head of 128), filled by cp.async. Warps never wait for
//   each other before the end. Two blocks of 4 warps per multiprocessor hold up to 192 KiB in
//   flight; 4.3 TB/s at 800 ns need 26 KiB. Where few heads are divided among many blocks, a ring
//   is 2 units: a warp has few, and the kernel behind finds shared memory to begin in.
// - The query heads that share keys (GQA, MQA) are the 16 rows of a tensor-core tile, more than 16
//   of them several tiles. Also for one row the tensor cores are the cheap way: about 100
//   instructions for 16 keys, a third of what multiply-adds and shuffles would take.
// - The copy of keys that earlier steps have left begins before the kernels in front of this one
//   have ended (programmatic dependent launch); queries and the newest key wait for them. Only what
//   an earlier step wrote is read early. That it is there needs one kernel in each step that lets
//   the next one begin only after it has itself waited: the lookup of the token's embedding, behind
//   the kernel that moves the position on, is one.
// - `attention_step` takes query, key and value as the fused projection leaves them and rotates them
//   itself, which saves a kernel in front of it. The block with the newest place puts its key and
//   value into shared memory, where it needs them, and into the cache, where no block of the same
//   launch looks for them.
//
// Precision: as in attention_prefill.cu.
//
// Bytes of shared memory: 4 warps * stages * 2 * 16 * row_bytes; row_bytes is 128 at heads up to 64,
// 256 above; for `attention_step`, the rows of the query behind that.
#include "attention_combine.cuh"
#include "attention_tile.cuh"
#include "vector.cuh"

namespace attention {

constexpr int decode_warps = 4;
constexpr int decode_rows = 16;
constexpr int unit_keys = 16;

// What a step takes from the fused projection instead of a query and a cache with the newest key.
template <typename T>
struct Fresh {
    const float *cos, *sin;  // [positions, Dim / 2], or null
    T *keys, *values;        // the cache
};

// Neighbours `column`, `column + 1` of a head, rotated by the angles of a position. The same as in
// rope.cu.
template <typename T, int Dim>
__device__ __forceinline__ uint32_t rotated_pair(const T* head, int column, const float* cos,
                                                 const float* sin) {
    if (cos == nullptr) return *reinterpret_cast<const uint32_t*>(head + column);
    bool second = column >= Dim / 2;
    int angle = second ? column - Dim / 2 : column;
    int other = second ? angle : column + Dim / 2;
    float2 c = *reinterpret_cast<const float2*>(cos + angle);
    float2 s = *reinterpret_cast<const float2*>(sin + angle);
    if (!second) s = make_float2(-s.x, -s.y);
    return ptx::pack<T>(to_float(head[column]) * c.x + to_float(head[other]) * s.x,
                        to_float(head[column + 1]) * c.y + to_float(head[other + 1]) * s.y);
}

// No pointer is __restrict__: the compiler might move a read in front of wait_for_previous().
//
// FRESH: `query` is rows of the fused projection: heads of the query, then of the key, of the value.
template <typename T, int Dim, int stages, bool FRESH>
__device__ __forceinline__ void decode(
    const T* query, const T* keys, const T* values, T* out, const uint32_t* position_tensor,
    int position, int capacity, float* partials, uint32_t* counters, int kv_heads, int sharing,
    float scale_log2, long long key_batch, long long key_head, long long key_row,
    Fresh<T> fresh = {}) {
    using Rows = Tile<Dim>;
    constexpr int tile_bytes = unit_keys * Rows::row_bytes;
    constexpr int steps_of_dim = Dim / 16;
    constexpr float infinity = __builtin_huge_valf();
    unsigned char* shared = ptx::dynamic_shared();

    // ---- which rows of which head, and which of its keys ----
    int split = static_cast<int>(blockIdx.x);
    int splits = static_cast<int>(gridDim.x);
    int sequence = static_cast<int>(blockIdx.z) / kv_heads;
    int kv_head = static_cast<int>(blockIdx.z) - sequence * kv_heads;
    int first_row = static_cast<int>(blockIdx.y) * decode_rows;
    int rows = min(decode_rows, sharing - first_row);

    if (position_tensor != nullptr) position = static_cast<int>(min(*position_tensor, 0x7ffffffeu));
    int visible = min(position + 1, capacity);
    Share share = share_of(split, splits, visible);
    if (split >= share.active) return;

    int thread = static_cast<int>(threadIdx.x);
    int lane = thread & 31;
    int warp = thread >> 5;
    int group = lane >> 2;
    int quad = lane & 3;

    keys += sequence * key_batch + kv_head * key_head;
    values += sequence * key_batch + kv_head * key_head;
    long long row_of_query =
        (static_cast<long long>(sequence) * kv_heads + kv_head) * sharing + first_row;
    out += row_of_query * Dim;

    // The newest place, which this block adds to the cache, and how many are there without it.
    bool adds = FRESH && position < capacity;
    int stored = adds ? visible - 1 : visible;
    const T* fresh_key = nullptr;
    if constexpr (FRESH) {
        query += static_cast<long long>(sequence) * (sharing + 2) * kv_heads * Dim;
        fresh_key = query + (sharing * kv_heads + kv_head) * Dim;
        query += (kv_head * sharing + first_row) * Dim;
        fresh.keys += sequence * key_batch + kv_head * key_head;
        fresh.values += sequence * key_batch + kv_head * key_head;
        if (fresh.cos != nullptr && adds) {
            fresh.cos += static_cast<long long>(position) * (Dim / 2);
            fresh.sin += static_cast<long long>(position) * (Dim / 2);
        }
    } else {
        query += row_of_query * Dim;
    }

    // ---- this warp's ring ----
    unsigned char* ring = shared + warp * stages * 2 * tile_bytes;
    auto copy_unit = [&](int unit, int stage) {
        unsigned char* tile = ring + stage * 2 * tile_bytes;
        int first = unit * unit_keys;
        long long offset = first * key_row;
        copy_rows<T, Dim, unit_keys, 32>(tile, keys + offset, key_row, stored - first, lane);
        copy_rows<T, Dim, unit_keys, 32>(tile + tile_bytes, values + offset, key_row,
                                         stored - first, lane);
    };
    // Units without the newest key were complete before this step began.
    auto is_old = [&](int unit) { return FRESH || (unit + 1) * unit_keys < visible; };
    int first_unit = share.first + warp;
#pragma unroll
    for (int stage = 0; stage < stages; ++stage) {
        int unit = first_unit + stage * decode_warps;
        if (unit < share.end && is_old(unit)) {
            copy_unit(unit, stage);
            ptx::copy_async_commit();
        }
    }
    ptx::let_next_begin();
    ptx::wait_for_previous();
#pragma unroll
    for (int stage = 0; stage < stages; ++stage) {
        int unit = first_unit + stage * decode_warps;
        // The rest, so that each stage is one group of copies, if an empty one.
        if (unit >= share.end) {
            ptx::copy_async_commit();
        } else if (!is_old(unit)) {
            copy_unit(unit, stage);
            ptx::copy_async_commit();
        }
    }

    // ---- 16 bytes of the newest key or value for each lane of the warp that has its unit ----
    int newest_unit = position / unit_keys;
    uint4 newest = make_uint4(0, 0, 0, 0);
    bool is_value = lane >= Rows::pieces;
    int newest_piece = is_value ? lane - Rows::pieces : lane;
    if constexpr (FRESH) {
        adds = adds && newest_unit >= first_unit && newest_unit < share.end &&
               (newest_unit - first_unit) % decode_warps == 0;
        if (adds && newest_piece < Rows::pieces) {
            if (is_value) {
                newest = ptx::load(fresh_key + kv_heads * Dim + newest_piece * 8);
            } else {
                int column = newest_piece * 8;
                newest.x = rotated_pair<T, Dim>(fresh_key, column, fresh.cos, fresh.sin);
                newest.y = rotated_pair<T, Dim>(fresh_key, column + 2, fresh.cos, fresh.sin);
                newest.z = rotated_pair<T, Dim>(fresh_key, column + 4, fresh.cos, fresh.sin);
                newest.w = rotated_pair<T, Dim>(fresh_key, column + 6, fresh.cos, fresh.sin);
            }
            // Several groups of query heads may share the key.
            if (first_row == 0) {
                T* cache = is_value ? fresh.values : fresh.keys;
                ptx::store(cache + position * key_row + newest_piece * 8, newest);
            }
        }
    }

    // ---- queries, rotated once for all warps ----
    if constexpr (FRESH) {
        T* rotated = reinterpret_cast<T*>(shared + decode_warps * stages * 2 * tile_bytes);
        for (int index = thread; index < rows * (Dim / 2); index += decode_warps * 32) {
            int row = index / (Dim / 2), column = index % (Dim / 2) * 2;
            *reinterpret_cast<uint32_t*>(rotated + row * Dim + column) =
                rotated_pair<T, Dim>(query + row * Dim, column, fresh.cos, fresh.sin);
        }
        query = rotated;
        __syncthreads();
    }

    // ---- queries, straight into fragments: rows without a query are zeros ----
    uint32_t query_fragments[steps_of_dim][4];
#pragma unroll
    for (int k = 0; k < steps_of_dim; ++k) {
#pragma unroll
        for (int part = 0; part < 4; ++part) {
            int row = group + (part & 1) * 8;
            int column = k * 16 + (part >> 1) * 8 + quad * 2;
            query_fragments[k][part] =
                row < rows ? *reinterpret_cast<const uint32_t*>(query + row * Dim + column) : 0u;
        }
    }

    int matrix = lane >> 3;
    int row_of_matrix = lane & 7;
    int key_offset = Rows::offset((matrix >> 1) * 8 + row_of_matrix, matrix & 1);
    int value_offset = Rows::offset((matrix & 1) * 8 + row_of_matrix, matrix >> 1);

    float outputs[Dim / 8][4];
#pragma unroll
    for (int n = 0; n < Dim / 8; ++n) {
#pragma unroll
        for (int e = 0; e < 4; ++e) outputs[n][e] = 0.0f;
    }
    float peaks[2] = {-infinity, -infinity};
    float sums[2] = {0.0f, 0.0f};

    int stage = 0;
    for (int unit = first_unit; unit < share.end; unit += decode_warps) {
        ptx::copy_async_wait<stages - 1>();
        ptx::warp_barrier();
        unsigned char* key_tile = ring + stage * 2 * tile_bytes;
        unsigned char* value_tile = key_tile + tile_bytes;
        if (FRESH && adds && unit == newest_unit) {
            // Over the zeros of its row, which every lane's copies have left by now.
            if (newest_piece < Rows::pieces)
                ptx::store((is_value ? value_tile : key_tile) +
                               Rows::offset(position % unit_keys, newest_piece),
                           newest);
            ptx::warp_barrier();
        }

        // ---- scores of 16 keys ----
        float scores[2][4] = {{0.0f, 0.0f, 0.0f, 0.0f}, {0.0f, 0.0f, 0.0f, 0.0f}};
#pragma unroll
        for (int k = 0; k < steps_of_dim; ++k) {
            uint32_t fragment[4];
            ptx::ldmatrix_x4(fragment, key_tile + Rows::at_step(key_offset, k));
            ptx::mma_16x8x16<T>(scores[0], query_fragments[k], {fragment[0], fragment[1]});
            ptx::mma_16x8x16<T>(scores[1], query_fragments[k], {fragment[2], fragment[3]});
        }
        int limit = visible - unit * unit_keys - 2 * quad;
        if (visible < (unit + 1) * unit_keys) {
#pragma unroll
            for (int n = 0; n < 2; ++n) {
#pragma unroll
                for (int e = 0; e < 4; ++e) {
                    if (n * 8 + (e & 1) >= limit) scores[n][e] = -infinity;
                }
            }
        }

        // ---- new peaks ----
        float factors[2];
        bool changed = false;
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            float largest = fmaxf(fmaxf(scores[0][2 * half], scores[0][2 * half + 1]),
                                  fmaxf(scores[1][2 * half], scores[1][2 * half + 1]));
            largest = row_max(largest) * scale_log2;
            factors[half] = 1.0f;
            if (largest > peaks[half] + peak_slack) {
                factors[half] = ptx::exp2_fast(peaks[half] - largest);
                peaks[half] = largest;
                changed = true;
            }
        }
        if (__any_sync(0xffffffffu, changed)) {
            sums[0] *= factors[0];
            sums[1] *= factors[1];
#pragma unroll
            for (int n = 0; n < Dim / 8; ++n) {
#pragma unroll
                for (int e = 0; e < 4; ++e) outputs[n][e] *= factors[e >> 1];
            }
        }

        // ---- weights, and outputs += weights * values ----
        uint32_t weights[4];
#pragma unroll
        for (int part = 0; part < 4; ++part) {
            int half = part & 1;
            float first = ptx::exp2_fast(
                fmaf(scores[part >> 1][2 * half], scale_log2, -peaks[half]));
            float second = ptx::exp2_fast(
                fmaf(scores[part >> 1][2 * half + 1], scale_log2, -peaks[half]));
            sums[half] += first + second;
            weights[part] = ptx::pack<T>(first, second);
        }
#pragma unroll
        for (int n = 0; n < Dim / 16; ++n) {
            uint32_t fragment[4];
            ptx::ldmatrix_x4_trans(fragment, value_tile + Rows::at_step(value_offset, n));
            ptx::mma_16x8x16<T>(outputs[2 * n], weights, {fragment[0], fragment[1]});
            ptx::mma_16x8x16<T>(outputs[2 * n + 1], weights, {fragment[2], fragment[3]});
        }

        // ---- every lane has read this stage: fill it again ----
        ptx::warp_barrier();
        int next = unit + stages * decode_warps;
        if (next < share.end) copy_unit(next, stage);
        ptx::copy_async_commit();
        stage = stage + 1 == stages ? 0 : stage + 1;
    }

    // ---- this warp's part, where the rings were ----
    __syncthreads();
    auto& parts = *reinterpret_cast<Parts<Dim, decode_rows, decode_warps>*>(shared);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        int row = half * 8 + group;
        float sum = row_sum(sums[half]);
        if (row < rows) {
            if (quad == 0) {
                parts.peaks[warp][row] = peaks[half];
                parts.sums[warp][row] = sum;
            }
#pragma unroll
            for (int n = 0; n < Dim / 8; ++n) {
                store_pair(&parts.outputs[warp][row][n * 8 + quad * 2], outputs[n][2 * half],
                           outputs[n][2 * half + 1]);
            }
        }
    }
    long long place = static_cast<long long>(blockIdx.z) * gridDim.y + blockIdx.y;
    combine<T, Dim, decode_rows, decode_warps>(
        shared, rows, split, share.active, partials + place * splits * decode_rows * (Dim + 2),
        counters + place, out);
}

}  // namespace attention

// attention_decode_{type}_{head size} and attention_step_…, and both with rings of two units: …_short_…
#define ATTENTION_DECODE(NAME, TYPE, DIM, STAGES)                                                \
    extern "C" __global__ void __launch_bounds__(128, 2) attention_decode_##NAME##_##DIM(        \
        const TYPE* query, const TYPE* keys, const TYPE* values, TYPE* out,                      \
        const uint32_t* position_tensor, int position, int capacity, float* partials,            \
        uint32_t* counters, int kv_heads, int sharing, float scale_log2, long long key_batch,    \
        long long key_head, long long key_row) {                                                 \
        attention::decode<TYPE, DIM, STAGES, false>(                                             \
            query, keys, values, out, position_tensor, position, capacity, partials, counters,   \
            kv_heads, sharing, scale_log2, key_batch, key_head, key_row);                        \
    }                                                                                            \
    extern "C" __global__ void __launch_bounds__(128, 2) attention_step_##NAME##_##DIM(          \
        const TYPE* qkv, const float* cos, const float* sin, TYPE* keys, TYPE* values,           \
        TYPE* out, const uint32_t* position_tensor, int position, int capacity, float* partials, \
        uint32_t* counters, int kv_heads, int sharing, float scale_log2, long long key_batch,    \
        long long key_head, long long key_row) {                                                 \
        attention::decode<TYPE, DIM, STAGES, true>(                                              \
            qkv, keys, values, out, position_tensor, position, capacity, partials, counters,     \
            kv_heads, sharing, scale_log2, key_batch, key_head, key_row,                         \
            {cos, sin, keys, values});                                                           \
    }

#define ATTENTION_DECODE_ALL(NAME, TYPE)        \
    ATTENTION_DECODE(NAME, TYPE, 16, 4)         \
    ATTENTION_DECODE(NAME, TYPE, 32, 4)         \
    ATTENTION_DECODE(NAME, TYPE, 64, 4)         \
    ATTENTION_DECODE(NAME, TYPE, 80, 3)         \
    ATTENTION_DECODE(NAME, TYPE, 128, 3)        \
    ATTENTION_DECODE(short_##NAME, TYPE, 16, 2) \
    ATTENTION_DECODE(short_##NAME, TYPE, 32, 2) \
    ATTENTION_DECODE(short_##NAME, TYPE, 64, 2) \
    ATTENTION_DECODE(short_##NAME, TYPE, 80, 2) \
    ATTENTION_DECODE(short_##NAME, TYPE, 128, 2)

ATTENTION_DECODE_ALL(bf16, __nv_bfloat16)
ATTENTION_DECODE_ALL(f16, __half)
