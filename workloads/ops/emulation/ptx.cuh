// kernels/ptx.cuh on a CPU: the same names, found instead of that file.
//
// Source of the fragment layouts: PTX ISA, sections "mma.m16n8k16", "mma.m16n8k8" and "ldmatrix".
#pragma once

#include "cuda.h"

namespace ptx {

// ---- Memory and lanes ----

inline unsigned char* dynamic_shared() { return emulation::dynamic_shared(16); }
inline void warp_barrier(EMULATION_SITE) { __syncwarp(0xffffffffu, site); }
inline unsigned keep(unsigned x) { return x; }
inline uint32_t and_or(uint32_t x, uint32_t mask, uint32_t pattern) { return (x & mask) | pattern; }

inline void wait_for_previous() { emulation::wait_for_previous(); }
inline void let_next_begin() {}

inline uint4 load(const void* address, EMULATION_SITE) {
    emulation::require_aligned(address, 16, "load of 16 bytes", site);
    return *static_cast<const uint4*>(address);
}
inline uint4 load_once(const void* address, EMULATION_SITE) { return load(address, site); }
inline void store(void* address, uint4 v, EMULATION_SITE) {
    emulation::require_aligned(address, 16, "store of 16 bytes", site);
    *static_cast<uint4*>(address) = v;
}
inline void prefetch_l2(const void*) {}
inline void prefetch_l2(const void* address, unsigned bytes, EMULATION_SITE) {
    emulation::require_aligned(address, 16, "prefetch of 16 bytes", site);
    emulation::require_aligned(reinterpret_cast<const void*>(uintptr_t(bytes)), 16,
                               "size of a prefetch", site);
}

// ---- Copies that run by themselves ----

inline void copy_async_16(void* shared, const void* global, bool valid = true, EMULATION_SITE) {
    emulation::copy_async(shared, global, 16, valid, site);
}
inline void copy_async_4(void* shared, const void* global, bool valid = true, EMULATION_SITE) {
    emulation::copy_async(shared, global, 4, valid, site);
}
inline uint64_t once_policy() { return 0; }
inline void copy_async_16_once(void* shared, const void* global, bool valid, uint64_t,
                               EMULATION_SITE) {
    emulation::copy_async(shared, global, 16, valid, site);
}
inline void copy_async_commit() { emulation::copy_async_commit(); }
template <int PENDING>
inline void copy_async_wait() {
    emulation::copy_async_wait(PENDING);
}

// ---- Fragments ----

inline void ldmatrix_x4(uint32_t (&r)[4], const void* row, EMULATION_SITE) {
    emulation::load_matrices(r, 4, false, row, site);
}
inline void ldmatrix_x4_trans(uint32_t (&r)[4], const void* row, EMULATION_SITE) {
    emulation::load_matrices(r, 4, true, row, site);
}
inline void ldmatrix_x2(uint32_t (&r)[2], const void* row, EMULATION_SITE) {
    emulation::load_matrices(r, 2, false, row, site);
}
inline void ldmatrix_x2_trans(uint32_t (&r)[2], const void* row, EMULATION_SITE) {
    emulation::load_matrices(r, 2, true, row, site);
}

// ---- Tensor cores ----

template <typename T>
inline void mma_16x8x16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                        EMULATION_SITE) {
    emulation::multiply(d, a, b, emulation::format_of<T>(), site);
}
template <typename T>
inline void mma_16x8x16_new(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                            EMULATION_SITE) {
    for (float& sum : d) sum = 0.0f;
    emulation::multiply(d, a, b, emulation::format_of<T>(), site);
}
inline void mma_16x8x32(int (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                        EMULATION_SITE) {
    emulation::multiply_bytes(d, a, b, site);
}
inline void mma_16x8x32_new(int (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                            EMULATION_SITE) {
    for (int& sum : d) sum = 0;
    emulation::multiply_bytes(d, a, b, site);
}
inline void mma_16x8x8_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                            EMULATION_SITE) {
    emulation::multiply(d, a, b, emulation::Format::Tf32, site);
}
// To nearest, ties away from zero.
inline uint32_t to_tf32(float x) {
    const uint32_t bits = emulation::bits_of(x);
    return (bits & 0x7f800000) == 0x7f800000 ? bits : (bits + 0x1000) & 0xffffe000;
}

// ---- Arithmetic ----

inline float exp2_fast(float x) { return exp2f(x); }
inline float reciprocal_fast(float x) { return 1.0f / x; }
inline int dot_4_bytes(int a, int b, int sum) { return __dp4a(a, b, sum); }

template <typename T>
inline uint32_t pack(float low, float high) {
    return uint32_t(T(high).bits) << 16 | T(low).bits;
}

}  // namespace ptx
