// Attention in f32: the axis `dtype = f32` and the parity tests of the others. Every product is a
// multiply-add in f32; nothing is rounded to tf32. The algorithms are those of
// attention_prefill.cu and attention_decode.cu.
//
// Prefill: a block of 256 threads takes 64 queries and steps over 64 keys. Threads form a grid of
// 16 x 16: thread (y, x) has the scores of queries 4 y .. 4 y + 3 with keys x, x + 16, x + 32,
// x + 48, and the outputs of the same queries at numbers 4 x .. 4 x + 3 (and 64 + those). Rows are
// 4 floats longer than a head, so that 8 keys read at once meet different banks.
// Bytes of shared memory: (3 * 64 * (head + 4) + 64 * 68) * 4.
//
// Decode: queries of up to 4 heads that share keys form a block of 4 warps. As many lanes as a
// head has vectors of 4 floats (rounded up to a power of 2) take one key together.
// Bytes of shared memory: those of Parts<head, 4, 4> or BlockParts<4>.
#include "attention_combine.cuh"

namespace attention {

constexpr float f32_infinity = __builtin_huge_valf();

__device__ __forceinline__ float4 zeros() { return make_float4(0.0f, 0.0f, 0.0f, 0.0f); }

__device__ __forceinline__ void multiply_add(float4& sum, float a, const float4& b) {
    sum.x = fmaf(a, b.x, sum.x);
    sum.y = fmaf(a, b.y, sum.y);
    sum.z = fmaf(a, b.z, sum.z);
    sum.w = fmaf(a, b.w, sum.w);
}

__device__ __forceinline__ float dot(float sum, const float4& a, const float4& b) {
    return fmaf(a.w, b.w, fmaf(a.z, b.z, fmaf(a.y, b.y, fmaf(a.x, b.x, sum))));
}

__device__ __forceinline__ void scale(float4& value, float factor) {
    value.x *= factor;
    value.y *= factor;
    value.z *= factor;
    value.w *= factor;
}

// Copies 64 rows to shared memory; rows from `rows` on become zeros.
template <int Dim>
__device__ __forceinline__ void copy_f32_rows(float* tile, const float* source, long long stride,
                                              int rows) {
    constexpr int vectors = Dim / 4;
    for (int index = static_cast<int>(threadIdx.x); index < 64 * vectors; index += 256) {
        int row = index / vectors;
        int column = index % vectors * 4;
        float4 value = zeros();
        if (row < rows) value = *reinterpret_cast<const float4*>(source + row * stride + column);
        *reinterpret_cast<float4*>(tile + row * (Dim + 4) + column) = value;
    }
}

// Makes weights of this thread's scores of one row, with keys 0, 16, 32 and 48 from its own on, of
// which those from `limit` on are hidden. The peak of the row follows; returned is what sums and
// outputs have to be multiplied with. The first step shows every row its first key, so a peak is
// finite after it.
__device__ __forceinline__ float weigh(float (&scores)[4], float& peak, int limit,
                                       float scale_log2) {
    float largest = -f32_infinity;
#pragma unroll
    for (int j = 0; j < 4; ++j) {
        scores[j] = 16 * j >= limit ? -f32_infinity : scores[j] * scale_log2;
        largest = fmaxf(largest, scores[j]);
    }
#pragma unroll
    for (int lanes = 8; lanes > 0; lanes /= 2) {
        largest = fmaxf(largest, __shfl_xor_sync(0xffffffffu, largest, lanes));
    }
    float before = peak;
    peak = fmaxf(before, largest);
#pragma unroll
    for (int j = 0; j < 4; ++j) scores[j] = ptx::exp2_fast(scores[j] - peak);
    return ptx::exp2_fast(before - peak);
}

template <int Dim>
__device__ __forceinline__ void prefill_f32(
    const float* query, const float* keys, const float* values, float* out,
    const uint32_t* lengths, int heads, int sharing, int query_len, int key_len, int start,
    int causal, float scale_log2, long long query_batch, long long query_head,
    long long query_row, long long key_batch, long long key_head, long long key_row) {
    constexpr int pitch = Dim + 4;
    constexpr int weights_pitch = 68;
    constexpr int vectors = (Dim + 63) / 64;
    unsigned char* shared = ptx::dynamic_shared();
    float* query_tile = reinterpret_cast<float*>(shared);
    float* key_tile = query_tile + 64 * pitch;
    float* value_tile = key_tile + 64 * pitch;
    float* weights = value_tile + 64 * pitch;

    ptx::wait_for_previous();
    ptx::let_next_begin();

    int sequence = static_cast<int>(blockIdx.y) / heads;
    int head = static_cast<int>(blockIdx.y) - sequence * heads;
    // The longest rows first.
    int first_row = static_cast<int>(gridDim.x - 1 - blockIdx.x) * 64;
    int visible = key_len;
    if (lengths != nullptr) visible = min(visible, static_cast<int>(lengths[sequence]));
    int last_row = min(first_row + 64, query_len) - 1;
    int block_limit = causal ? min(visible, start + last_row + 1) : visible;

    query += sequence * query_batch + head * query_head + first_row * query_row;
    keys += sequence * key_batch + (head / sharing) * key_head;
    values += sequence * key_batch + (head / sharing) * key_head;
    copy_f32_rows<Dim>(query_tile, query, query_row, query_len - first_row);

    int y = static_cast<int>(threadIdx.x) / 16;
    int x = static_cast<int>(threadIdx.x) % 16;
    float4 outputs[4][vectors];
    float peaks[4];
    float sums[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
#pragma unroll
        for (int v = 0; v < vectors; ++v) outputs[i][v] = zeros();
        peaks[i] = -f32_infinity;
        sums[i] = 0.0f;
    }

    for (int first_key = 0; first_key < block_limit; first_key += 64) {
        __syncthreads();
        long long offset = first_key * key_row;
        copy_f32_rows<Dim>(key_tile, keys + offset, key_row, visible - first_key);
        copy_f32_rows<Dim>(value_tile, values + offset, key_row, visible - first_key);
        __syncthreads();

        float scores[4][4] = {};
#pragma unroll 4
        for (int d = 0; d < Dim; d += 4) {
            float4 q[4];
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                q[i] = *reinterpret_cast<const float4*>(query_tile + (4 * y + i) * pitch + d);
            }
#pragma unroll
            for (int j = 0; j < 4; ++j) {
                float4 k = *reinterpret_cast<const float4*>(key_tile + (x + 16 * j) * pitch + d);
#pragma unroll
                for (int i = 0; i < 4; ++i) scores[i][j] = dot(scores[i][j], q[i], k);
            }
        }

#pragma unroll
        for (int i = 0; i < 4; ++i) {
            int limit = causal ? min(visible, start + first_row + 4 * y + i + 1) : visible;
            float factor = weigh(scores[i], peaks[i], limit - first_key - x, scale_log2);
            sums[i] *= factor;
#pragma unroll
            for (int v = 0; v < vectors; ++v) scale(outputs[i][v], factor);
#pragma unroll
            for (int j = 0; j < 4; ++j) {
                sums[i] += scores[i][j];
                weights[(4 * y + i) * weights_pitch + x + 16 * j] = scores[i][j];
            }
        }
        // The rows of weights are written and read by the same half of a warp.
        ptx::warp_barrier();
#pragma unroll 2
        for (int key = 0; key < 64; key += 4) {
            float4 w[4];
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                w[i] = *reinterpret_cast<const float4*>(weights + (4 * y + i) * weights_pitch +
                                                        key);
            }
#pragma unroll
            for (int v = 0; v < vectors; ++v) {
                int column = 64 * v + 4 * x;
                if (Dim % 64 != 0 && column >= Dim) break;
                const float* value = value_tile + key * pitch + column;
                float4 v0 = *reinterpret_cast<const float4*>(value);
                float4 v1 = *reinterpret_cast<const float4*>(value + pitch);
                float4 v2 = *reinterpret_cast<const float4*>(value + 2 * pitch);
                float4 v3 = *reinterpret_cast<const float4*>(value + 3 * pitch);
#pragma unroll
                for (int i = 0; i < 4; ++i) {
                    multiply_add(outputs[i][v], w[i].x, v0);
                    multiply_add(outputs[i][v], w[i].y, v1);
                    multiply_add(outputs[i][v], w[i].z, v2);
                    multiply_add(outputs[i][v], w[i].w, v3);
                }
            }
        }
    }

    long long out_row = static_cast<long long>(heads) * Dim;
    out += (static_cast<long long>(sequence) * query_len + first_row) * out_row + head * Dim;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        float sum = sums[i];
