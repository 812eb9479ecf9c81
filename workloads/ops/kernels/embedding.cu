// Rows of a table, with those of their positions: one vector of 16 bytes per thread.
//
// An id or a position beyond its table cannot be reported from here: its row becomes
// not-a-number, which no later check mistakes for a result.

#include "vector.cuh"

namespace {

template <typename T, int LANES>
__device__ __forceinline__ void lookup(const T* table, const T* position_table, const unsigned* ids,
                                       const unsigned* start_tensor, unsigned start, T* out,
                                       unsigned vectors, unsigned row_vectors, unsigned rows,
                                       unsigned positions, unsigned length) {
    ptx::wait_for_previous();
    ptx::let_next_begin();
    const unsigned index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= vectors) return;
    const unsigned row = index / row_vectors, column = (index % row_vectors) * LANES;
    const size_t columns = size_t(row_vectors) * LANES;
    const unsigned id = ids[row];
    unsigned place = 0;
    bool known = id < rows;
    if (position_table != nullptr) {
        place = (start_tensor != nullptr ? *start_tensor : start) + row % length;
        known = known && place < positions;
    }
    Lanes<T, LANES> values;
    if (known) {
        values = Lanes<T, LANES>::load(table + id * columns + column);
        if (position_table != nullptr) {
            const auto added = Lanes<T, LANES>::load(position_table + place * columns + column);
#pragma unroll
            for (int i = 0; i < LANES; ++i) values.v[i] += added.v[i];
        }
    } else {
#pragma unroll
        for (int i = 0; i < LANES; ++i) values.v[i] = __int_as_float(0x7fc00000);
    }
    values.store(out + size_t(index) * LANES);
}

}  // namespace

#define LOOKUP(SUFFIX, T, LANES)                                                                \
    extern "C" __global__ void lookup_##SUFFIX(                                                 \
        const T* table, const T* position_table, const unsigned* ids,                           \
        const unsigned* start_tensor, unsigned start, T* out, unsigned vectors,                 \
        unsigned row_vectors, unsigned rows, unsigned positions, unsigned length) {             \
        lookup<T, LANES>(table, position_table, ids, start_tensor, start, out, vectors,         \
                         row_vectors, rows, positions, length);                                 \
    }

LOOKUP(f32, float, WIDE<float>)
LOOKUP(f16, __half, WIDE<__half>)
LOOKUP(bf16, __nv_bfloat16, WIDE<__nv_bfloat16>)
LOOKUP(f32_narrow, float, 1)
LOOKUP(f16_narrow, __half, 1)
LOOKUP(bf16_narrow, __nv_bfloat16, 1)
