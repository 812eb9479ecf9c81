// Choosing a token from logits: the largest, or a random one from a seed.
//
// A row is split over several blocks. Each leaves its best candidate in device memory; the block
// that comes last takes the best of those. The order in which blocks finish makes no difference:
// candidates are compared by value, then by place.

#include "philox.cuh"
#include "vector.cuh"

namespace {

constexpr unsigned NONE = 0xffffffffu;
constexpr unsigned PARTIALS = 1024;  // rows × splits of one launch
constexpr int WARPS = 32;

struct Candidate {
    float value;
    unsigned place;
};

__device__ Candidate partials[PARTIALS];
__device__ unsigned arrived[PARTIALS];

// The larger value; of equal ones the earlier place. Not-a-number is never larger.
__device__ __forceinline__ Candidate better(Candidate a, Candidate b) {
    return b.value > a.value || (b.value == a.value && b.place < a.place) ? b : a;
}

__device__ __forceinline__ Candidate block_best(Candidate best, Candidate* scratch) {
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2) {
        const Candidate other{__shfl_xor_sync(0xffffffffu, best.value, offset),
                              __shfl_xor_sync(0xffffffffu, best.place, offset)};
        best = better(best, other);
    }
    if (lane == 0) scratch[warp] = best;
    __syncthreads();
    if (warp == 0) {
        best = lane < warps ? scratch[lane] : Candidate{-INFINITY, NONE};
#pragma unroll
        for (int offset = 16; offset > 0; offset /= 2) {
            const Candidate other{__shfl_xor_sync(0xffffffffu, best.value, offset),
                                  __shfl_xor_sync(0xffffffffu, best.place, offset)};
            best = better(best, other);
        }
    }
    __syncthreads();
    return best;  // in thread 0
}

// Joins the bests of the blocks of a row (blockIdx.x of gridDim.x; rows are blockIdx.y).
__device__ __forceinline__ void finish_row(Candidate best, Candidate* scratch, unsigned* out) {
    __shared__ bool last;
    const unsigned row = blockIdx.y, splits = gridDim.x;
    best = block_best(best, scratch);
    if (splits == 1) {
        if (threadIdx.x == 0) out[row] = best.place == NONE ? 0 : best.place;
        return;
    }
    if (threadIdx.x == 0) {
        partials[row * splits + blockIdx.x] = best;
        __threadfence();
        // Counts to `splits` and then begins at zero again, ready for the next launch.
        last = atomicInc(&arrived[row], splits - 1) == splits - 1;
    }
    __syncthreads();
    if (!last) return;
    __threadfence();
    best = Candidate{-INFINITY, NONE};
    for (unsigned i = threadIdx.x; i < splits; i += blockDim.x) {
        const volatile Candidate* partial = &partials[row * splits + i];
        best = better(best, Candidate{partial->value, partial->place});
    }
    best = block_best(best, scratch);
    if (threadIdx.x == 0) out[row] = best.place == NONE ? 0 : best.place;
}

template <typename T, int LANES>
__device__ __forceinline__ void argmax(const T* logits, unsigned* out, unsigned columns) {
    __shared__ Candidate scratch[WARPS];
    ptx::wait_for_previous();
    ptx::let_next_begin();
    const T* row = logits + size_t(blockIdx.y) * columns;
    Candidate best{-INFINITY, NONE};
    const unsigned vectors = columns / LANES;
    for (unsigned index = blockIdx.x * blockDim.x + threadIdx.x; index < vectors;
         index += gridDim.x * blockDim.x) {
        const auto values = Lanes<T, LANES>::load(row + size_t(index) * LANES);
#pragma unroll
        for (int i = 0; i < LANES; ++i)
            if (values.v[i] > best.value) best = Candidate{values.v[i], index * LANES + i};
    }
    finish_row(best, scratch, out);
}

// A value of the standard Gumbel distribution. The largest of logits plus such values is a draw from
// their softmax (Gumbel, 1954).
__device__ __forceinline__ float gumbel(unsigned word) {
    // 23 bits and a half: with one more, the largest would be rounded up to 1.
    const float uniform = (float(word >> 9) + 0.5f) * (1.0f / 8388608.0f);
    return -logf(-logf(uniform));
}

