// What goes wrong inside a kernel, as messages: accesses beyond a tensor, undefined behaviour.
//
// g++ inserts the checks of -fsanitize; instead of its run-time library, the functions here are
// called, which end the launch.

#include "runtime.h"

#include <csignal>
#include <cstdio>
#include <initializer_list>
#include <ucontext.h>
#include <unistd.h>

namespace emulation {
namespace {

// Where the program was, as `addr2line` wants it, if this machine's registers are known.
unsigned long place_of(void* context) {
#if defined(__x86_64__)
    return static_cast<unsigned long>(
        static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
    return static_cast<ucontext_t*>(context)->uc_mcontext.pc;
#else
    (void)context;
    return 0;
#endif
}

void on_bad_address(int, siginfo_t* info, void* context) {
    const auto* address = static_cast<const unsigned char*>(info->si_addr);
    const unsigned long place = place_of(context);
    for (size_t r = 0; r < region_count; ++r) {
        const Region& region = regions[r];
        if (address < region.mapped || address >= region.mapped + region.mapped_bytes) continue;
        const long long offset = address - region.data;
        if (offset < 0 || offset >= (long long)region.bytes)
            fail({nullptr, 0}, "access %lld bytes from the begin of memory %zu, which has %zu [pc %#lx]",
                 offset, r, region.bytes, place);
        if (region.until_wait)
            fail({nullptr, 0},
                 "access to memory %zu before ptx::wait_for_previous(), or write to what is only "
                 "read [pc %#lx]",
                 r, place);
        fail({nullptr, 0}, "write to memory %zu, which was passed to be read [pc %#lx]", r, place);
    }
    fail({nullptr, 0},
         "access to address %p, in none of its tensors nor shared memory, or more than 128 KiB of "
         "local variables [pc %#lx]",
         info->si_addr, place);
}

void on_other(int signal, siginfo_t*, void* context) {
    const char* what = signal == SIGVTALRM  ? "does not end"
                       : signal == SIGFPE ? "divides by zero"
                                          : "failed with an illegal instruction or an exception";
    fail({nullptr, 0}, "%s [pc %#lx]", what, place_of(context));
}

struct SourceLocation {
    const char* file;
    uint32_t line, column;
};
struct Type {
    uint16_t kind, info;
    char name[1];
};

[[noreturn]] void fail_at(const SourceLocation& place, const char* what) {
    fail({place.file, int(place.line)}, "%s", what);
}

}  // namespace

void catch_faults() {
    static char stack[64 << 10];
    stack_t alternate = {};
    alternate.ss_sp = stack;
    alternate.ss_size = sizeof stack;
    sigaltstack(&alternate, nullptr);
    struct sigaction action = {};
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    action.sa_sigaction = on_bad_address;
    sigaction(SIGSEGV, &action, nullptr);
    sigaction(SIGBUS, &action, nullptr);
    action.sa_sigaction = on_other;
    for (const int signal : {SIGFPE, SIGILL, SIGABRT, SIGVTALRM}) sigaction(signal, &action, nullptr);
}

}  // namespace emulation

// ---- What g++ calls; the data begin with the place ----

using emulation::SourceLocation;

extern "C" {

struct TypeMismatch {
    SourceLocation place;
    emulation::Type* type;
    unsigned char log_alignment, check_kind;
};
void __ubsan_handle_type_mismatch_v1(TypeMismatch* data, uintptr_t address) {
    const size_t alignment = size_t(1) << data->log_alignment;
    if (address == 0)
        emulation::fail({data->place.file, int(data->place.line)}, "access through a null pointer");
    emulation::fail({data->place.file, int(data->place.line)},
                    "access to %s at %p, which is no multiple of %zu bytes", data->type->name,
                    reinterpret_cast<void*>(address), alignment);
}

struct OutOfBounds {
    SourceLocation place;
    emulation::Type *array, *index;
};
void __ubsan_handle_out_of_bounds(OutOfBounds* data, uintptr_t index) {
    emulation::fail({data->place.file, int(data->place.line)}, "index %zd of an array %s",
                    ssize_t(index), data->array->name);
}

#define EMULATION_UNDEFINED(NAME, WHAT)                                      \
    void __ubsan_handle_##NAME(SourceLocation* place, uintptr_t, uintptr_t) { \
        emulation::fail_at(*place, WHAT);                                    \
    }
EMULATION_UNDEFINED(shift_out_of_bounds, "shift by more bits than there are, or of a negative number")
EMULATION_UNDEFINED(divrem_overflow, "division by zero, or one that overflows")
EMULATION_UNDEFINED(add_overflow, "a sum of signed integers overflows")
EMULATION_UNDEFINED(sub_overflow, "a difference of signed integers overflows")
EMULATION_UNDEFINED(mul_overflow, "a product of signed integers overflows")
EMULATION_UNDEFINED(negate_overflow, "a negated integer overflows")
EMULATION_UNDEFINED(float_cast_overflow, "a float beyond the range of the integer it becomes")
EMULATION_UNDEFINED(builtin_unreachable, "a place that cannot be reached")
EMULATION_UNDEFINED(missing_return, "a function without a result")
EMULATION_UNDEFINED(vla_bound_not_positive, "an array without elements")

}  // extern "C"
