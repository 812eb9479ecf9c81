// Norms over groups of channels, for pictures whose channels lie side by side, with what is added
// before (one value for each picture and channel) and SiLU behind.
//
// Two kernels. The first leaves, for each chunk of the places of a picture, the sums of each group;
// the second adds them up and writes. A thread keeps one vector of channels and walks over places,
// so rows are read whole, whatever the width of a group. The second walks backwards: it begins with
// what the first has read last and the second-level cache still holds. Up to the size of that cache
// a picture crosses the memory bus once in each direction.
//
// Sums are of differences to the first value of the group, so that a mean far from zero does not eat
// the digits of the variance; they are added in a fixed order.

#include "activation.cuh"
#include "reduce.cuh"
#include "vector.cuh"

namespace {

// Channels times rows of threads of a block.
constexpr unsigned block_sums = 4096;
constexpr unsigned most_groups = 128;
// Pictures times groups times chunks.
constexpr unsigned most_parts = 1u << 17;
// Vectors that a thread has under way.
constexpr int ahead = 4;

// Of picture, group and chunk: the sum of differences, and of their squares. Kernels of one stream
// run one after the other, so one is enough.
__device__ float2 parts[most_parts];
// Of picture and group: what the differences are to.
__device__ float origins[most_parts];

struct Shape {
    unsigned places, channels, groups;
    // Threads of a block along the channels, and rows of them.
    unsigned vectors, rows;
    // Places of a block.
    unsigned chunk_places;
};

// What a thread works on: one vector of channels, at every `rows`-th place of the block's chunk.
struct Walk {
    unsigned row, vector;
    int steps;
    size_t first, stride;

    template <int LANES>
    static __device__ __forceinline__ Walk of(const Shape& shape) {
        Walk walk;
        walk.row = threadIdx.x / shape.vectors;
        walk.vector = threadIdx.x % shape.vectors;
        const unsigned begin = blockIdx.x * shape.chunk_places;
        const unsigned places = min(shape.chunk_places, shape.places - begin);
        walk.steps = walk.row < shape.rows && walk.row < places
                         ? int((places - walk.row + shape.rows - 1) / shape.rows)
                         : 0;
        const size_t place = size_t(blockIdx.y) * shape.places + begin + walk.row;
        walk.first = place * shape.channels + walk.vector * LANES;
        walk.stride = size_t(shape.rows) * shape.channels;
        return walk;
    }
};

// One vector as it lies in memory: half as many registers as in f32, for 16-bit formats.
template <typename T, int LANES>
struct Packed {
    alignas(LANES * sizeof(T)) T values[LANES];

