// Kernels of the emulator's own tests: first what it must get right, then one mistake each, which it
// must find. Blocks have 64 threads.

#include "ptx.cuh"

#define PROBE(NAME) extern "C" __global__ void NAME(const float* x, float* out, unsigned n)
#define BEGIN                                    \
    const unsigned i = threadIdx.x;              \
    ptx::wait_for_previous();

// ---- What must be right ----

extern "C" __global__ void rounds(const float* x, __half* halves, __nv_bfloat16* bfloats,
                                  float* halves_back, unsigned n) {
    ptx::wait_for_previous();
    for (unsigned i = threadIdx.x; i < n; i += blockDim.x) {
        halves[i] = __float2half_rn(x[i]);
        bfloats[i] = __float2bfloat16_rn(x[i]);
        halves_back[i] = __half2float(halves[i]);
    }
}

// out [16 or 8 rows by 8] = a [16, 16] · b [16, 8], brought by ldmatrix; a by rows, b by rows too,
// hence transposed. One warp.
extern "C" __global__ void multiplies(const __half* a, const __half* b, float* out) {
    __shared__ __align__(16) __half tile[16 * 16 + 16 * 8];
    ptx::wait_for_previous();
    const unsigned lane = threadIdx.x;
    for (unsigned i = lane; i < 256; i += 32) tile[i] = a[i];
    for (unsigned i = lane; i < 128; i += 32) tile[256 + i] = b[i];
    __syncwarp();
    uint32_t left[4], right[2];
    ptx::ldmatrix_x4(left, tile + (lane % 16) * 16 + lane / 16 * 8);
    ptx::ldmatrix_x2_trans(right, tile + 256 + (lane % 16) * 8);
    float sums[4] = {1.0f, 1.0f, 1.0f, 1.0f};
    ptx::mma_16x8x16<__half>(sums, left, right);
    for (unsigned e = 0; e < 4; ++e)
        out[(lane / 4 + e / 2 * 8) * 8 + lane % 4 * 2 + e % 2] = sums[e];
}

PROBE(shuffles) {
    BEGIN
    const float other = __shfl_xor_sync(0xffffffffu, x[i], 1);
    const float above = __shfl_down_sync(0xffffffffu, x[i], 3, 8);
    const unsigned ballot = __ballot_sync(0xffffffffu, i % 3 == 0);
    out[i] = other + 100.0f * above + 1000.0f * float(__popc(ballot));
    (void)n;
}

PROBE(copies) {
    extern __shared__ __align__(16) float memory[];
    BEGIN
    ptx::copy_async_4(memory + i, x + i, i < n);
    ptx::copy_async_commit();
    ptx::copy_async_wait<0>();
    __syncthreads();
    out[i] = memory[63 - i];
}

// What the kernel before wrote is read before the wait, and after.
extern "C" __global__ void reads_early(const float* x, float* early, float* late) {
    const float value = x[threadIdx.x];
    ptx::wait_for_previous();
    early[threadIdx.x] = value;
    late[threadIdx.x] = x[threadIdx.x];
}

PROBE(writes_one_place) {
    BEGIN
    if (i == 0) out[4] = x[7] + float(n - n);
}

// A cache of which some places are old, one is from the kernel before, and each block adds one.
extern "C" __global__ void extends(float* cache, float* out) {
    const float old = cache[blockIdx.x], hidden = cache[4];
    ptx::wait_for_previous();
    if (threadIdx.x != 0) return;
    cache[8 + blockIdx.x] = old + 1.0f;
    out[blockIdx.x] = cache[4] + (hidden == hidden ? 100.0f : 0.0f);
}

// ---- Results that are no numbers ----

PROBE(shared_is_not_written) {
    __shared__ float memory[64];
    BEGIN
    if (i > 0) memory[i] = x[i];
    __syncthreads();
    out[i] = memory[i] + float(n - n);
}

// ---- Mistakes ----

PROBE(reads_behind) { BEGIN out[i] = x[i + 1] + float(n); }
PROBE(reads_in_front) { BEGIN out[i] = x[int(i) - 1] + float(n); }
PROBE(writes_just_behind) { BEGIN out[i] = x[0] + float(n); }
PROBE(writes_input) { BEGIN const_cast<float*>(x)[i] = out[i] + float(n); }
extern "C" __global__ void __launch_bounds__(32) takes_too_many_threads(const float* x, float* out,
                                                                         unsigned n) {
    BEGIN out[i] = x[i] + float(n);
}
extern "C" __global__ void takes_no_const(float* x, float* out, unsigned n) {
    BEGIN out[i] = x[i] + float(n);
}
extern "C" __global__ void takes_halves(const __half* x, float* out, unsigned n) {
    BEGIN out[i] = float(x[i]) + float(n);
}
extern "C" __global__ void takes_two(const float* x, float* out) { BEGIN out[i] = x[i]; }