#pragma unroll
        for (int lanes = 8; lanes > 0; lanes /= 2) {
            sum += __shfl_xor_sync(0xffffffffu, sum, lanes);
        }
        float inverse = sum > 0.0f ? 1.0f / sum : 0.0f;
        int row = 4 * y + i;
        if (first_row + row >= query_len) continue;
#pragma unroll
        for (int v = 0; v < vectors; ++v) {
            int column = 64 * v + 4 * x;
            if (Dim % 64 != 0 && column >= Dim) break;
            scale(outputs[i][v], inverse);
            *reinterpret_cast<float4*>(out + row * out_row + column) = outputs[i][v];
        }
    }
}

// As prefill_f32 for heads that do not fit shared memory three times: keys and values come in pieces
// of 64 numbers. Bytes of shared memory: (64 * (head + 4) + 2 * 64 * 68) * 4.
template <int Dim>
__device__ __forceinline__ void prefill_f32_wide(
    const float* query, const float* keys, const float* values, float* out,
    const uint32_t* lengths, int heads, int sharing, int query_len, int key_len, int start,
    int causal, float scale_log2, long long query_batch, long long query_head,
    long long query_row, long long key_batch, long long key_head, long long key_row) {
    static_assert(Dim % 64 == 0, "pieces are whole");
    constexpr int pitch = Dim + 4;
    constexpr int piece_pitch = 68;
    constexpr int pieces = Dim / 64;
    unsigned char* shared = ptx::dynamic_shared();
    float* query_tile = reinterpret_cast<float*>(shared);
    float* piece_tile = query_tile + 64 * pitch;
    float* weights = piece_tile + 64 * piece_pitch;

    ptx::wait_for_previous();
    ptx::let_next_begin();

    int sequence = static_cast<int>(blockIdx.y) / heads;
    int head = static_cast<int>(blockIdx.y) - sequence * heads;
    int first_row = static_cast<int>(gridDim.x - 1 - blockIdx.x) * 64;
    int visible = key_len;
    if (lengths != nullptr) visible = min(visible, static_cast<int>(lengths[sequence]));
    int last_row = min(first_row + 64, query_len) - 1;
    int block_limit = causal ? min(visible, start + last_row + 1) : visible;

    query += sequence * query_batch + head * query_head + first_row * query_row;
    keys += sequence * key_batch + (head / sharing) * key_head;
    values += sequence * key_batch + (head / sharing) * key_head;
    copy_f32_rows<Dim>(query_tile, query, query_row, query_len - first_row);

    int y = static_cast<int>(threadIdx.x) / 16;
    int x = static_cast<int>(threadIdx.x) % 16;
    float4 outputs[4][pieces];
    float peaks[4];
    float sums[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
#pragma unroll
        for (int v = 0; v < pieces; ++v) outputs[i][v] = zeros();
        peaks[i] = -f32_infinity;
        sums[i] = 0.0f;
    }

    for (int first_key = 0; first_key < block_limit; first_key += 64) {
        long long offset = first_key * key_row;
        float scores[4][4] = {};
        for (int piece = 0; piece < pieces; ++piece) {
            __syncthreads();
            copy_f32_rows<64>(piece_tile, keys + offset + 64 * piece, key_row, visible - first_key);
            __syncthreads();
#pragma unroll 4
            for (int d = 0; d < 64; d += 4) {
                float4 q[4];
#pragma unroll
                for (int i = 0; i < 4; ++i) {
                    q[i] = *reinterpret_cast<const float4*>(query_tile + (4 * y + i) * pitch +
                                                            64 * piece + d);
                }
#pragma unroll
                for (int j = 0; j < 4; ++j) {
                    float4 k = *reinterpret_cast<const float4*>(piece_tile +
                                                                (x + 16 * j) * piece_pitch + d);
#pragma unroll
                    for (int i = 0; i < 4; ++i) scores[i][j] = dot(scores[i][j], q[i], k);
                }
            }
        }

#pragma unroll
        for (int i = 0; i < 4; ++i) {
            int limit = causal ? min(visible, start + first_row + 4 * y + i + 1) : visible;
            float factor = weigh(scores[i], peaks[i], limit - first_key - x, scale_log2);
            sums[i] *= factor;
#pragma unroll
            for (int v = 0; v < pieces; ++v) scale(outputs[i][v], factor);
#pragma unroll
            for (int j = 0; j < 4; ++j) {
                sums[i] += scores[i][j];
                weights[(4 * y + i) * piece_pitch + x + 16 * j] = scores[i][j];
            }
        }
#pragma unroll
        for (int v = 0; v < pieces; ++v) {
            __syncthreads();
            copy_f32_rows<64>(piece_tile, values + offset + 64 * v, key_row, visible - first_key);
            __syncthreads();
#pragma unroll 2
            for (int key = 0; key < 64; key += 4) {
                const float* value = piece_tile + key * piece_pitch + 4 * x;
                float4 v0 = *reinterpret_cast<const float4*>(value);
                float4 v1 = *reinterpret_cast<const float4*>(value + piece_pitch);
                float4 v2 = *reinterpret_cast<const float4*>(value + 2 * piece_pitch);
                float4 v3 = *reinterpret_cast<const float4*>(value + 3 * piece_pitch);
#pragma unroll
                for (int i = 0; i < 4; ++i) {
                    float4 w = *reinterpret_cast<const float4*>(weights +
                                                                (4 * y + i) * piece_pitch + key);
                    multiply_add(outputs[i][v], w.x, v0);
                    multiply_add(outputs[i][v], w.y, v1);
                    multiply_add(outputs[i][v], w.z, v2);
                    multiply_add(outputs[i][v], w.w, v3);
                }
            }
        }
    }

    long long out_row = static_cast<long long>(heads) * Dim;
    out += (static_cast<long long>(sequence) * query_len + first_row) * out_row + head * Dim;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        float sum = sums[i];
#pragma unroll
        for (int lanes = 8; lanes > 0; lanes /= 2) {
            sum += __shfl_xor_sync(0xffffffffu, sum, lanes);
        }
        float inverse = sum > 0.0f ? 1.0f / sum : 0.0f;
        int row = 4 * y + i;
        if (first_row + row >= query_len) continue;
#pragma unroll
        for (int v = 0; v < pieces; ++v) {
            scale(outputs[i][v], inverse);
            *reinterpret_cast<float4*>(out + row * out_row + 64 * v + 4 * x) = outputs[i][v];
        }
    }
}

