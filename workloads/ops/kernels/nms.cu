// The best scores of a picture, and non-maximum suppression among them.
//
// A score and its place are one key of 64 bits that orders as wanted: the score above, the place,
// counted from the end, below. Key 0 is none.

#include "image.cuh"

namespace {

using Key = unsigned long long;
constexpr unsigned NO_BOX = 0xffffffffu;
constexpr unsigned WORD = 64;

__device__ __forceinline__ Key key_of(float score, unsigned place) {
    if (score != score) score = -INFINITY;  // not a number
    const unsigned bits = __float_as_uint(score + 0.0f);
    const unsigned ordered = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
    return Key(ordered) << 32 | Key(NO_BOX - place);
}

// Sorts `size` keys in shared memory, a power of two, largest first (Batcher, 1968).
__device__ __forceinline__ void sort(Key* keys, unsigned size) {
    for (unsigned run = 2; run <= size; run *= 2) {
        for (unsigned apart = run / 2; apart > 0; apart /= 2) {
            __syncthreads();
            for (unsigned pair = threadIdx.x; pair < size / 2; pair += blockDim.x) {
                const unsigned low = pair / apart * apart * 2 + pair % apart, high = low + apart;
                const Key a = keys[low], b = keys[high];
                const bool falling = (low & run) == 0;
                if ((a < b) == falling) keys[low] = b, keys[high] = a;
            }
        }
    }
    __syncthreads();
}

// Block (x, y) sorts the x-th `size` keys of picture y and keeps the first `taken`.
template <typename Load>
__device__ __forceinline__ void best_of(Load load, Key* out, unsigned count, unsigned taken,
                                        unsigned size) {
    Key* keys = reinterpret_cast<Key*>(ptx::dynamic_shared());
    ptx::wait_for_previous();
    ptx::let_next_begin();
    const unsigned first = blockIdx.x * size;
    for (unsigned i = threadIdx.x; i < size; i += blockDim.x)
        keys[i] = first + i < count ? load(first + i) : 0;
    sort(keys, size);
    Key* to = out + (size_t(blockIdx.y) * gridDim.x + blockIdx.x) * taken;
    for (unsigned i = threadIdx.x; i < taken; i += blockDim.x) to[i] = i < size ? keys[i] : 0;
}

template <typename T>
__device__ __forceinline__ void rank_scores(const T* scores, Key* out, unsigned count,
                                            unsigned taken, unsigned size) {
    const T* own = scores + size_t(blockIdx.y) * count;
    best_of([own](unsigned i) { return key_of(to_float(own[i]), i); }, out, count, taken, size);
}

// What a mask is made of: the boxes that take part, best first.
struct Candidates {
    const float* boxes;
    const unsigned *groups, *order;
    unsigned count, ranked;
};

struct Box {
    float left, top, right, bottom;
    unsigned group;
};

__device__ __forceinline__ Box candidate(const Candidates& c, unsigned rank) {
    const unsigned picture = blockIdx.z;
    const unsigned number = rank < c.ranked ? c.order[size_t(picture) * c.ranked + rank] : NO_BOX;
    if (number >= c.count) return {0.0f, 0.0f, 0.0f, 0.0f, 0};
    const size_t place = size_t(picture) * c.count + number;
    const float* corners = c.boxes + place * 4;
    return {corners[0], corners[1], corners[2], corners[3],
            c.groups != nullptr ? c.groups[place] : 0};
}

// Rounded step by step, so that a box at the threshold falls to the same side as on the host.
__device__ __forceinline__ float overlap(const Box& a, const Box& b) {
    const auto area = [](const Box& x) {
        return __fmul_rn(__fsub_rn(x.right, x.left), __fsub_rn(x.bottom, x.top));
    };
    const float width = fmaxf(__fsub_rn(fminf(a.right, b.right), fmaxf(a.left, b.left)), 0.0f);
    const float height = fmaxf(__fsub_rn(fminf(a.bottom, b.bottom), fmaxf(a.top, b.top)), 0.0f);
    const float shared = __fmul_rn(width, height);
    return __fdiv_rn(shared, __fsub_rn(__fadd_rn(area(a), area(b)), shared));
}

}  // namespace

extern "C" __global__ void __launch_bounds__(1024) rank_scores_f32(const float* scores, Key* out,
                                                                   unsigned count, unsigned taken,
                                                                   unsigned size) {
    rank_scores(scores, out, count, taken, size);
}
extern "C" __global__ void __launch_bounds__(1024) rank_scores_f16(const __half* scores, Key* out,
                                                                   unsigned count, unsigned taken,
                                                                   unsigned size) {
    rank_scores(scores, out, count, taken, size);
}
extern "C" __global__ void __launch_bounds__(1024) rank_scores_bf16(const __nv_bfloat16* scores,
                                                                    Key* out, unsigned count,
                                                                    unsigned taken,
                                                                    unsigned size) {
    rank_scores(scores, out, count, taken, size);
}

