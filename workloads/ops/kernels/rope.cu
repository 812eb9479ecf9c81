// From the rows of a fused query-key-value product to rotated queries and the KV cache, in one pass:
// each value is read once and written once.
//
// A thread takes a vector of the first half of a head and the one that turns with it, from the second.

#include "vector.cuh"

namespace {

template <typename T, int LANES>
__device__ __forceinline__ void split_rotate_store(const T* qkv, const float* cos, const float* sin,
                                                   const unsigned* start_tensor, unsigned start,
                                                   T* query_out, T* keys, T* values, unsigned total,
                                                   unsigned length, unsigned heads,
                                                   unsigned kv_heads, unsigned d, unsigned capacity,
                                                   unsigned positions) {
    ptx::let_next_begin();
    ptx::wait_for_previous();
    const unsigned index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= total) return;
    const unsigned half_vectors = d / 2 / LANES, all_heads = heads + 2 * kv_heads;
    const unsigned column = (index % half_vectors) * LANES;
    const unsigned head = (index / half_vectors) % all_heads;
    const unsigned row = index / (half_vectors * all_heads);
    const unsigned sequence = row / length, step = row % length;
    const unsigned position = (start_tensor != nullptr ? *start_tensor : start) + step;
    // The host has compared a position that it knows; one on the device is only kept in bounds.
    if (position >= capacity) return;

    const T* from = qkv + (size_t(row) * all_heads + head) * d + column;
    auto first = Lanes<T, LANES>::load(from);
    auto second = Lanes<T, LANES>::load(from + d / 2);
    if (cos != nullptr && head < heads + kv_heads) {
        if (position >= positions) return;
        const size_t angle = size_t(position) * (d / 2) + column;
#pragma unroll
        for (int i = 0; i < LANES; ++i) {
            const float c = cos[angle + i], s = sin[angle + i];
            const float a = first.v[i], b = second.v[i];
            first.v[i] = a * c - b * s;
            second.v[i] = b * c + a * s;
        }
    }
    T* to;
    if (head < heads) {
        to = query_out + ((size_t(sequence) * heads + head) * length + step) * d;
    } else {
        const bool is_key = head < heads + kv_heads;
        const unsigned kv_head = head - heads - (is_key ? 0 : kv_heads);
        to = (is_key ? keys : values) +
             ((size_t(sequence) * kv_heads + kv_head) * capacity + position) * d;
    }
    first.store(to + column);
    second.store(to + column + d / 2);
}

}  // namespace

#define SPLIT_ROTATE_STORE(SUFFIX, T, LANES)                                                     \
    extern "C" __global__ void split_rotate_store_##SUFFIX(                                      \
        const T* qkv, const float* cos, const float* sin, const unsigned* start_tensor,          \
        unsigned start, T* query_out, T* keys, T* values, unsigned total, unsigned length,       \
        unsigned heads, unsigned kv_heads, unsigned d, unsigned capacity, unsigned positions) {  \
        split_rotate_store<T, LANES>(qkv, cos, sin, start_tensor, start, query_out, keys,        \
                                     values, total, length, heads, kv_heads, d, capacity,        \
                                     positions);                                                 \
    }

SPLIT_ROTATE_STORE(f32, float, WIDE<float>)
SPLIT_ROTATE_STORE(f16, __half, WIDE<__half>)
SPLIT_ROTATE_STORE(bf16, __nv_bfloat16, WIDE<__nv_bfloat16>)
SPLIT_ROTATE_STORE(f32_narrow, float, 1)
SPLIT_ROTATE_STORE(f16_narrow, __half, 1)
SPLIT_ROTATE_STORE(bf16_narrow, __nv_bfloat16, 1)
