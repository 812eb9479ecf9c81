// Quantised weights with up to 8 rows of x that fit shared memory, in whole numbers.
//
// x becomes fixed point: 16 bits, one scale per 256 values, so that the largest of them uses the
// range. Each value is two signed bytes, 256 · high + low, and a row of x two of the eight columns of
// a tensor-core multiplication of bytes: both halves cost what one would. Quants of four bits are
// bytes after one mask, and the scales of Q4_K, whole numbers themselves, multiply the whole-number
// sums of their groups. Against bf16 (quantised_wide.cu) that is less than half the instructions,
// of which 4.5 bits per weight leave few; and x keeps at least the 8 bits of bf16 unless it is 128
// times smaller than the largest of its 256.

#include "gemv_common.cuh"
#include "quantised_blocks.cuh"

namespace quantised {

using gemv::Job;
using gemv::THREADS;
using gemv::WARPS;

constexpr int TILE = 16;
// The largest fixed-point value: its upper byte, rounded, is 127.
constexpr float LARGEST = 127.0f * 256.0f;

struct Q4K {
    static constexpr int PIECES = 2;
    static constexpr int STAGES = 3;
    static constexpr bool NIBBLES = true;
    static constexpr bool MINIMA = true;   // scales and minima in whole numbers
    static constexpr bool CENTRED = false; // eight is taken off each quant
};

struct Q40 {
    static constexpr int PIECES = 2;
    static constexpr int STAGES = 3;
    static constexpr bool NIBBLES = true;
    static constexpr bool MINIMA = false;
    static constexpr bool CENTRED = true;
};

struct Q80 {
    static constexpr int PIECES = 4;
    static constexpr int STAGES = 2;
    static constexpr bool NIBBLES = false;
    static constexpr bool MINIMA = false;
    static constexpr bool CENTRED = false;
};

// x in shared memory. A column is one byte of a row of x: 2 · row the upper, 2 · row + 1 the lower.
template <typename Q>
struct FixedPoint {
    unsigned rows, columns, units;
    uint4* bytes;   // [unit][pair of groups][column][t]: operand b of both groups
    uint4* zeros;   // one, for columns that do not exist
    uint2* sums;    // MINIMA: [unit][column][t], see settle(); CENTRED: int [unit][group][column]
    float* steps;   // [unit][row]: what one is worth
    float* squares; // [row][warp]
    float* end;     // free memory after it

    __device__ __forceinline__ FixedPoint(void* memory, unsigned rows_, unsigned units_)
        : rows(rows_), columns(2 * rows_), units(units_) {
        bytes = static_cast<uint4*>(memory);
        zeros = bytes + units * 4 * columns * 4;
        sums = reinterpret_cast<uint2*>(zeros + 1);
        steps = reinterpret_cast<float*>(sums + (Q::MINIMA || Q::CENTRED ? units * columns * 4 : 0));
        squares = steps + units * rows;
        end = squares + rows * WARPS;
    }
};

// The bytes of a lane's 8 values in the order in which a weight's quants come out of their word.
template <typename Q>
__device__ __forceinline__ uint2 in_order(const int (&values)[8]) {
    uint32_t words[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        uint32_t word = 0;
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            // Lower halves of the word's bytes hold values 0, 4, 1, 5; upper ones 2, 6, 3, 7.
            const int from = Q::NIBBLES ? half * 2 + i / 2 + i % 2 * 4 : half * 4 + i;
            word |= (uint32_t(values[from]) & 0xffu) << (8 * i);
        }
        words[half] = word;
    }
    return make_uint2(words[0], words[1]);
}