// The same with the keys that blocks before have kept.
extern "C" __global__ void __launch_bounds__(1024) rank_keys(const Key* keys, Key* out,
                                                             unsigned count, unsigned taken,
                                                             unsigned size) {
    const Key* own = keys + size_t(blockIdx.y) * count;
    best_of([own](unsigned i) { return own[i]; }, out, count, taken, size);
}

// The places in the keys.
extern "C" __global__ void __launch_bounds__(256) order_of_keys(const Key* keys, unsigned* order,
                                                                unsigned total) {
    ptx::wait_for_previous();
    ptx::let_next_begin();
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < total) order[i] = NO_BOX - unsigned(keys[i]);
}

// Bit j of word w in row i: the box of rank 64 w + j, worse than that of rank i, overlaps it. Block
// (w, v, picture): 64 rows from 64 v on. Words before the diagonal are not written.
extern "C" __global__ void __launch_bounds__(64) nms_mask(const float* boxes,
                                                          const unsigned* groups,
                                                          const unsigned* order, Key* mask,
                                                          unsigned count, unsigned ranked,
                                                          unsigned words, float threshold) {
    __shared__ Box others[WORD];
    ptx::wait_for_previous();
    ptx::let_next_begin();
    if (blockIdx.x < blockIdx.y) return;
    const Candidates candidates{boxes, groups, order, count, ranked};
    const unsigned rank = blockIdx.y * WORD + threadIdx.x;
    others[threadIdx.x] = candidate(candidates, blockIdx.x * WORD + threadIdx.x);
    const Box own = candidate(candidates, rank);
    __syncthreads();
    if (rank >= ranked) return;
    Key bits = 0;
    for (unsigned j = 0; j < WORD; ++j) {
        if (blockIdx.x * WORD + j <= rank || others[j].group != own.group) continue;
        if (overlap(own, others[j]) > threshold) bits |= Key(1) << j;
    }
    mask[(size_t(blockIdx.z) * ranked + rank) * words + blockIdx.x] = bits;
}

// From the best score down: what is not removed is kept, and removes what it overlaps. A block for a
// picture; 64 ranks at a time, because within them one thread has to decide after the other.
template <typename T>
__device__ __forceinline__ void nms_scan(const T* scores, const unsigned* order, const Key* mask,
                                         unsigned* kept, unsigned* counts, unsigned count,
                                         unsigned ranked, unsigned words, unsigned most,
                                         float least) {
    __shared__ Key removed[WORD], among[WORD], chosen;
    __shared__ unsigned eligible[2], total, next_total;
    ptx::wait_for_previous();
    ptx::let_next_begin();
    const unsigned t = threadIdx.x, picture = blockIdx.x;
    const T* own = scores + size_t(picture) * count;
    const Key* rows = mask + size_t(picture) * ranked * words;
    removed[t] = 0;
    if (t == 0) total = 0;
    __syncthreads();
    for (unsigned word = 0; word < words && total < most; ++word) {
        const unsigned rank = word * WORD + t;
        const unsigned number = rank < ranked ? order[size_t(picture) * ranked + rank] : NO_BOX;
        const bool takes_part = number < count && to_float(own[number]) > least;
        const unsigned votes = __ballot_sync(0xffffffffu, takes_part);
        if (t % 32 == 0) eligible[t / 32] = votes;
        among[t] = rank < ranked ? rows[size_t(rank) * words + word] : 0;
        __syncthreads();
        if (t == 0) {
            Key alive = (Key(eligible[1]) << 32 | eligible[0]) & ~removed[word];
            Key bits = 0;
            unsigned sum = total;
            for (unsigned j = 0; j < WORD && sum < most; ++j) {
                if (!(alive >> j & 1)) continue;
                bits |= Key(1) << j;
                alive &= ~among[j];
                ++sum;
            }
            chosen = bits;
            next_total = sum;
        }
        __syncthreads();
        const Key bits = chosen;
        if (bits >> t & 1) {
            const unsigned before = unsigned(__popcll(bits & ((Key(1) << t) - 1)));
            kept[size_t(picture) * most + total + before] = number;
        }
        if (t > word && t < words) {
            Key gone = removed[t];
            for (unsigned j = 0; j < WORD; ++j)
                if (bits >> j & 1) gone |= rows[size_t(word * WORD + j) * words + t];
            removed[t] = gone;
        }
        __syncthreads();
        if (t == 0) total = next_total;
        __syncthreads();
    }
    for (unsigned i = total + t; i < most; i += WORD) kept[size_t(picture) * most + i] = NO_BOX;
    if (t == 0) counts[picture] = total;
}

#define NMS_SCAN(SUFFIX, T)                                                                      \
    extern "C" __global__ void __launch_bounds__(64) nms_scan_##SUFFIX(                          \
        const T* scores, const unsigned* order, const Key* mask, unsigned* kept,                 \
        unsigned* counts, unsigned count, unsigned ranked, unsigned words, unsigned most,        \
        float least) {                                                                           \
        nms_scan<T>(scores, order, mask, kept, counts, count, ranked, words, most, least);       \
    }

NMS_SCAN(f32, float)
NMS_SCAN(f16, __half)
NMS_SCAN(bf16, __nv_bfloat16)
