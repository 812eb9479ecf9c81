// CUDA's vectors, with their alignment.
#pragma once

#define EMULATION_VECTOR(NAME, T, BYTES2, BYTES4)                                       \
    struct alignas(BYTES2) NAME##2 {                                                    \
        T x, y;                                                                         \
    };                                                                                  \
    struct alignas(BYTES4) NAME##4 {                                                    \
        T x, y, z, w;                                                                   \
    };                                                                                  \
    inline NAME##2 make_##NAME##2(T x, T y) { return {x, y}; }                          \
    inline NAME##4 make_##NAME##4(T x, T y, T z, T w) { return {x, y, z, w}; }
EMULATION_VECTOR(float, float, 8, 16)
EMULATION_VECTOR(int, int, 8, 16)
EMULATION_VECTOR(uint, unsigned, 8, 16)
EMULATION_VECTOR(short, short, 4, 8)
EMULATION_VECTOR(ushort, unsigned short, 4, 8)
EMULATION_VECTOR(char, signed char, 2, 4)
EMULATION_VECTOR(uchar, unsigned char, 2, 4)
#undef EMULATION_VECTOR