    __device__ __forceinline__ void load(const T* address) {
        if constexpr (LANES * sizeof(T) == 16) {
            *reinterpret_cast<uint4*>(values) = ptx::load(address);
        } else {
            values[0] = address[0];
        }
    }
    __device__ __forceinline__ float at(int lane) const { return to_float(values[lane]); }
};

template <typename T>
__device__ __forceinline__ float added(const T* addend, const Shape& shape, unsigned channel) {
    return addend == nullptr ? 0.0f : to_float(addend[blockIdx.y * shape.channels + channel]);
}

template <typename T, int LANES>
__device__ __forceinline__ void group_norm_sums(const T* x, const T* addend, const Shape& shape) {
    __shared__ float sums[block_sums];
    __shared__ float squares[block_sums];
    const Walk walk = Walk::of<LANES>(shape);
    const unsigned width = shape.channels / shape.groups;
    const T* picture = x + size_t(blockIdx.y) * shape.places * shape.channels;
    ptx::wait_for_previous();
    ptx::let_next_begin();

    if (walk.row < shape.rows) {
        float origin[LANES], sum[LANES], square[LANES];
#pragma unroll
        for (int i = 0; i < LANES; ++i) {
            const unsigned channel = walk.vector * LANES + i;
            const unsigned first = channel / width * width;
            // Of the sum, less what is added to this channel.
            origin[i] = to_float(picture[first]) + added(addend, shape, first) -
                        added(addend, shape, channel);
            sum[i] = square[i] = 0.0f;
        }
        for (int step = 0; step < walk.steps; step += ahead) {
            Packed<T, LANES> held[ahead];
#pragma unroll
            for (int j = 0; j < ahead; ++j) {
                if (step + j < walk.steps) held[j].load(x + walk.first + (step + j) * walk.stride);
            }
#pragma unroll
            for (int j = 0; j < ahead; ++j) {
                if (step + j >= walk.steps) break;
#pragma unroll
                for (int i = 0; i < LANES; ++i) {
                    const float difference = held[j].at(i) - origin[i];
                    sum[i] += difference;
                    square[i] = fmaf(difference, difference, square[i]);
                }
            }
        }
        const unsigned at = walk.row * shape.channels + walk.vector * LANES;
#pragma unroll
        for (int i = 0; i < LANES; ++i) {
            sums[at + i] = sum[i];
            squares[at + i] = square[i];
        }
    }
    __syncthreads();

    const unsigned lane = threadIdx.x % 32, warps = blockDim.x / 32;
    for (unsigned group = threadIdx.x / 32; group < shape.groups; group += warps) {
        float sum = 0.0f, square = 0.0f;
        for (unsigned index = lane; index < shape.rows * width; index += 32) {
            const unsigned row = index / width;
            const unsigned at = row * shape.channels + group * width + (index - row * width);
            sum += sums[at];
            square += squares[at];
        }
        sum = warp_sum(sum);
        square = warp_sum(square);
        if (lane == 0) {
            const unsigned number = blockIdx.y * shape.groups + group;
            parts[number * gridDim.x + blockIdx.x] = make_float2(sum, square);
            if (blockIdx.x == 0)
                origins[number] = to_float(picture[group * width]) +
                                  added(addend, shape, group * width);
        }
    }
}

template <typename T, int LANES>
__device__ __forceinline__ void group_norm_apply(const T* x, const T* addend, const T* weight,
                                                 const T* bias, T* out, const Shape& shape,
                                                 float epsilon, bool silu) {
    __shared__ float means[most_groups];
    __shared__ float inverses[most_groups];
    const Walk walk = Walk::of<LANES>(shape);
    const unsigned width = shape.channels / shape.groups;
    const int last = walk.steps - 1;
    // What the loop begins with is on its way while the sums are added up.
    Packed<T, LANES> weights, biases, held[ahead];
    if (walk.steps > 0) {
        weights.load(weight + walk.vector * LANES);
        biases.load(bias + walk.vector * LANES);
    }
    ptx::wait_for_previous();
    ptx::let_next_begin();
#pragma unroll
    for (int j = 0; j < ahead; ++j) {
        if (last - j >= 0) held[j].load(x + walk.first + (last - j) * walk.stride);
    }

    const unsigned lane = threadIdx.x % 32, warps = blockDim.x / 32, chunks = gridDim.x;
    for (unsigned group = threadIdx.x / 32; group < shape.groups; group += warps) {
        const unsigned number = blockIdx.y * shape.groups + group;
        float sum = 0.0f, square = 0.0f;
        for (unsigned chunk = lane; chunk < chunks; chunk += 32) {
            const float2 part = parts[number * chunks + chunk];
            sum += part.x;
            square += part.y;
        }
        sum = warp_sum(sum);
        square = warp_sum(square);
        if (lane == 0) {
            const float count = float(shape.places) * float(width);
            const float mean = sum / count;
            means[group] = origins[number] + mean;
            inverses[group] = 1.0f / sqrtf(fmaxf(square / count - mean * mean, 0.0f) + epsilon);
        }
    }
    __syncthreads();
    if (walk.steps == 0) return;

    float centre[LANES], scale[LANES], shift[LANES];
#pragma unroll
    for (int i = 0; i < LANES; ++i) {
        const unsigned channel = walk.vector * LANES + i, group = channel / width;
        centre[i] = means[group] - added(addend, shape, channel);
        scale[i] = inverses[group] * weights.at(i);
        shift[i] = biases.at(i);
    }
    for (int step = last; step >= 0; step -= ahead) {
#pragma unroll
        for (int j = 0; j < ahead; ++j) {
            const int now = step - j;
            if (now < 0) break;
            Lanes<T, LANES> result;
#pragma unroll
            for (int i = 0; i < LANES; ++i) {
                const float y = fmaf(held[j].at(i) - centre[i], scale[i], shift[i]);
                result.v[i] = silu ? times_sigmoid(y, y) : y;
            }
            result.store(out + walk.first + now * walk.stride);
            if (now - ahead >= 0) held[j].load(x + walk.first + (now - ahead) * walk.stride);
        }
    }
}

}  // namespace

#define GROUP_NORM(SUFFIX, T, LANES)                                                              \
    extern "C" __global__ void __launch_bounds__(1024) group_norm_sums_##SUFFIX(                  \
        const T* x, const T* addend, unsigned places, unsigned channels, unsigned groups,         \
        unsigned vectors, unsigned rows, unsigned chunk_places) {                                 \
        group_norm_sums<T, LANES>(                                                                \
            x, addend, Shape{places, channels, groups, vectors, rows, chunk_places});             \
    }                                                                                             \
    extern "C" __global__ void __launch_bounds__(1024) group_norm_apply_##SUFFIX(                 \
        const T* x, const T* addend, const T* weight, const T* bias, T* out, unsigned places,     \
        unsigned channels, unsigned groups, unsigned vectors, unsigned rows,                      \
        unsigned chunk_places, float epsilon, unsigned silu) {                                    \
        group_norm_apply<T, LANES>(x, addend, weight, bias, out,                                  \
                                   Shape{places, channels, groups, vectors, rows, chunk_places},  \
                                   epsilon, silu != 0);                                           \
    }

GROUP_NORM(f32, float, WIDE<float>)
GROUP_NORM(f16, __half, WIDE<__half>)
GROUP_NORM(bf16, __nv_bfloat16, WIDE<__nv_bfloat16>)
GROUP_NORM(f32_narrow, float, 1)
GROUP_NORM(f16_narrow, __half, 1)
GROUP_NORM(bf16_narrow, __nv_bfloat16, 1)