// Writes one byte of each of a lane's values, and their sums over groups.
template <typename Q, typename T>
__device__ __forceinline__ void put(const FixedPoint<Q>& x, unsigned unit, unsigned column,
                                    const int (&values)[8]) {
    const unsigned lane = threadIdx.x % 32, t = lane % 4, group = lane / 4;
    uint2* to = reinterpret_cast<uint2*>(
        x.bytes + ((unit * 4 + group / 2) * x.columns + column) * 4 + t);
    to[group % 2] = in_order<Q>(values);
    if constexpr (Q::MINIMA || Q::CENTRED) {
        int sum = 0;
#pragma unroll
        for (int i = 0; i < 8; ++i) sum += values[i];
        // Below 2^13, so exact as floats.
        float total = float(sum);
        total += __shfl_xor_sync(0xffffffffu, total, 1);
        total += __shfl_xor_sync(0xffffffffu, total, 2);
        if constexpr (Q::CENTRED) {
            if (t == 0)
                reinterpret_cast<int*>(x.sums)[(unit * GROUPS + group) * x.columns + column] =
                    int(-8.0f * total);
        } else {
            const float next = __shfl_xor_sync(0xffffffffu, total, 4);
            const float rest = total - to_float(from_float<T>(total));
            const float next_rest = next - to_float(from_float<T>(next));
            if (lane % 8 == 0)
                x.sums[(unit * x.columns + column) * 4 + group / 2] =
                    make_uint2(ptx::pack<T>(total, next), ptx::pack<T>(rest, next_rest));
        }
    }
}

// Normalises x where there is a norm, and makes it fixed point: a warp takes 256 values at a time.
template <typename Q, typename T>
__device__ __forceinline__ void fix(const Job<T>& job, const FixedPoint<Q>& x) {
    const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    if (threadIdx.x == 0) *x.zeros = make_uint4(0, 0, 0, 0);
    if (job.norm) {
        for (unsigned row = 0; row < x.rows; ++row) {
            const T* from = job.x + size_t(row) * job.in_features;
            float squares = 0.0f;
#pragma unroll 4
            for (unsigned k = (warp * 32 + lane) * 8; k < job.in_features; k += THREADS * 8) {
                const auto values = Lanes<T, 8>::load(from + k);
#pragma unroll
                for (int i = 0; i < 8; ++i) squares += values.v[i] * values.v[i];
            }
            squares = warp_sum(squares);
            if (lane == 0) x.squares[row * WARPS + warp] = squares;
        }
        __syncthreads();
    }
#pragma unroll 2
    for (unsigned at = warp; at < x.units * x.rows; at += WARPS) {
        const unsigned unit = at / x.rows, row = at % x.rows;
        const unsigned k = unit * UNIT + lane * 8;
        Lanes<T, 8> values;
        if (k < job.in_features) {
            values = Lanes<T, 8>::load(job.x + size_t(row) * job.in_features + k);
        } else {
#pragma unroll
            for (int i = 0; i < 8; ++i) values.v[i] = 0.0f;
        }
        if (job.norm && k < job.in_features) {
            const auto weight = Lanes<T, 8>::load(job.norm + k);
            float sum = 0.0f;
#pragma unroll
            for (int i = 0; i < WARPS; ++i) sum += x.squares[row * WARPS + i];
            const float scale = rsqrtf(sum / job.in_features + job.epsilon);
            // Rounded to T, as a norm of its own would.
#pragma unroll
            for (int i = 0; i < 8; ++i)
                values.v[i] = to_float(from_float<T>(values.v[i] * scale * weight.v[i]));
        }
        float largest = 0.0f;
#pragma unroll
        for (int i = 0; i < 8; ++i) largest = fmaxf(largest, fabsf(values.v[i]));
        largest = warp_max(largest);
        const float per_step = largest > 0.0f ? LARGEST / largest : 0.0f;
        int high[8], low[8];
#pragma unroll
        for (int i = 0; i < 8; ++i) {
            const int fixed = __float2int_rn(values.v[i] * per_step);
            high[i] = (fixed + 128) >> 8;
            low[i] = fixed - high[i] * 256;
        }
        put<Q, T>(x, unit, 2 * row, high);
        put<Q, T>(x, unit, 2 * row + 1, low);
        if (lane == 0) x.steps[unit * x.rows + row] = largest / LARGEST;
    }
    __syncthreads();
}

// Bytes 2t and 2t+1 of eight as a pair of T.
template <typename T>
__device__ __forceinline__ uint32_t pair_of(const uint32_t (&bytes)[2], unsigned t) {
    const uint32_t two = __byte_perm(t < 2 ? bytes[0] : bytes[1], 0, t % 2 ? 0x4342 : 0x4140);
    return subtract<T>(two | Whole<T>::PATTERN, Whole<T>::PATTERN);
}

__device__ __forceinline__ int whole_byte_of(uint32_t word, int i) {
    return int(__byte_perm(word, 0, 0x4440 + i));
}

