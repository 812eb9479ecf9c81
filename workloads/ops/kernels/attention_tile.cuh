// Tiles of queries, keys and values in shared memory, as the attention kernels use them.
//
// A tile is rows of `Dim` 16-bit numbers. A row starts every 128 bytes (Dim <= 64), 256 bytes
// (Dim <= 128) or the next multiple of 128 bytes, and its 16-byte pieces are exchanged among each
// other: piece c of row r lies where piece c ^ (r % 8) would. Eight rows of one piece then lie in
// eight different groups of banks, so that neither the copies that fill a tile nor the matrix loads
// that read it collide.
//
// Multiplications take 16 numbers at a time. A head of 40 is 2 1/2 such steps; the piece that fills
// the third is zeros (`clear_padding`).
#pragma once

#include "ptx.cuh"

namespace attention {

// Scores are kept in units of log2, so that a weight is 2^(score - peak). A peak follows the
// largest score only when it is outrun by this much: weights reach 2^8 at most, sums stay far from
// overflow, and the outputs rarely have to be rescaled. The result is the same: numerator and
// denominator use one peak.
constexpr float peak_slack = 8.0f;

template <int Dim>
struct Tile {
    static_assert(Dim % 8 == 0 && Dim >= 16, "a row is whole pieces");
    static constexpr int pieces = Dim / 8;
    // Of 16 numbers, or two pieces.
    static constexpr int steps = (Dim + 15) / 16;
    static constexpr int row_bytes = Dim <= 64 ? 128 : Dim <= 128 ? 256 : (32 * steps + 127) / 128 * 128;

    static __device__ __forceinline__ int offset(int row, int piece) {
        return row * row_bytes + ((piece ^ (row & 7)) << 4);
    }

    // Offset of the two pieces 2 step, 2 step + 1, from that of the pieces 0, 1 of the same row:
    // the exchange is an exclusive or, and so is the way from step to step. Only the lowest three
    // bits of a piece's number are exchanged; in long rows the rest are added.
    static __device__ __forceinline__ int at_step(int offset_of_first, int step) {
        if constexpr (Dim <= 128) return offset_of_first ^ (step << 5);
        return (offset_of_first ^ ((step & 3) << 5)) + ((step >> 2) << 7);
    }
};

// Fills the half step behind heads such as 40 with zeros, in `Rows` rows: copies never write there.
template <int Dim, int Rows, int Threads>
__device__ __forceinline__ void clear_padding(unsigned char* tile, int thread) {
    if constexpr (Tile<Dim>::pieces % 2 != 0) {
        for (int row = thread; row < Rows; row += Threads)
            *reinterpret_cast<uint4*>(tile + Tile<Dim>::offset(row, Tile<Dim>::pieces)) =
                make_uint4(0, 0, 0, 0);
    }
}

// Starts the copy of `Rows` rows to a tile, with `Threads` threads of which this is `thread`.
// Row i comes from `source + i * stride` (numbers); rows from `rows` on are filled with zeros:
// keys and values behind the last one may be anything, also NaN, and 0 * NaN is NaN.
template <typename T, int Dim, int Rows, int Threads>
__device__ __forceinline__ void copy_rows(unsigned char* tile, const T* source, long long stride,
                                          int rows, int thread) {
    constexpr int pieces = Tile<Dim>::pieces;
    if constexpr (Threads % pieces == 0) {
        // A thread keeps its piece and walks down the rows: one addition per copy. It may walk
        // past the end of the source, where nothing is read.
        constexpr int rows_at_once = Threads / pieces;
        static_assert(Rows % rows_at_once == 0, "every pass is whole");
        int row = thread / pieces;
        int piece = thread % pieces;
        const T* from = source + row * stride + piece * 8;
        long long pass = rows_at_once * stride;
#pragma unroll
        for (int i = 0; i < Rows / rows_at_once; ++i) {
            ptx::copy_async_16(tile + Tile<Dim>::offset(row, piece), from, row < rows);
            row += rows_at_once;
            from += pass;
        }
    } else {
#pragma unroll
        for (int first = 0; first < Rows * pieces; first += Threads) {
            int index = first + thread;
            if (Rows * pieces % Threads != 0 && index >= Rows * pieces) break;
            int row = index / pieces;
            int piece = index % pieces;
            ptx::copy_async_16(tile + Tile<Dim>::offset(row, piece),
                               source + row * stride + piece * 8, row < rows);
        }
    }
}

// The larger (or the sum) over the four lanes that hold one row of an accumulator.
__device__ __forceinline__ float row_max(float value) {
    value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, 1));
    return fmaxf(value, __shfl_xor_sync(0xffffffffu, value, 2));
}

__device__ __forceinline__ float row_sum(float value) {
    value += __shfl_xor_sync(0xffffffffu, value, 1);
    return value + __shfl_xor_sync(0xffffffffu, value, 2);
}

}  // namespace attention
