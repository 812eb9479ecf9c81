// Functions of CUDA that concern one thread: arithmetic, memory, atomic operations (threads run one
// after the other, so ordinary ones are atomic).
#pragma once

template <typename A, typename B>
inline std::common_type_t<A, B> min(A a, B b) {
    using T = std::common_type_t<A, B>;
    if constexpr (std::is_floating_point_v<T>) return std::fmin(T(a), T(b));
    return T(b) < T(a) ? T(b) : T(a);
}
template <typename A, typename B>
inline std::common_type_t<A, B> max(A a, B b) {
    using T = std::common_type_t<A, B>;
    if constexpr (std::is_floating_point_v<T>) return std::fmax(T(a), T(b));
    return T(a) < T(b) ? T(b) : T(a);
}

// ---- Approximations of the hardware, here as exact as f32 is ----
inline float __expf(float x) { return expf(x); }
inline float __logf(float x) { return logf(x); }
inline float __log2f(float x) { return log2f(x); }
inline float __exp10f(float x) { return exp10f(x); }
inline float __sinf(float x) { return sinf(x); }
inline float __cosf(float x) { return cosf(x); }
inline float __powf(float x, float y) { return powf(x, y); }
inline float __fdividef(float x, float y) { return x / y; }
inline void sincospif(float x, float* sine, float* cosine) {
    const double angle = 3.14159265358979323846 * double(x);
    *sine = float(sin(angle));
    *cosine = float(cos(angle));
}
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline float __frsqrt_rn(float x) { return 1.0f / sqrtf(x); }
inline float __saturatef(float x) { return x > 0.0f ? fminf(x, 1.0f) : 0.0f; }
inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }

// ---- Bits and integers ----
inline float __uint_as_float(unsigned x) { return emulation::float_of(x); }
inline float __int_as_float(int x) { return emulation::float_of(unsigned(x)); }
inline unsigned __float_as_uint(float x) { return emulation::bits_of(x); }
inline int __float_as_int(float x) { return int(emulation::bits_of(x)); }
inline float __int2float_rn(int x) { return float(x); }
inline float __uint2float_rn(unsigned x) { return float(x); }
inline int __float2int_rn(float x) { return int(nearbyintf(x)); }
inline int __float2int_rz(float x) { return int(x); }
inline unsigned __umulhi(unsigned a, unsigned b) { return unsigned(uint64_t(a) * b >> 32); }
inline int __mulhi(int a, int b) { return int(int64_t(a) * b >> 32); }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(unsigned x) { return x ? __builtin_clz(x) : 32; }
inline int __ffs(unsigned x) { return __builtin_ffs(int(x)); }
inline unsigned __brev(unsigned x) {
    unsigned reversed = 0;
    for (int i = 0; i < 32; ++i) reversed |= (x >> i & 1) << (31 - i);
    return reversed;
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
    return unsigned((uint64_t(high) << 32 | low) >> (shift & 31));
}
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
    return unsigned((uint64_t(high) << 32 | low) << (shift & 31) >> 32);
}
// Four bytes picked from the eight of (a, b); bit 3 of a selector spreads the byte's sign.
inline unsigned __byte_perm(unsigned a, unsigned b, unsigned selectors) {
    const uint64_t both = uint64_t(b) << 32 | a;
    unsigned result = 0;
    for (int i = 0; i < 4; ++i) {
        const unsigned selector = selectors >> (4 * i) & 15;
        unsigned byte = unsigned(both >> (8 * (selector & 7))) & 255;
        if (selector & 8) byte = byte & 128 ? 255 : 0;
        result |= byte << (8 * i);
    }
    return result;
}
inline int __dp4a(int a, int b, int sum) {
    for (int i = 0; i < 4; ++i)
        sum += int(int8_t(unsigned(a) >> (8 * i))) * int(int8_t(unsigned(b) >> (8 * i)));
    return sum;
}

// ---- Memory ----
template <typename T>
inline T __ldg(const T* address) { return *address; }
template <typename T>
inline T __ldcg(const T* address) { return *address; }
template <typename T>
inline T __ldca(const T* address) { return *address; }
template <typename T>
inline T __ldcs(const T* address) { return *address; }
template <typename T>
inline T __ldcv(const T* address) { return *address; }
template <typename T>
inline void __stcg(T* address, T value) { *address = value; }
template <typename T>
inline void __stcs(T* address, T value) { *address = value; }
inline void __threadfence() {}
inline void __threadfence_block() {}

template <typename T, typename V>
inline T atomicAdd(T* address, V value) {
    const T old = *address;
    *address = T(old + T(value));
    return old;
}
template <typename T, typename V>
inline T atomicMax(T* address, V value) {
    const T old = *address;
    *address = max(old, T(value));
    return old;
}
template <typename T, typename V>
inline T atomicMin(T* address, V value) {
    const T old = *address;
    *address = min(old, T(value));
    return old;
}
template <typename T, typename V>
inline T atomicOr(T* address, V value) {
    const T old = *address;
    *address = old | T(value);
    return old;
}
template <typename T, typename V>
inline T atomicExch(T* address, V value) {
    const T old = *address;
    *address = T(value);
    return old;
}
template <typename T>
inline T atomicCAS(T* address, T expected, T value) {
    const T old = *address;
    if (old == expected) *address = value;
    return old;
}
inline unsigned atomicInc(unsigned* address, unsigned limit) {
    const unsigned old = *address;
    *address = old >= limit ? 0 : old + 1;
    return old;
}
