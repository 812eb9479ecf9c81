// Matrices whose elements are spread over the lanes of a warp.
//
// With g = lane / 4 and t = lane % 4, registers of four bytes, two 16-bit
// elements or one in tf32:
//   a: A[g][.], A[g+8][.], then the same rows, half the depth further on
//   b: B[.][g], then half the depth further on
//   d: D[g][2t], D[g][2t+1], D[g+8][2t], D[g+8][2t+1]
// where [.] is 4t to 4t+3 for bytes, 2t, 2t+1 for 16 bits and t for tf32.

#include "tensor_core.h"

namespace emulation {

namespace {

struct Matrices {
    uint32_t* r;
    int count;
    bool transposed;
    const unsigned char* row;
};

uint16_t element(void* const* brought, int matrix, int row, int column) {
    const auto& lane = *static_cast<const Matrices*>(brought[matrix * 8 + row]);
    uint16_t value;
    std::memcpy(&value, lane.row + 2 * column, sizeof value);
    return value;
}

void distribute(void* const* brought, unsigned, Site) {
    for (int lane = 0; lane < 32; ++lane) {
        const auto& mine = *static_cast<const Matrices*>(brought[lane]);
        const int row = lane / 4, column = lane % 4 * 2;
        for (int i = 0; i < mine.count; ++i) {
            const uint32_t first = mine.transposed ? element(brought, i, column, row)
                                                   : element(brought, i, row, column);
            const uint32_t second = mine.transposed ? element(brought, i, column + 1, row)
                                                    : element(brought, i, row, column + 1);
            mine.r[i] = second << 16 | first;
        }
    }
}

struct Operands {
    float* d;
    const uint32_t *a, *b;
};

template <Format F>
float decode(uint32_t word, int half) {
    if (F == Format::Tf32) return float_of(word & 0xffffe000);
    const auto bits = uint16_t(half ? word >> 16 : word & 0xffff);
    return F == Format::F16 ? half_to_float(bits) : bfloat_to_float(bits);
}

// Products are exact in f32. Sums are rounded to f32 one by one; tensor cores cut them off a little
// earlier, which the tolerances of 16-bit results cover.
template <Format F>
void multiply_all(void* const* brought, unsigned, Site) {
    constexpr int per_word = F == Format::Tf32 ? 1 : 2;
    constexpr int depth = 8 * per_word;
    float a[16][depth], b[depth][8], sums[16][8] = {};
    for (int lane = 0; lane < 32; ++lane) {
        const auto& mine = *static_cast<const Operands*>(brought[lane]);
        const int g = lane / 4, t = lane % 4;
        for (int half = 0; half < per_word; ++half) {
            const int k = t * per_word + half;
            for (int part = 0; part < 4; ++part)
                a[g + part % 2 * 8][k + part / 2 * depth / 2] = decode<F>(mine.a[part], half);
            for (int part = 0; part < 2; ++part)
                b[k + part * depth / 2][g] = decode<F>(mine.b[part], half);
        }
    }
    for (int row = 0; row < 16; ++row)
        for (int k = 0; k < depth; ++k)
            for (int column = 0; column < 8; ++column)
                sums[row][column] += a[row][k] * b[k][column];
    for (int lane = 0; lane < 32; ++lane) {
        const auto& mine = *static_cast<const Operands*>(brought[lane]);
        for (int i = 0; i < 4; ++i)
            mine.d[i] += sums[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2];
    }
}

struct ByteOperands {
    int* d;
    const uint32_t *a, *b;
};

int8_t byte_of(uint32_t word, int i) { return int8_t(word >> (8 * i)); }

void multiply_all_bytes(void* const* brought, unsigned, Site) {
    int8_t a[16][32], b[32][8];
    for (int lane = 0; lane < 32; ++lane) {
        const auto& mine = *static_cast<const ByteOperands*>(brought[lane]);
        const int g = lane / 4, t = lane % 4;
        for (int i = 0; i < 4; ++i) {
            for (int part = 0; part < 4; ++part)
                a[g + part % 2 * 8][4 * t + i + part / 2 * 16] = byte_of(mine.a[part], i);
            for (int part = 0; part < 2; ++part)
                b[4 * t + i + part * 16][g] = byte_of(mine.b[part], i);
        }
    }
    for (int lane = 0; lane < 32; ++lane) {
        const auto& mine = *static_cast<const ByteOperands*>(brought[lane]);
        for (int i = 0; i < 4; ++i) {
            const int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
            for (int k = 0; k < 32; ++k) mine.d[i] += a[row][k] * b[k][column];
        }
    }
}

}  // namespace

void load_matrices(uint32_t* r, int count, bool transposed, const void* row, Site site) {
    if (lane() < unsigned(count) * 8) require_shared(row, 16, "ldmatrix reads", site);
    Matrices mine{r, count, transposed, static_cast<const unsigned char*>(row)};
    meet("ldmatrix", 0xffffffffu, &mine, distribute, site);
}

void multiply(float* d, const uint32_t* a, const uint32_t* b, Format format, Site site) {
    Operands mine{d, a, b};
    const Exchange exchange = format == Format::F16    ? multiply_all<Format::F16>
                              : format == Format::Bf16 ? multiply_all<Format::Bf16>
                                                       : multiply_all<Format::Tf32>;
    meet("mma", 0xffffffffu, &mine, exchange, site);
}

void multiply_bytes(int* d, const uint32_t* a, const uint32_t* b, Site site) {
    ByteOperands mine{d, a, b};
    meet("mma of bytes", 0xffffffffu, &mine, multiply_all_bytes, site);
}

}  // namespace emulation