// Products of a unit of 16 rows of the weight with all columns of x: sums[n][0] and [1] are those of
// rows g and g + 8 of the tile with row 4n + t of x.
template <typename Q, typename T, int N>
__device__ __forceinline__ void multiply_unit(const uint4 (&u)[Q::PIECES],
                                              const uint4 (&l)[Q::PIECES], uint4 upper_header,
                                              uint4 lower_header, const FixedPoint<Q>& x,
                                              unsigned unit, unsigned g, unsigned t,
                                              float (&sums)[N][2]) {
    const uint4* b[N];
    unsigned hop[N], row[N];
#pragma unroll
    for (int n = 0; n < N; ++n) {
        const unsigned column = 8 * n + g;
        const bool there = column < x.columns;
        b[n] = there ? x.bytes + (unit * 4 * x.columns + column) * 4 + t : x.zeros;
        hop[n] = there ? x.columns * 4 : 0;
        // Threads without a row compute another's and drop it.
        row[n] = min(4 * n + t, x.rows - 1);
    }
    const Scales upper(upper_header), lower(lower_header);  // MINIMA
    int totals[N][4] = {};                                  // MINIMA
    float products[N][2] = {};                              // otherwise
#pragma unroll
    for (int pair = 0; pair < GROUPS / 2; ++pair) {
        uint4 both[N];
#pragma unroll
        for (int n = 0; n < N; ++n) both[n] = ptx::load(b[n] + pair * hop[n]);
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const int group = 2 * pair + half;
            uint32_t a[4];
            if constexpr (Q::NIBBLES) {
                const uint32_t wu = word_of(u[group / 4], group % 4);
                const uint32_t wl = word_of(l[group / 4], group % 4);
                a[0] = wu & 0x0f0f0f0fu;
                a[1] = wl & 0x0f0f0f0fu;
                a[2] = wu >> 4 & 0x0f0f0f0fu;
                a[3] = wl >> 4 & 0x0f0f0f0fu;
            } else {
                a[0] = word_of(u[group / 2], group % 2 * 2);
                a[1] = word_of(l[group / 2], group % 2 * 2);
                a[2] = word_of(u[group / 2], group % 2 * 2 + 1);
                a[3] = word_of(l[group / 2], group % 2 * 2 + 1);
            }
#pragma unroll
            for (int n = 0; n < N; ++n) {
                const uint32_t of_x[2] = {half ? both[n].z : both[n].x,
                                          half ? both[n].w : both[n].y};
                int dots[4];
                if constexpr (Q::CENTRED) {
                    const int2 start = *reinterpret_cast<const int2*>(
                        reinterpret_cast<const int*>(x.sums) +
                        (unit * GROUPS + group) * x.columns + 2 * row[n]);
                    dots[0] = dots[2] = start.x;
                    dots[1] = dots[3] = start.y;
                    ptx::mma_16x8x32(dots, a, of_x);
                } else {
                    ptx::mma_16x8x32_new(dots, a, of_x);
                }
                if constexpr (Q::MINIMA) {
                    // At most 32 · 15 · 128 · 63 · 8: 31 million.
                    const int su = whole_byte_of(upper.scale[group / 4], group % 4);
                    const int sl = whole_byte_of(lower.scale[group / 4], group % 4);
                    totals[n][0] += su * dots[0];
                    totals[n][1] += su * dots[1];
                    totals[n][2] += sl * dots[2];
                    totals[n][3] += sl * dots[3];
                } else {
                    // At most 32 · 128 · 128 · 257: 135 million.
                    const float su = scale_of(upper_header, group);
                    const float sl = scale_of(lower_header, group);
                    products[n][0] = fmaf(su, float(dots[0] * 256 + dots[1]), products[n][0]);
                    products[n][1] = fmaf(sl, float(dots[2] * 256 + dots[3]), products[n][1]);
                }
            }
        }
    }