constexpr int f32_rows = 4;
constexpr int f32_warps = 4;

__host__ __device__ constexpr int lanes_of_key(int vectors) {
    int lanes = 1;
    while (lanes < vectors) lanes *= 2;
    return lanes;
}

template <int Dim>
__device__ __forceinline__ void decode_f32(const float* query, const float* keys,
                                           const float* values, float* out,
                                           const uint32_t* position_tensor, int position,
                                           int capacity, float* partials, uint32_t* counters,
                                           int kv_heads, int sharing,
                                           float scale_log2, long long key_batch,
                                           long long key_head, long long key_row) {
    constexpr int lanes = lanes_of_key(Dim / 4);
    constexpr int keys_at_once = 32 / lanes;
    constexpr int rounds = 16 / keys_at_once < 4 ? 16 / keys_at_once : 4;
    unsigned char* shared = ptx::dynamic_shared();

    ptx::wait_for_previous();
    ptx::let_next_begin();
    int split = static_cast<int>(blockIdx.x);
    int splits = static_cast<int>(gridDim.x);
    int sequence = static_cast<int>(blockIdx.z) / kv_heads;
    int kv_head = static_cast<int>(blockIdx.z) - sequence * kv_heads;
    int first_row = static_cast<int>(blockIdx.y) * f32_rows;
    int rows = min(f32_rows, sharing - first_row);
    if (position_tensor != nullptr) position = static_cast<int>(min(*position_tensor, 0x7ffffffeu));
    int visible = min(position + 1, capacity);
    Share share = share_of(split, splits, visible);
    if (split >= share.active) return;

    int lane = static_cast<int>(threadIdx.x) & 31;
    int warp = static_cast<int>(threadIdx.x) >> 5;
    int slot = lane / lanes;
    int column = lane % lanes * 4;
    bool has_column = column < Dim;

    long long row_of_query =
        (static_cast<long long>(sequence) * kv_heads + kv_head) * sharing + first_row;
    query += row_of_query * Dim;
    out += row_of_query * Dim;
    keys += sequence * key_batch + kv_head * key_head + column;
    values += sequence * key_batch + kv_head * key_head + column;

    float4 q[f32_rows];
    float4 outputs[f32_rows];
    float peaks[f32_rows];
    float sums[f32_rows];
#pragma unroll
    for (int row = 0; row < f32_rows; ++row) {
        q[row] = zeros();
        if (row < rows && has_column) {
            q[row] = *reinterpret_cast<const float4*>(query + row * Dim + column);
            scale(q[row], scale_log2);
        }
        outputs[row] = zeros();
        peaks[row] = -f32_infinity;
        sums[row] = 0.0f;
    }

    for (int unit = share.first + warp; unit < share.end; unit += f32_warps) {
        for (int base = unit * 16; base < unit * 16 + 16; base += rounds * keys_at_once) {
            float4 k[rounds];
            float4 v[rounds];
#pragma unroll
            for (int round = 0; round < rounds; ++round) {
                int key = base + round * keys_at_once + slot;
                bool valid = key < visible && has_column;
                long long offset = key * key_row;
                k[round] = valid ? *reinterpret_cast<const float4*>(keys + offset) : zeros();
                v[round] = valid ? *reinterpret_cast<const float4*>(values + offset) : zeros();
            }
#pragma unroll
            for (int row = 0; row < f32_rows; ++row) {
                float scores[rounds];
                float peak = peaks[row];
#pragma unroll
                for (int round = 0; round < rounds; ++round) {
                    float score = dot(0.0f, q[row], k[round]);
#pragma unroll
                    for (int mask = lanes / 2; mask > 0; mask /= 2) {
                        score += __shfl_xor_sync(0xffffffffu, score, mask);
                    }
                    bool hidden = base + round * keys_at_once + slot >= visible;
                    scores[round] = hidden ? -f32_infinity : score;
                    peak = fmaxf(peak, scores[round]);
                }
                // A slot that has seen no key yet keeps the peak -inf, and zeros.
                float factor = peak == -f32_infinity ? 0.0f : ptx::exp2_fast(peaks[row] - peak);
                peaks[row] = peak;
                sums[row] *= factor;
                scale(outputs[row], factor);
#pragma unroll
                for (int round = 0; round < rounds; ++round) {
                    float weight = scores[round] == -f32_infinity
                                       ? 0.0f
                                       : ptx::exp2_fast(scores[round] - peak);
                    sums[row] += weight;
                    multiply_add(outputs[row], weight, v[round]);
                }
            }
        }
    }

    // ---- the slots of a warp, then its part ----
    auto& parts = *reinterpret_cast<Parts<Dim, f32_rows, f32_warps>*>(shared);
#pragma unroll
    for (int row = 0; row < f32_rows; ++row) {
#pragma unroll
        for (int mask = lanes; mask < 32; mask *= 2) {
            float peak = fmaxf(peaks[row], __shfl_xor_sync(0xffffffffu, peaks[row], mask));
            float factor = peak == -f32_infinity ? 0.0f : ptx::exp2_fast(peaks[row] - peak);
            peaks[row] = peak;
            sums[row] *= factor;
            scale(outputs[row], factor);
            sums[row] += __shfl_xor_sync(0xffffffffu, sums[row], mask);
            outputs[row].x += __shfl_xor_sync(0xffffffffu, outputs[row].x, mask);
            outputs[row].y += __shfl_xor_sync(0xffffffffu, outputs[row].y, mask);
            outputs[row].z += __shfl_xor_sync(0xffffffffu, outputs[row].z, mask);
            outputs[row].w += __shfl_xor_sync(0xffffffffu, outputs[row].w, mask);
        }
        if (row < rows && slot == 0) {
            if (column == 0) {
                parts.peaks[warp][row] = peaks[row];
                parts.sums[warp][row] = sums[row];
            }
            if (has_column) {
                *reinterpret_cast<float4*>(&parts.outputs[warp][row][column]) = outputs[row];
            }
        }
    }
    long long place = static_cast<long long>(blockIdx.z) * gridDim.y + blockIdx.y;
    combine<float, Dim, f32_rows, f32_warps>(shared, rows, split, share.active,
                                             partials + place * splits * f32_rows * (Dim + 2),
                                             counters + place, out);
}

}  // namespace attention

