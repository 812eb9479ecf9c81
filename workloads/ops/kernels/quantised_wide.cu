// Quantised weights with up to 8 rows of x that do not fit shared memory, on tensor cores of 16 bits.
//
// As gemv_dense.cu, with a step of 256 values of k, a unit of 8 groups of 32. Weights become bf16 or
// f16 in registers, exactly, as they are small whole numbers; x keeps its own precision and is read
// where it lies, through the L1 cache, and the sum over each group is scaled in f32. Where x fits,
// quantised_bytes.cu does the same with half the instructions.
//
// - A nibble costs one logical operation per pair: it is written into the last places of 128 (bf16)
//   or 1,024 (f16), and what that adds to a sum, BASE · sum(x), is taken off once per unit.
// - Q4_K subtracts a minimum from each group: sum over groups of minimum · sum(x of the group), and
//   likewise for BASE · scale. Both are small products of matrices, [16 rows, 8 groups] by
//   [8 groups, 8 columns], and done as such. The sums of x are split into a leading and a trailing
//   half, which fill the depth of 16, so 16 of their bits count.

#include "gemv_common.cuh"
#include "quantised_blocks.cuh"

namespace quantised {

using gemv::Job;
using gemv::Place;
using gemv::THREADS;
using gemv::WARPS;

constexpr int TILE = 16;
constexpr int COLUMNS = 8;

// The four pairs BASE + q of a group of 4-bit values.
template <typename T>
__device__ __forceinline__ void expand_nibbles(uint32_t word, uint32_t (&pairs)[4]) {
#pragma unroll
    for (int p = 0; p < 4; ++p)
        pairs[p] = ptx::and_or(word >> (4 * p), 0x000f000fu, Whole<T>::PATTERN);
}

struct Q4K {
    static constexpr int PIECES = 2;
    static constexpr int STAGES = 3;
    static constexpr bool SUMS = true;  // needs the sums of x over groups

    template <typename T>
    struct Decoder {
        Scales upper, lower;

        __device__ __forceinline__ Decoder(uint4 u, uint4 l)
            : upper(u), lower(l) {}

        __device__ __forceinline__ void expand(const uint4 (&pieces)[PIECES], int group,
                                               uint32_t (&pairs)[4]) const {
            expand_nibbles<T>(word_of(pieces[group / 4], group % 4), pairs);
        }
        __device__ __forceinline__ float upper_scale(int group) const {
            return byte_of(upper.scale[group / 4], group % 4);
        }
        __device__ __forceinline__ float lower_scale(int group) const {
            return byte_of(lower.scale[group / 4], group % 4);
        }

        // Bytes 2t and 2t+1 of eight as a pair of T.
        __device__ __forceinline__ uint32_t pair_of(const uint32_t (&bytes)[2], unsigned t) const {
            const uint32_t two =
                __byte_perm(t < 2 ? bytes[0] : bytes[1], 0, t % 2 ? 0x4342 : 0x4140);
            return subtract<T>(two | Whole<T>::PATTERN, Whole<T>::PATTERN);
        }

        // Adds a unit to the sums of this thread: `dots` is the sum over its groups of
        // scale · (BASE + q) · x, `x` holds the leading and trailing halves of the sums of x.
        __device__ __forceinline__ void settle(const float (&dots)[4], uint2 x, unsigned t,
                                               float (&sums)[4]) const {
            float base[4], minimum[4];
            const uint32_t su = pair_of(upper.scale, t), sl = pair_of(lower.scale, t);
            ptx::mma_16x8x16_new<T>(base, {su, sl, su, sl}, {x.x, x.y});
            const uint32_t mu = pair_of(upper.minimum, t), ml = pair_of(lower.minimum, t);
            ptx::mma_16x8x16_new<T>(minimum, {mu, ml, mu, ml}, {x.x, x.y});
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const Scales& s = i < 2 ? upper : lower;
                sums[i] = fmaf(s.d, fmaf(-Whole<T>::BASE, base[i], dots[i]), sums[i]);
                sums[i] = fmaf(-s.dmin, minimum[i], sums[i]);
            }
        }
    };
};

