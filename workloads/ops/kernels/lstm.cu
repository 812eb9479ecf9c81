// The recurrence of an LSTM over whole sequences, and one output of its last state.
//
// Steps wait for each other, so the time is their number times the latency of one, and hardly
// depends on the batch: a step is ten shuffles, chains of ten multiply-adds and two activations in a
// row. So nothing leaves the registers: a warp takes three sequences of ten cells, each lane one
// cell with its forty weights; the hidden state goes round by shuffles, and inputs are asked for
// some steps ahead. A block is one warp, so that all multiprocessors take part.

#include "vector.cuh"

namespace {

constexpr unsigned CELLS = 10;
constexpr unsigned SEQUENCES = 32 / CELLS;  // of a warp; two lanes repeat what others do
constexpr unsigned AHEAD = 4;               // steps whose inputs are under way

// What the four gates of a cell get at a step (input, forget, cell, output), as it lies in memory.
template <typename T>
struct Gates {
    uint2 raw;

    __device__ __forceinline__ static Gates load(const T* address) {
        return {*reinterpret_cast<const uint2*>(address)};
    }
};
template <>
struct Gates<float> {
    uint4 raw;

    __device__ __forceinline__ static Gates load(const float* address) {
        return {ptx::load(address)};
    }
};

__device__ __forceinline__ float sigmoid(float x) { return __fdividef(1.0f, 1.0f + __expf(-x)); }

// tanh(x) = 2 sigmoid(2x) - 1, to the last bits of 1 rather than of x: it is added to others.
__device__ __forceinline__ float tanh_fast(float x) {
    return fmaf(2.0f, sigmoid(2.0f * x), -1.0f);
}

template <typename T>
__device__ __forceinline__ void score_last(const T* inputs, const T* recurrent, const T* weight,
                                           const T* bias, T* out, unsigned batch, unsigned length) {
    const unsigned lane = threadIdx.x;
    const unsigned group = min(lane / CELLS, SEQUENCES - 1), cell = lane % CELLS;
    const unsigned first = group * CELLS;
    const unsigned wanted = blockIdx.x * SEQUENCES + group;
    const unsigned sequence = min(wanted, batch - 1);

    float w[4][CELLS];
#pragma unroll
    for (unsigned gate = 0; gate < 4; ++gate)
#pragma unroll
        for (unsigned k = 0; k < CELLS; ++k)
            w[gate][k] = to_float(recurrent[(cell * 4 + gate) * CELLS + k]);
    const float output_weight = to_float(weight[cell]);
    float score = to_float(bias[0]);

    ptx::wait_for_previous();
    ptx::let_next_begin();
    constexpr unsigned STEP = 4 * CELLS;
    const T* next = inputs + size_t(sequence) * length * STEP + cell * 4;
    Gates<T> held[AHEAD];
#pragma unroll
    for (unsigned i = 0; i < AHEAD; ++i)
        if (i < length) held[i] = Gates<T>::load(next + i * STEP);

    float hidden = 0.0f, state = 0.0f;
    for (unsigned begin = 0; begin < length; begin += AHEAD) {
        next += AHEAD * STEP;
#pragma unroll
        for (unsigned i = 0; i < AHEAD; ++i) {
            if (begin + i >= length) break;
            const T* given = reinterpret_cast<const T*>(&held[i]);
            float z[4];
#pragma unroll
            for (unsigned gate = 0; gate < 4; ++gate) z[gate] = to_float(given[gate]);
            if (begin + i + AHEAD < length) held[i] = Gates<T>::load(next + i * STEP);
#pragma unroll
            for (unsigned k = 0; k < CELLS; ++k) {
                const float of_other = __shfl_sync(0xffffffffu, hidden, first + k);
#pragma unroll
                for (unsigned gate = 0; gate < 4; ++gate)
                    z[gate] = fmaf(w[gate][k], of_other, z[gate]);
            }
            state = sigmoid(z[1]) * state + sigmoid(z[0]) * tanh_fast(z[2]);
            hidden = sigmoid(z[3]) * tanh_fast(state);
        }
    }
#pragma unroll
    for (unsigned k = 0; k < CELLS; ++k)
        score += __shfl_sync(0xffffffffu, output_weight * hidden, first + k);
    if (lane == first && wanted < batch) out[wanted] = from_float<T>(score);
}

}  // namespace

#define LSTM(SUFFIX, T)                                                                           \
    extern "C" __global__ void __launch_bounds__(32) lstm_##SUFFIX(                                \
        const T* inputs, const T* recurrent, const T* weight, const T* bias, T* out,               \
        unsigned batch, unsigned length) {                                                         \
        score_last<T>(inputs, recurrent, weight, bias, out, batch, length);                        \
    }

LSTM(f32, float)
LSTM(f16, __half)
LSTM(bf16, __nv_bfloat16)