// Unsigned numbers in the order of the values; not-a-number below all.
__device__ __forceinline__ unsigned ordered(float x) {
    if (x != x) return 0;
    const unsigned bits = __float_as_uint(x);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

// The `wanted`-th largest (from 1) of a row, as an ordered number: digit by digit from the top, with
// a histogram of those that agree so far.
template <typename T>
__device__ __forceinline__ unsigned select(const T* row, unsigned columns, unsigned wanted) {
    __shared__ unsigned histogram[256];
    __shared__ unsigned found_digit, found_rank;
    unsigned prefix = 0, mask = 0;
    for (int shift = 24; shift >= 0; shift -= 8) {
        for (unsigned i = threadIdx.x; i < 256; i += blockDim.x) histogram[i] = 0;
        __syncthreads();
        for (unsigned i = threadIdx.x; i < columns; i += blockDim.x) {
            const unsigned number = ordered(to_float(row[i]));
            if ((number & mask) == prefix) atomicAdd(&histogram[(number >> shift) & 255], 1u);
        }
        __syncthreads();
        if (threadIdx.x == 0) {
            unsigned rank = wanted, digit = 255;
            while (digit > 0 && histogram[digit] < rank) rank -= histogram[digit--];
            found_digit = digit;
            found_rank = rank;
        }
        __syncthreads();
        prefix |= found_digit << shift;
        mask |= 255u << shift;
        wanted = found_rank;
        __syncthreads();
    }
    return prefix;
}

template <typename T>
__device__ __forceinline__ void sample(const T* logits, unsigned* out, unsigned columns,
                                       float inverse_temperature, unsigned top_k,
                                       unsigned long long seed, const unsigned* start_tensor,
                                       unsigned start) {
    __shared__ Candidate scratch[WARPS];
    ptx::wait_for_previous();
    ptx::let_next_begin();
    const T* row = logits + size_t(blockIdx.y) * columns;
    const unsigned position = start_tensor != nullptr ? *start_tensor : start;
    const uint2 key = make_uint2(unsigned(seed), unsigned(seed >> 32));
    // The host splits a row only where all of it may be chosen.
    const unsigned least = top_k > 0 && top_k < columns ? select(row, columns, top_k) : 0;
    Candidate best{-INFINITY, NONE};
    for (unsigned group = blockIdx.x * blockDim.x + threadIdx.x; group * 4 < columns;
         group += gridDim.x * blockDim.x) {
        const uint4 words = philox(make_uint4(group, blockIdx.y, position, 0), key);
        const unsigned word[4] = {words.x, words.y, words.z, words.w};
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const unsigned place = group * 4 + i;
            if (place >= columns) break;
            const float logit = to_float(row[place]);
            if (ordered(logit) < least) continue;
            const float score = logit * inverse_temperature + gumbel(word[i]);
            if (score > best.value) best = Candidate{score, place};
        }
    }
    finish_row(best, scratch, out);
}

}  // namespace

#define ARGMAX(SUFFIX, T, LANES)                                                                  \
    extern "C" __global__ void __launch_bounds__(1024) argmax_##SUFFIX(                           \
        const T* logits, unsigned* out, unsigned columns) {                                       \
        argmax<T, LANES>(logits, out, columns);                                                   \
    }

#define SAMPLE(SUFFIX, T)                                                                         \
    extern "C" __global__ void __launch_bounds__(1024) sample_##SUFFIX(                           \
        const T* logits, unsigned* out, unsigned columns, float inverse_temperature,              \
        unsigned top_k, unsigned long long seed, const unsigned* start_tensor, unsigned start) {  \
        sample<T>(logits, out, columns, inverse_temperature, top_k, seed, start_tensor, start);   \
    }

ARGMAX(f32, float, WIDE<float>)
ARGMAX(f16, __half, WIDE<__half>)
ARGMAX(bf16, __nv_bfloat16, WIDE<__nv_bfloat16>)
ARGMAX(f32_narrow, float, 1)
ARGMAX(f16_narrow, __half, 1)
ARGMAX(bf16_narrow, __nv_bfloat16, 1)
SAMPLE(f32, float)
SAMPLE(f16, __half)
SAMPLE(bf16, __nv_bfloat16)
