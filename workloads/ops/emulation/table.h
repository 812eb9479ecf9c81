// The table of a file's kernels, which the test writes behind its source.
#pragma once

#include "cuda.h"
#include "entry.h"

namespace emulation {

template <typename T>
constexpr char letter() {
    using U = std::remove_cv_t<T>;
    if (std::is_same_v<U, float>) return 'f';
    if (std::is_same_v<U, __half>) return 'h';
    if (std::is_same_v<U, __nv_bfloat16>) return 'b';
    if (std::is_integral_v<U> && sizeof(T) == 8) return 'l';
    if (std::is_integral_v<U> && sizeof(T) == 4) return 'u';
    if (std::is_integral_v<U> && sizeof(T) == 1) return 'c';
    return '?';
}
template <>
constexpr char letter<void>() { return '?'; }
template <>
constexpr char letter<const void>() { return '?'; }

template <typename A>
constexpr Parameter parameter() {
    if constexpr (std::is_pointer_v<A>) {
        using P = std::remove_pointer_t<A>;
        return {'p', letter<P>(), !std::is_const_v<P>};
    } else {
        static_assert(letter<A>() != '?', "parameters are pointers, integers of 4 or 8 bytes, floats");
        return {letter<A>(), '?', false};
    }
}

template <auto Kernel>
struct Describe;

template <typename... A, void (*Kernel)(A...)>
struct Describe<Kernel> {
    static constexpr size_t count = sizeof...(A);
    static constexpr Parameter parameters[] = {parameter<A>()..., {'?', '?', false}};

    template <size_t... I>
    static void call_with(void* const* arguments, std::index_sequence<I...>) {
        Kernel(*static_cast<A*>(arguments[I])...);
    }
    static void call(void* const* arguments) {
        call_with(arguments, std::index_sequence_for<A...>());
    }
};

}  // namespace emulation

#define EMULATION_KERNEL(NAME, MOST_THREADS)                                                 \
    {#NAME, MOST_THREADS, emulation::Describe<&NAME>::parameters,                             \
     emulation::Describe<&NAME>::count, emulation::Describe<&NAME>::call},