// Formats with nothing but a scale per group.
struct Scaled {
    uint4 upper, lower;

    __device__ __forceinline__ float upper_scale(int group) const { return scale_of(upper, group); }
    __device__ __forceinline__ float lower_scale(int group) const { return scale_of(lower, group); }
    __device__ __forceinline__ void settle(const float (&dots)[4], uint2, unsigned,
                                           float (&sums)[4]) const {
#pragma unroll
        for (int i = 0; i < 4; ++i) sums[i] += dots[i];
    }
};

struct Q40 {
    static constexpr int PIECES = 2;
    static constexpr int STAGES = 3;
    static constexpr bool SUMS = false;

    template <typename T>
    struct Decoder : Scaled {
        __device__ __forceinline__ Decoder(uint4 u, uint4 l) : Scaled{u, l} {}

        // q - 8, exactly.
        __device__ __forceinline__ void expand(const uint4 (&pieces)[PIECES], int group,
                                               uint32_t (&pairs)[4]) const {
            expand_nibbles<T>(word_of(pieces[group / 4], group % 4), pairs);
#pragma unroll
            for (int p = 0; p < 4; ++p)
                pairs[p] = subtract<T>(pairs[p], Whole<T>::PATTERN | 0x00080008u);
        }
    };
};

struct Q80 {
    static constexpr int PIECES = 4;
    static constexpr int STAGES = 2;
    static constexpr bool SUMS = false;

    template <typename T>
    struct Decoder : Scaled {
        __device__ __forceinline__ Decoder(uint4 u, uint4 l) : Scaled{u, l} {}

        // With `low` the lower seven bits and `sign` the eighth, the value is low - 128 · sign: as
        // bf16, 128 + low less 128 or (one more in the exponent) 256; as f16, 1,024 + low less
        // 1,024 or 1,152. The sign's bit is the same in both.
        __device__ __forceinline__ void expand(const uint4 (&pieces)[PIECES], int group,
                                               uint32_t (&pairs)[4]) const {
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const uint32_t word = word_of(pieces[group / 2], group % 2 * 2 + i / 2);
                const uint32_t two = __byte_perm(word, 0, i % 2 ? 0x4342 : 0x4140);
                pairs[i] = subtract<T>(ptx::and_or(two, 0x007f007fu, Whole<T>::PATTERN),
                                       ptx::and_or(two, 0x00800080u, Whole<T>::PATTERN));
            }
        }
    };
};

// Where x lies from a column on.
template <typename T>
__device__ __forceinline__ Place<T, false> place(const Job<T>& job, unsigned row, unsigned column) {
    return {job, nullptr, 0, nullptr, row, column};
}

// The sums of x over groups of 32 as operand b of the multiplication wants them: for each unit and
// column, four times (t) a pair of leading and a pair of trailing halves, of groups 2t and 2t+1.
template <typename T>
__device__ __forceinline__ void sum_groups(const Job<T>& job, unsigned units, uint2* sums) {
    for (unsigned at = threadIdx.x; at < units * COLUMNS * 4; at += THREADS) {
        const unsigned t = at % 4, column = at / 4 % COLUMNS, unit = at / 4 / COLUMNS;
        const auto x = place(job, column, unit * UNIT + t * 64);
        float sum[2] = {}, rest[2];
#pragma unroll
        for (int i = 0; i < 8; ++i) {
            const uint4 raw = x.piece(i * 8);
            const T* values = reinterpret_cast<const T*>(&raw);
#pragma unroll
            for (int j = 0; j < 8; ++j) sum[i / 4] += to_float(values[j]);
        }
#pragma unroll
        for (int i = 0; i < 2; ++i) rest[i] = sum[i] - to_float(from_float<T>(sum[i]));
        sums[at] = make_uint2(ptx::pack<T>(sum[0], sum[1]), ptx::pack<T>(rest[0], rest[1]));
    }
    __syncthreads();
}

