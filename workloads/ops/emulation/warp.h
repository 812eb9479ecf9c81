// Functions of CUDA by which threads meet. Each call is a place; see emulation::meet.
#pragma once

inline void __syncthreads(EMULATION_SITE) { emulation::meet_block("__syncthreads", false, site); }
inline int __syncthreads_or(int vote, EMULATION_SITE) {
    return emulation::meet_block("__syncthreads_or", vote != 0, site).any;
}
inline int __syncthreads_and(int vote, EMULATION_SITE) {
    return emulation::meet_block("__syncthreads_and", vote != 0, site).all;
}
inline int __syncthreads_count(int vote, EMULATION_SITE) {
    return emulation::meet_block("__syncthreads_count", vote != 0, site).count;
}
inline void __syncwarp(unsigned mask = 0xffffffffu, EMULATION_SITE) {
    emulation::meet("__syncwarp", mask, nullptr, nullptr, site);
}

namespace emulation {

struct Shuffle {
    uint64_t value;
    unsigned source;
    uint64_t result;
};

inline void shuffle(void* const* brought, unsigned mask, Site site) {
    for (unsigned lane = 0; lane < 32; ++lane) {
        if (!(mask >> lane & 1)) continue;
        auto& mine = *static_cast<Shuffle*>(brought[lane]);
        if (!(mask >> mine.source & 1))
            fail(site, "lane %u reads lane %u, which the mask %#x lacks", lane, mine.source, mask);
        mine.result = static_cast<Shuffle*>(brought[mine.source])->value;
    }
}

template <typename T>
inline T shuffle_from(const char* what, unsigned mask, T value, unsigned source, Site site) {
    static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>);
    Shuffle mine{0, source, 0};
    std::memcpy(&mine.value, &value, sizeof value);
    meet(what, mask, &mine, shuffle, site);
    std::memcpy(&value, &mine.result, sizeof value);
    return value;
}

struct Vote {
    uint64_t value;
    unsigned result;
};

}  // namespace emulation

template <typename T>
inline T __shfl_sync(unsigned mask, T value, int source, int width = 32, EMULATION_SITE) {
    const unsigned w = unsigned(width), first = emulation::lane() & ~(w - 1);
    return emulation::shuffle_from("__shfl_sync", mask, value, first | (unsigned(source) & (w - 1)),
                                   site);
}
template <typename T>
inline T __shfl_xor_sync(unsigned mask, T value, int other, int width = 32, EMULATION_SITE) {
    const unsigned lane = emulation::lane(), last = lane | unsigned(width - 1);
    const unsigned source = lane ^ unsigned(other);
    return emulation::shuffle_from("__shfl_xor_sync", mask, value, source > last ? lane : source,
                                   site);
}
template <typename T>
inline T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = 32, EMULATION_SITE) {
    const unsigned lane = emulation::lane(), first = lane & ~unsigned(width - 1);
    return emulation::shuffle_from("__shfl_up_sync", mask, value,
                                   lane < first + by ? lane : lane - by, site);
}
template <typename T>
inline T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = 32, EMULATION_SITE) {
    const unsigned lane = emulation::lane(), last = lane | unsigned(width - 1);
    return emulation::shuffle_from("__shfl_down_sync", mask, value,
                                   lane + by > last ? lane : lane + by, site);
}

inline unsigned __ballot_sync(unsigned mask, int vote, EMULATION_SITE) {
    emulation::Vote mine{uint64_t(vote != 0), 0};
    emulation::meet(
        "__ballot_sync", mask, &mine,
        [](void* const* brought, unsigned lanes, emulation::Site) {
            unsigned all = 0;
            for (unsigned l = 0; l < 32; ++l)
                if (lanes >> l & 1)
                    all |= unsigned(static_cast<emulation::Vote*>(brought[l])->value) << l;
            for (unsigned l = 0; l < 32; ++l)
                if (lanes >> l & 1) static_cast<emulation::Vote*>(brought[l])->result = all;
        },
        site);
    return mine.result;
}
inline int __any_sync(unsigned mask, int vote, EMULATION_SITE) {
    return __ballot_sync(mask, vote, site) != 0;
}
inline int __all_sync(unsigned mask, int vote, EMULATION_SITE) {
    return __ballot_sync(mask, vote, site) == mask;
}