PROBE(misses_block_barrier) {
    __shared__ float memory[64];
    BEGIN
    memory[i] = x[i] + float(n);
    out[i] = memory[63 - i];
}
PROBE(misses_warp_barrier) {
    __shared__ float memory[64];
    BEGIN
    memory[i] = x[i] + float(n);
    out[i] = memory[i ^ 1];
}
__device__ unsigned tickets;
PROBE(depends_on_block_order) {
    BEGIN
    if (i != 0) return;
    const unsigned ticket = atomicInc(&tickets, gridDim.x - 1);
    out[blockIdx.x] = x[ticket] + float(n);
}
PROBE(diverges) {
    BEGIN
    if (i < 32) __syncthreads();
    out[i] = x[i] + float(n);
}
PROBE(meets_elsewhere) {
    BEGIN
    if (i < 32) {
        __syncthreads();
    } else {
        __syncthreads();
    }
    out[i] = x[i] + float(n);
}
PROBE(returns_early) {
    BEGIN
    if (i >= n) return;
    __syncthreads();
    out[i] = x[i];
}
PROBE(lanes_diverge) {
    BEGIN
    float value = x[i] + float(n);
    if (i % 32 < 16) {
        value += __shfl_xor_sync(0xffffffffu, value, 1);
    } else {
        value -= __shfl_xor_sync(0xffffffffu, value, 1);
    }
    out[i] = value;
}
PROBE(reads_lane_outside_mask) {
    BEGIN
    if (i < 16) out[i] = __shfl_sync(0xffffu, x[i] + float(n), 16);
}
PROBE(shuffles_outside_mask) {
    BEGIN
    out[i] = __shfl_sync(0xffffu, x[i] + float(n), 0);
}
PROBE(misaligns) {
    BEGIN
    const float4 four = *reinterpret_cast<const float4*>(x + 4 * (i % 8) + 1);
    out[i] = four.x + float(n);
}
PROBE(misaligns_in_ptx) {
    BEGIN
    out[i] = __uint_as_float(ptx::load(x + 4 * (i % 8) + 2).x) + float(n);
}
PROBE(indexes_beyond_array) {
    BEGIN
    float four[4] = {x[0], x[1], x[2], x[3]};
    out[i] = four[i] + float(n);
}
PROBE(shifts_too_far) {
    BEGIN
    out[i] = float(1u << (i + n)) + x[i];
}
PROBE(overflows) {
    BEGIN
    out[i] = float(int(0x7fffffff) + int(i)) + x[i] + float(n);
}
PROBE(reads_null) {
    BEGIN
    const float* nothing = n > 1000 ? x : nullptr;
    out[i] = nothing[i];
}
PROBE(shared_is_too_small) {
    extern __shared__ __align__(16) float memory[];
    BEGIN
    memory[i] = x[i] + float(n);
    out[i] = memory[i];
}
PROBE(copy_is_not_awaited) {
    extern __shared__ __align__(16) float memory[];
    BEGIN
    ptx::copy_async_4(memory + i, x + i);
    ptx::copy_async_commit();
    ptx::copy_async_wait<1>();
    out[i] = memory[i] + float(n);
}
PROBE(copy_is_not_committed) {
    extern __shared__ __align__(16) float memory[];
    BEGIN
    ptx::copy_async_4(memory + i, x + i);
    ptx::copy_async_wait<0>();
    out[i] = memory[i] + float(n);
}
PROBE(writes_where_copy_does) {
    extern __shared__ __align__(16) float memory[];
    BEGIN
    ptx::copy_async_4(memory + i, x + i);
    ptx::copy_async_commit();
    memory[i] = float(n);
    ptx::copy_async_wait<0>();
    out[i] = memory[i];
}
PROBE(copies_misaligned) {
    extern __shared__ __align__(16) float memory[];
    BEGIN
    ptx::copy_async_16(memory + i % 4 * 4, x + 2);
    ptx::copy_async_commit();
    out[i] = float(n);
}
PROBE(loads_matrix_from_global) {
    BEGIN
    uint32_t r[2];
    ptx::ldmatrix_x2(r, x);
    out[i] = float(r[0]) + float(n);
}
PROBE(writes_before_wait) {
    out[threadIdx.x] = x[threadIdx.x] + float(n);
    ptx::wait_for_previous();
}
PROBE(never_waits) {
    if (n > 1000) out[threadIdx.x] = x[threadIdx.x];
}
