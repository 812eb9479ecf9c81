// What the parts of the emulator know of each other.
//
// A thread of a block is a fiber: it runs until it meets others (a barrier, a collective operation
// of its warp) and is resumed when they have come. See scheduler.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

struct uint3 {
    unsigned x, y, z;
};
struct dim3 {
    unsigned x = 1, y = 1, z = 1;
};

extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
constexpr int warpSize = 32;

namespace emulation {

// A place in a kernel.
struct Site {
    const char* file;
    int line;
    bool operator==(const Site& other) const;
};

// As the last parameter of a function: where it was called.
#define EMULATION_SITE emulation::Site site = {__builtin_FILE(), __builtin_LINE()}

// ---- scheduler.cpp ----

enum class Order {
    Forward,   // blocks, warps and lanes by their numbers; copies as late as may be
    Backward,  // warps and lanes backwards, blocks in a random order; copies at once
};

struct Entry;

struct Launch {
    const Entry* entry;
    void* const* arguments;
    dim3 grid, block;
    size_t shared_bytes;
    Order order;
};

// Runs all blocks, one after the other.
void run(const Launch& launch);

// Ends the process with a message that names the kernel, the block, the thread and the place.
[[noreturn]] void fail(Site site, const char* format, ...) __attribute__((format(printf, 2, 3)));

// What the lanes of a meeting exchange: called once, when all of `mask` have come, with what each
// has brought.
using Exchange = void (*)(void* const* brought, unsigned mask, Site site);

// The lanes of `mask` meet. All must come to the same place with the same mask.
void meet(const char* what, unsigned mask, void* brought, Exchange exchange, Site site);

// All threads of the block meet; the result is known to all.
struct Votes {
    int any, all, count;
};
Votes meet_block(const char* what, bool vote, Site site);

// The wait for the kernels before this one.
void wait_for_previous();

// Number of the running thread in its warp.
unsigned lane();

bool copies_are_late();

// ---- memory.cpp ----

enum class Placement { AtEnd, AtBegin };

// Bytes of a memory, from one to before another, that differ until the kernel waits.
struct Hidden {
    size_t begin, end;
    std::vector<unsigned char> before_wait, present;
};

// Memory of a kernel between two pages that nobody may touch.
struct Region {
    unsigned char* data = nullptr;
    size_t bytes = 0;
    bool writable = true;
    bool until_wait = false;  // closed until the kernel waits for those before it
    std::vector<Hidden> hidden;
    unsigned char* mapped = nullptr;
    size_t mapped_bytes = 0;

    // `alignment` is a power of two; `phase` is the address modulo that.
    void allocate(size_t bytes, size_t alignment, size_t phase, Placement placement);
    // Shows the kernel other content until it waits. Called before the first block.
    void hide(const unsigned char* before_wait);
    void allow(bool writes);
    void open();   // readable, and writable if it is
    void close();  // neither
    // For a block that has not waited yet; whether its wait changes anything. And its wait.
    bool begin_block();
    void end_wait();
    bool is_intact() const;  // nothing was written in front of it or behind it
    void release();
};

// Regions of the running launch; the first are those of its arguments.
extern Region* regions;
extern size_t region_count;

// Shared memory, filled with a pattern that is not a number in any format.
void shared_allocate(size_t bytes, Placement placement);
void shared_poison();
void shared_check();
unsigned char* dynamic_shared(size_t alignment);
// Ends the launch unless these bytes are shared memory and aligned.
void require_shared(const void* address, size_t bytes, const char* what, Site site);
void require_aligned(const void* address, size_t alignment, const char* what, Site site);

// cp.async of the running thread: what has been copied may be read only after the wait.
void copy_async(void* shared, const void* global, size_t bytes, bool valid, Site site);
void copy_async_commit();
void copy_async_wait(size_t pending);
void copy_async_end_block();

// ---- main.cpp ----

// Sends a message as the answer and ends the process. May be called from a signal handler.
[[noreturn]] void answer_failure(const char* message);

// ---- faults.cpp ----
void catch_faults();

}  // namespace emulation
