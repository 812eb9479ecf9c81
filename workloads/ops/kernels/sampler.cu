// Arithmetic of the samplers of diffusion models: guidance, and sums of a few tensors with the
// coefficients of the step whose number lies on the device.
//
// One thread for the four values that one call of Philox makes noise for. Latents are small; what
// counts is that a step is few launches.

#include "philox.cuh"
#include "vector.cuh"

namespace {

// A value of a tensor whose format the host names: 0 f32, 1 f16, 2 bf16.
__device__ __forceinline__ float value_of(const void* tensor, unsigned format, size_t at) {
    switch (format) {
        case 1: return to_float(static_cast<const __half*>(tensor)[at]);
        case 2: return to_float(static_cast<const __nv_bfloat16*>(tensor)[at]);
        default: return static_cast<const float*>(tensor)[at];
    }
}

template <typename T>
__device__ __forceinline__ void guide(const void* without, const void* with, unsigned format,
                                      float scale, T* out, unsigned count) {
    ptx::wait_for_previous();
    ptx::let_next_begin();
    const unsigned index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= count) return;
    const float from = value_of(without, format, index);
    const float to = value_of(with, format, index);
    out[index] = from_float<T>(fmaf(to - from, scale, from));
}

// Two random words as two standard normal values (Box and Muller, 1958).
__device__ __forceinline__ float2 two_normals(unsigned radius, unsigned angle) {
    constexpr float step = 1.0f / 16777216.0f;
    const float length = sqrtf(-2.0f * logf(float((radius >> 8) + 1) * step));
    float sine, cosine;
    sincospif(2.0f * (float(angle >> 8) * step), &sine, &cosine);
    return make_float2(length * cosine, length * sine);
}

struct Terms {
    const void* tensors[5];
    // Two bits for each.
    unsigned formats;
    unsigned count;
};

template <typename T>
__device__ __forceinline__ void sampler_step(const Terms& terms, const float* table,
                                             unsigned steps, const unsigned* index_tensor,
                                             unsigned index, bool noisy, unsigned long long seed,
                                             unsigned first, T* out, unsigned size,
                                             unsigned pictures) {
    ptx::wait_for_previous();
    ptx::let_next_begin();
    const unsigned thread = blockIdx.x * blockDim.x + threadIdx.x;
    const unsigned groups = (size + 3) / 4;
    const unsigned picture = thread / groups, group = thread % groups;
    if (picture >= pictures) return;
    if (index_tensor != nullptr) index = *index_tensor;

    float noise[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    float noise_coefficient = 0.0f;
    const float* coefficients = nullptr;
    if (table != nullptr) {
        coefficients = table + min(index, steps - 1) * (terms.count + noisy);
    }
    if (noisy) {
        noise_coefficient = coefficients != nullptr ? coefficients[terms.count] : 1.0f;
        const uint2 key = make_uint2(unsigned(seed), unsigned(seed >> 32));
        const uint4 words = philox(make_uint4(group, first + picture, index, 1), key);
        const float2 a = two_normals(words.x, words.y), b = two_normals(words.z, words.w);
        noise[0] = a.x;
        noise[1] = a.y;
        noise[2] = b.x;
        noise[3] = b.y;
    }
    float sums[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    const size_t at = size_t(picture) * size + group * 4;
    const unsigned count = min(4u, size - group * 4);
#pragma unroll
    for (unsigned term = 0; term < 5; ++term) {
        if (term >= terms.count) break;
        const float coefficient = coefficients[term];
#pragma unroll
        for (unsigned i = 0; i < 4; ++i) {
            if (i < count)
                sums[i] += coefficient * value_of(terms.tensors[term],
                                                  terms.formats >> (2 * term) & 3, at + i);
        }
    }
#pragma unroll
    for (unsigned i = 0; i < 4; ++i) {
        if (i < count) out[at + i] = from_float<T>(sums[i] + noise_coefficient * noise[i]);
    }
}

}  // namespace

#define SAMPLER(SUFFIX, T)                                                                         \
    extern "C" __global__ void guide_##SUFFIX(const void* without, const void* with,               \
                                              unsigned format, float scale, T* out,                \
                                              unsigned count) {                                    \
        guide<T>(without, with, format, scale, out, count);                                        \
    }                                                                                              \
    extern "C" __global__ void sampler_step_##SUFFIX(                                              \
        const void* a, const void* b, const void* c, const void* d, const void* e,                 \
        unsigned formats, unsigned terms, const float* table, unsigned steps,                      \
        const unsigned* index_tensor, unsigned index, unsigned noisy, unsigned long long seed,     \
        unsigned first, T* out, unsigned size, unsigned pictures) {                                \
        sampler_step<T>(Terms{{a, b, c, d, e}, formats, terms}, table, steps, index_tensor, index, \
                        noisy != 0, seed, first, out, size, pictures);                             \
    }

extern "C" __global__ void sampler_advance(unsigned* index) {
    ptx::wait_for_previous();
    ptx::let_next_begin();
    if (threadIdx.x == 0) *index += 1;
}

SAMPLER(f32, float)
SAMPLER(f16, __half)
SAMPLER(bf16, __nv_bfloat16)
