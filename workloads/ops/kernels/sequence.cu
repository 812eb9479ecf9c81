// Appends the tokens of a step to their sequences and moves the position on. One block; the host
// has nothing to do between two steps.

#include "ptx.cuh"

extern "C" __global__ void append(const unsigned* tokens, unsigned* position, unsigned* sequences,
                                  unsigned batch, unsigned capacity) {
    ptx::wait_for_previous();
    ptx::let_next_begin();
    const unsigned place = *position + 1;
    if (place < capacity) {
        for (unsigned b = threadIdx.x; b < batch; b += blockDim.x)
            sequences[size_t(b) * capacity + place] = tokens[b];
    }
    // Everyone has read the position before it moves.
    __syncthreads();
    if (threadIdx.x == 0) *position = place;
}