#pragma unroll
    for (int n = 0; n < N; ++n) {
        if constexpr (Q::MINIMA) {
            // Sums over groups of minimum · sum(x of the group), as one product: [16 rows, 8 groups]
            // by [8 groups, 8 columns]. The sums of x are split into two parts of T, exactly, which
            // fill the depth of 16.
            const unsigned column = 8 * n + g;
            const uint2 of_x = column < x.columns ? x.sums[(unit * x.columns + column) * 4 + t]
                                                  : make_uint2(0, 0);
            const uint32_t mu = pair_of<T>(upper.minimum, t), ml = pair_of<T>(lower.minimum, t);
            float minima[4];
            ptx::mma_16x8x16_new<T>(minima, {mu, ml, mu, ml}, {of_x.x, of_x.y});
            const float du = fmaf(256.0f, float(totals[n][0]), float(totals[n][1]));
            const float dl = fmaf(256.0f, float(totals[n][2]), float(totals[n][3]));
            const float of_minima_u = fmaf(256.0f, minima[0], minima[1]);
            const float of_minima_l = fmaf(256.0f, minima[2], minima[3]);
            products[n][0] = fmaf(upper.d, du, -upper.dmin * of_minima_u);
            products[n][1] = fmaf(lower.d, dl, -lower.dmin * of_minima_l);
        }
        const float step = x.steps[unit * x.rows + row[n]];
        sums[n][0] = fmaf(step, products[n][0], sums[n][0]);
        sums[n][1] = fmaf(step, products[n][1], sums[n][1]);
    }
}

template <typename Q, typename T, int N>
__device__ __forceinline__ void bytes(const unsigned char* weight, const Job<T>& job) {
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
    const FixedPoint<Q> x(headers + STAGES * WARPS * TILE, job.rows, units);
    float* partial = x.end;
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
    for (int slot = 0; slot < STAGES - 1; ++slot) fetch(slot);
    job.prefetch_norm();
    ptx::wait_for_previous();
    fix<Q>(job, x);

    unsigned slot = 0, parity = 0;
    for (unsigned tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
        const gemv::Finish<T, TILE> finish(job, tile);
        float sums[N][2] = {};
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
                multiply_unit<Q, T, N>(u, l, header[g], header[g + 8], x, unit, g, t, sums);
            }
            slot = slot == STAGES - 1 ? 0 : slot + 1;
        }
        // Two halves of `partial` take turns, so one barrier per tile is enough.
        float* all = partial + parity * WARPS * TILE * columns;
#pragma unroll
        for (int n = 0; n < N; ++n) {
            const unsigned row = 4 * n + t;
            if (row < job.rows) {
                all[(warp * TILE + g) * columns + row] = sums[n][0];
                all[(warp * TILE + g + 8) * columns + row] = sums[n][1];
            }
        }
        __syncthreads();
        finish.write(job, all, columns);
        parity ^= 1;
    }
}

}  // namespace quantised

#define BYTES(NAME, Q, T, N)                                                                      \
    extern "C" __global__ void __launch_bounds__(gemv::THREADS, 3)                                \
        NAME(const unsigned char* weight, const T* x, const T* norm, const T* bias,               \
             const T* residual, T* out, unsigned out_features, unsigned in_features,              \
             unsigned rows, unsigned flags, float epsilon) {                                      \
        quantised::bytes<quantised::Q, T, N>(weight, {x, norm, bias, residual, out, out_features, \
                                                      in_features, rows, flags, epsilon});        \
    }

// Up to 4 and up to 8 rows of x.
BYTES(quantised_bytes_4_q4k_bf16, Q4K, __nv_bfloat16, 1)
BYTES(quantised_bytes_4_q4k_f16, Q4K, __half, 1)
BYTES(quantised_bytes_4_q40_bf16, Q40, __nv_bfloat16, 1)
BYTES(quantised_bytes_4_q40_f16, Q40, __half, 1)
BYTES(quantised_bytes_4_q80_bf16, Q80, __nv_bfloat16, 1)
BYTES(quantised_bytes_4_q80_f16, Q80, __half, 1)
BYTES(quantised_bytes_8_q4k_bf16, Q4K, __nv_bfloat16, 2)
BYTES(quantised_bytes_8_q4k_f16, Q4K, __half, 2)
BYTES(quantised_bytes_8_q40_bf16, Q40, __nv_bfloat16, 2)
BYTES(quantised_bytes_8_q40_f16, Q40, __half, 2)
BYTES(quantised_bytes_8_q80_bf16, Q80, __nv_bfloat16, 2)
BYTES(quantised_bytes_8_q80_f16, Q80, __half, 2)
