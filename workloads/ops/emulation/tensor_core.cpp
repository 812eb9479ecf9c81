// Matrices whose elements are spread over the lanes of a warp.
//
// With g = lane / 4 and t = lane % 4, registers of two 16-bit elements or one in tf32:
//   a: A[g][.], A[g+8][.], then the same rows, half the depth further on
//   b: B[.][g], then half the depth further on
//   d: D[g][2t], D[g][2t+1], D[g+8][2t], D[g+8][2t+1]
// where [.] is 2t, 2t+1 for 16 bits and t for tf32.

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
    Format format;
};

float decode(uint32_t word, int half, Format format) {
    if (format == Format::Tf32) return float_of(word & 0xffffe000);
    const auto bits = uint16_t(half ? word >> 16 : word & 0xffff);
    return format == Format::F16 ? half_to_float(bits) : bfloat_to_float(bits);
}

// Products are exact in f32; a sum of all of them is rounded once. (Tensor cores keep a little less,
// which the tolerances of 16-bit results cover.)
void multiply_all(void* const* brought, unsigned, Site) {
    const Format format = static_cast<const Operands*>(brought[0])->format;
    const int per_word = format == Format::Tf32 ? 1 : 2;
    const int depth = 8 * per_word;
    float a[16][16], b[16][8];
    for (int lane = 0; lane < 32; ++lane) {
        const auto& mine = *static_cast<const Operands*>(brought[lane]);
        const int g = lane / 4, t = lane % 4;
        for (int half = 0; half < per_word; ++half) {
            const int k = t * per_word + half;
            for (int part = 0; part < 4; ++part)
                a[g + part % 2 * 8][k + part / 2 * depth / 2] = decode(mine.a[part], half, format);
            for (int part = 0; part < 2; ++part)
                b[k + part * depth / 2][g] = decode(mine.b[part], half, format);
        }
    }
    for (int lane = 0; lane < 32; ++lane) {
        const auto& mine = *static_cast<const Operands*>(brought[lane]);
        const int g = lane / 4, t = lane % 4;
        for (int i = 0; i < 4; ++i) {
            const int row = g + i / 2 * 8, column = 2 * t + i % 2;
            double sum = double(mine.d[i]);
            for (int k = 0; k < depth; ++k) sum += double(a[row][k] * b[k][column]);
            mine.d[i] = float(sum);
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
    Operands mine{d, a, b, format};
    meet("mma", 0xffffffffu, &mine, multiply_all, site);
}

}  // namespace emulation
