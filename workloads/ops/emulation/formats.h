// f16 and bf16 as CUDA has them: 16 bits, computed with in f32 and rounded to nearest even.
#pragma once

#include <cstdint>
#include <cstring>

#include "vectors.h"

namespace emulation {

inline uint32_t bits_of(float x) {
    uint32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    return bits;
}
inline float float_of(uint32_t bits) {
    float x;
    std::memcpy(&x, &bits, sizeof x);
    return x;
}

inline float half_to_float(uint16_t half) {
    const uint32_t sign = uint32_t(half & 0x8000) << 16;
    const uint32_t rest = half & 0x7fff;
    if (rest >= 0x7c00) return float_of(sign | 0x7f800000 | (rest & 0x3ff) << 13);
    // The exponent's bias is 112 lower; the product is exact, also of subnormal numbers.
    return float_of(bits_of(float_of(rest << 13) * 0x1p112f) | sign);
}

inline uint16_t float_to_half(float x) {
    const uint32_t bits = bits_of(x);
    const uint16_t sign = uint16_t(bits >> 16 & 0x8000);
    const uint32_t rest = bits & 0x7fffffff;
    if (rest > 0x7f800000) return 0x7fff;
    if (rest >= 0x477ff000) return sign | 0x7c00;  // 65,520 and more
    // Below 2^-14 the last place is 2^-24, which is that of 0.5 in f32: the sum rounds.
    if (rest < 0x38800000) return sign | uint16_t(bits_of(float_of(rest) + 0.5f) - 0x3f000000);
    const uint32_t rounded = rest + 0xfff + (rest >> 13 & 1);
    return sign | uint16_t((rounded - 0x38000000) >> 13);
}

inline float bfloat_to_float(uint16_t bfloat) { return float_of(uint32_t(bfloat) << 16); }

inline uint16_t float_to_bfloat(float x) {
    const uint32_t bits = bits_of(x);
    if ((bits & 0x7fffffff) > 0x7f800000) return 0x7fff;
    return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

}  // namespace emulation

#define EMULATION_FORMAT(NAME, PAIR, TO_FLOAT, FROM_FLOAT)                          \
    struct alignas(2) NAME {                                                        \
        uint16_t bits;                                                              \
        NAME() = default;                                                           \
        NAME(float x) : bits(emulation::FROM_FLOAT(x)) {}                           \
        operator float() const { return emulation::TO_FLOAT(bits); }                \
    };                                                                              \
    struct alignas(4) PAIR {                                                        \
        NAME x, y;                                                                  \
    };                                                                              \
    inline PAIR __hadd2(PAIR a, PAIR b) { return {a.x + b.x, a.y + b.y}; }          \
    inline PAIR __hsub2(PAIR a, PAIR b) { return {a.x - b.x, a.y - b.y}; }          \
    inline PAIR __hmul2(PAIR a, PAIR b) { return {a.x * b.x, a.y * b.y}; }          \
    inline float __low2float(PAIR a) { return a.x; }                                \
    inline float __high2float(PAIR a) { return a.y; }                               \
    inline NAME __hadd(NAME a, NAME b) { return float(a) + float(b); }              \
    inline NAME __hsub(NAME a, NAME b) { return float(a) - float(b); }              \
    inline NAME __hmul(NAME a, NAME b) { return float(a) * float(b); }

EMULATION_FORMAT(__half, __half2, half_to_float, float_to_half)
EMULATION_FORMAT(__nv_bfloat16, __nv_bfloat162, bfloat_to_float, float_to_bfloat)
#undef EMULATION_FORMAT

using half = __half;
using half2 = __half2;

inline float __half2float(__half x) { return x; }
inline __half __float2half(float x) { return x; }
inline __half __float2half_rn(float x) { return x; }
inline float2 __half22float2(__half2 x) { return {x.x, x.y}; }
inline __half2 __float22half2_rn(float2 x) { return {x.x, x.y}; }
inline __half2 __floats2half2_rn(float x, float y) { return {x, y}; }
inline __half2 __half2half2(__half x) { return {x, x}; }
inline __half2 __halves2half2(__half x, __half y) { return {x, y}; }
// The sum of an exact product and a number, rounded once: f64 holds the product and shows the sum
// well enough for 11 bits.
inline __half2 __hfma2(__half2 a, __half2 b, __half2 c) {
    return {float(double(a.x) * double(b.x) + double(c.x)),
            float(double(a.y) * double(b.y) + double(c.y))};
}

inline float __bfloat162float(__nv_bfloat16 x) { return x; }
inline __nv_bfloat16 __float2bfloat16(float x) { return x; }
inline __nv_bfloat16 __float2bfloat16_rn(float x) { return x; }
inline float2 __bfloat1622float2(__nv_bfloat162 x) { return {x.x, x.y}; }
inline __nv_bfloat162 __float22bfloat162_rn(float2 x) { return {x.x, x.y}; }
inline __nv_bfloat162 __floats2bfloat162_rn(float x, float y) { return {x, y}; }
inline __nv_bfloat162 __bfloat162bfloat162(__nv_bfloat16 x) { return {x, x}; }
inline __nv_bfloat162 __hfma2(__nv_bfloat162 a, __nv_bfloat162 b, __nv_bfloat162 c) {
    return {float(double(a.x) * double(b.x) + double(c.x)),
            float(double(a.y) * double(b.y) + double(c.y))};
}
