// Kernels by name, with the types of their parameters. The test writes the table behind a kernel's
// source: EMULATION_KERNEL(name, most threads of a block, 0 if it does not say).
#pragma once

#include <type_traits>
#include <utility>

#include "runtime.h"

namespace emulation {

// A parameter: what it is ('p' for a pointer, or as `letter`), and of a pointer, what it points to
// and whether the kernel may write there.
struct Parameter {
    char kind;
    char pointee;
    bool writable;
};

struct Entry {
    const char* name;
    unsigned most_threads;
    const Parameter* parameters;
    size_t parameter_count;
    void (*call)(void* const* arguments);
};

extern const Entry kernels[];
extern const size_t kernel_count;

}  // namespace emulation