// attention_prefill_f32_{head size}
#define ATTENTION_PREFILL_F32(DIM, FUNCTION)                                                     \
    extern "C" __global__ void __launch_bounds__(256) attention_prefill_f32_##DIM(               \
        const float* query, const float* keys, const float* values, float* out,                  \
        const uint32_t* lengths, int heads, int sharing, int query_len, int key_len, int start,  \
        int causal, float scale_log2, long long query_batch, long long query_head,               \
        long long query_row, long long key_batch, long long key_head, long long key_row) {       \
        attention::FUNCTION<DIM>(query, keys, values, out, lengths, heads, sharing, query_len,   \
                                 key_len, start, causal, scale_log2, query_batch, query_head,    \
                                 query_row, key_batch, key_head, key_row);                       \
    }

ATTENTION_PREFILL_F32(16, prefill_f32)
ATTENTION_PREFILL_F32(32, prefill_f32)
ATTENTION_PREFILL_F32(40, prefill_f32)
ATTENTION_PREFILL_F32(64, prefill_f32)
ATTENTION_PREFILL_F32(80, prefill_f32)
ATTENTION_PREFILL_F32(128, prefill_f32)
ATTENTION_PREFILL_F32(160, prefill_f32)
ATTENTION_PREFILL_F32(512, prefill_f32_wide)

// attention_decode_f32_{head size}
#define ATTENTION_DECODE_F32(DIM)                                                                \
    extern "C" __global__ void __launch_bounds__(128) attention_decode_f32_##DIM(                \
        const float* query, const float* keys, const float* values, float* out,                  \
        const uint32_t* position_tensor, int position, int capacity, float* partials,            \
        uint32_t* counters, int kv_heads, int sharing, float scale_log2, long long key_batch,    \
        long long key_head, long long key_row) {                                                 \
        attention::decode_f32<DIM>(query, keys, values, out, position_tensor, position, capacity,\
                                   partials, counters, kv_heads, sharing, scale_log2, key_batch, \
                                   key_head, key_row);                                           \
    }

ATTENTION_DECODE_F32(16)
ATTENTION_DECODE_F32(32)
ATTENTION_DECODE_F32(64)
ATTENTION_DECODE_F32(80)
ATTENTION_DECODE_F32(128)