template <typename Q, typename T>
__device__ __forceinline__ void linear(const unsigned char* weight, const Job<T>& job) {
    constexpr int BYTES = Q::PIECES * 64;          // quants of a unit of one row
    constexpr int SLOT = 2 * Q::PIECES * THREADS;  // words of 16 bytes of a step
    constexpr int STAGES = Q::STAGES;
    const unsigned thread = ptx::keep(threadIdx.x);
    const unsigned lane = thread % 32, warp = thread / 32;
    const unsigned g = lane / 4, t = lane % 4;
    const unsigned units = (job.in_features + UNIT - 1) / UNIT;
    const unsigned tiles = job.template tiles<TILE>();
    const unsigned columns = (job.rows + 1) / 2 * 2;

    uint4* ring = reinterpret_cast<uint4*>(ptx::dynamic_shared());
    uint4* headers = ring + STAGES * SLOT;  // [stage][warp][16 rows]
    uint2* group_sums = reinterpret_cast<uint2*>(headers + STAGES * WARPS * TILE);
    float* partial = reinterpret_cast<float*>(group_sums + (Q::SUMS ? units * COLUMNS * 4 : 0));
    const unsigned char* all_headers = weight + size_t(job.out_features) * units * BYTES;
    const uint64_t once = ptx::once_policy();
    const unsigned header_place = ptx::keep((warp * TILE + g) * 4 + t);

    // What this thread fetches next, of its two rows.
    unsigned next_tile = blockIdx.x, next_unit = warp;
    const unsigned char *upper = weight, *lower = weight, *upper_header = weight,
                        *lower_header = weight;
    bool upper_there = false, lower_there = false;
    const auto aim = [&] {
        const unsigned i = job.template row_of<TILE>(next_tile, g);
        const unsigned j = job.template row_of<TILE>(next_tile, g + 8);
        upper_there = i < job.out_features;
        lower_there = j < job.out_features;
        const size_t u = size_t(upper_there ? i : 0) * units + warp;
        const size_t l = size_t(lower_there ? j : 0) * units + warp;
        upper = weight + u * BYTES + t * 16;
        lower = weight + l * BYTES + t * 16;
        upper_header = all_headers + u * 16 + t * 4;
        lower_header = all_headers + l * 16 + t * 4;
    };
    const auto fetch = [&](unsigned slot) {
        if (next_tile < tiles) {
            if (next_unit < units) {
                uint4* to = ring + slot * SLOT + thread;
#pragma unroll
                for (int p = 0; p < Q::PIECES; ++p) {
                    ptx::copy_async_16_once(to + 2 * p * THREADS, upper + p * 64, upper_there,
                                            once);
                    ptx::copy_async_16_once(to + (2 * p + 1) * THREADS, lower + p * 64,
                                            lower_there, once);
                }
                // Each lane of a quad brings a quarter of the headers of its two rows.
                uint32_t* header = reinterpret_cast<uint32_t*>(headers) +
                                   slot * (WARPS * TILE * 4) + header_place;
                ptx::copy_async_4(header, upper_header, upper_there);
                ptx::copy_async_4(header + 8 * 4, lower_header, lower_there);
            }
            next_unit += WARPS;
            upper += WARPS * BYTES;
            lower += WARPS * BYTES;
            upper_header += WARPS * 16;
            lower_header += WARPS * 16;
            // A step is over for all warps at once.
            if (next_unit - warp >= units) {
                next_unit = warp;
                next_tile += gridDim.x;
                aim();
            }
        }
        ptx::copy_async_commit();
    };
    ptx::let_next_begin();
    aim();
    // The slot in a register: with a constant, ptxas 13.0 gives the copies of Q8_0 a descriptor in an
    // odd register, which the GPU refuses as an illegal instruction.
    for (int slot = 0; slot < STAGES - 1; ++slot) fetch(ptx::keep(slot));
    ptx::wait_for_previous();
    if constexpr (Q::SUMS) sum_groups(job, units, group_sums);

    unsigned slot = 0, parity = 0;
    for (unsigned tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
        const gemv::Finish<T, TILE> finish(job, tile);
        float sums[4] = {};
        for (unsigned unit = warp; unit - warp < units; unit += WARPS) {
            // All lanes have read the headers of the slot that is filled anew.
            ptx::warp_barrier();
            fetch(slot == 0 ? STAGES - 1 : slot - 1);
            if (unit < units) {
                ptx::copy_async_wait<STAGES - 1>();
                ptx::warp_barrier();
                const uint4* from = ring + slot * SLOT + thread;
                uint4 u[Q::PIECES], l[Q::PIECES];
#pragma unroll
                for (int p = 0; p < Q::PIECES; ++p) {
                    u[p] = from[2 * p * THREADS];
                    l[p] = from[(2 * p + 1) * THREADS];
                }
                const uint4* header = headers + (slot * WARPS + warp) * TILE;
                const typename Q::template Decoder<T> decoder(header[g], header[g + 8]);
                const auto at = place(job, g, unit * UNIT + t * 8);
                float dots[4] = {};
#pragma unroll
                for (int group = 0; group < GROUPS; ++group) {
                    const uint4 x = at.piece(group * 32);
                    uint32_t a[4], b[4];
                    decoder.expand(u, group, a);
                    decoder.expand(l, group, b);
                    float dot[4];
                    ptx::mma_16x8x16_new<T>(dot, {a[0], b[0], a[1], b[1]}, {x.x, x.y});
                    ptx::mma_16x8x16<T>(dot, {a[2], b[2], a[3], b[3]}, {x.z, x.w});
                    const float su = decoder.upper_scale(group), sl = decoder.lower_scale(group);
                    dots[0] = fmaf(su, dot[0], dots[0]);
                    dots[1] = fmaf(su, dot[1], dots[1]);
                    dots[2] = fmaf(sl, dot[2], dots[2]);
                    dots[3] = fmaf(sl, dot[3], dots[3]);
                }
                const uint2 x_sums =
                    Q::SUMS ? group_sums[(unit * COLUMNS + g) * 4 + t] : make_uint2(0, 0);
                decoder.settle(dots, x_sums, t, sums);
            }
            slot = slot == STAGES - 1 ? 0 : slot + 1;
        }
        // Two halves of `partial` take turns, so one barrier per tile is enough.
        float* all = partial + parity * WARPS * TILE * columns;
        if (2 * t < columns) {
            float* to = all + (warp * TILE + g) * columns + 2 * t;
            to[0] = sums[0];
            to[1] = sums[1];
            to[8 * columns] = sums[2];
            to[8 * columns + 1] = sums[3];
        }
        __syncthreads();
        finish.write(job, all, columns);
        parity ^= 1;
    }
}

}  // namespace quantised

#define WIDE_X(NAME, Q, T)                                                                        \
    extern "C" __global__ void __launch_bounds__(gemv::THREADS, 3)                                \
        NAME(const unsigned char* weight, const T* x, const T* norm, const T* bias,               \
             const T* residual, T* out, unsigned out_features, unsigned in_features,              \
             unsigned rows, unsigned flags, float epsilon) {                                      \
        quantised::linear<quantised::Q, T>(weight, {x, norm, bias, residual, out, out_features,   \
                                                    in_features, rows, flags, epsilon});          \
    }

WIDE_X(quantised_wide_q4k_bf16, Q4K, __nv_bfloat16)
WIDE_X(quantised_wide_q4k_f16, Q4K, __half)
WIDE_X(quantised_wide_q40_bf16, Q40, __nv_bfloat16)
WIDE_X(quantised_wide_q40_f16, Q40, __half)
WIDE_X(quantised_wide_q80_bf16, Q80, __nv_bfloat16)
WIDE_X(quantised_wide_q80_f16, Q80, __half)
