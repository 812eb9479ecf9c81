// How products of few rows with weights in bf16 and f16 are cut up for tensor cores.
//
// A tile is 16 rows of the weight: operand a of the multiplication, x^T is operand b with 8 rows of
// x as its columns. The order of k within a step is free as long as both operands share it, so each
// thread takes 16 bytes side by side of "its" row: the quad of a row reads 64 bytes, twice, which
// are the values that the layout of operand a wants from it for four multiplications. That takes
// a quarter of the instructions of a kernel of multiply-adds, even for a single row.
#pragma once

#include "gemv_common.cuh"

namespace gemv {

constexpr int TILE = 16;
constexpr int DEPTH = 64;                    // values of k of a step of a warp
constexpr unsigned HOP = WARPS * DEPTH;      // from step to step
constexpr int PIECES = 4;                    // of 16 bytes, per thread and step
constexpr unsigned SLOT = PIECES * THREADS;  // pieces of a step
constexpr int STAGES = 5;                    // steps on their way: 80 KiB per block

}  // namespace gemv
