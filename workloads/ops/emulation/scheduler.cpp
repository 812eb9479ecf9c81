// Threads of a block as fibers, and where they meet.
//
// Fibers switch with _setjmp and _longjmp, which neither allocate nor call the kernel; their stacks
// come from makecontext. A block runs until all its threads have returned. If no thread can go on
// before that, those that wait will never meet: the kernel diverges, and the message says who waits
// where.

#include "runtime.h"

#include <csetjmp>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <string>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>
#include <vector>

#include "entry.h"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace emulation {

namespace {

// The compiler may keep a text once or several times.
bool same(const char* a, const char* b) { return a == b || std::strcmp(a, b) == 0; }

}  // namespace

bool Site::operator==(const Site& other) const {
    return line == other.line && same(file, other.file);
}

namespace {

constexpr size_t STACK_BYTES = 128 << 10;

enum class State { Ready, AtBarrier, AtWarp, AtWait, Returned };

struct Thread {
    uint3 index;
    State state = State::Ready;
    Site site = {};
    const char* what = "";
    unsigned mask = 0;
    void* brought = nullptr;
    bool vote = false;
    bool started = false;
    jmp_buf context;
    ucontext_t start;
};

std::vector<Thread*> threads;  // of a block
size_t thread_count = 0;
Thread* self = nullptr;
jmp_buf scheduler;
const Launch* launch = nullptr;
size_t at_barrier = 0;
std::vector<int> at_warp;  // by warp: lanes that wait for others of it
Votes votes;
bool opened = false;       // this block's memory is open
bool ever_waited = false;  // any thread of the launch has waited

void body() {
    for (;;) {
        launch->entry->call(launch->arguments);
        self->state = State::Returned;
        if (_setjmp(self->context) == 0) _longjmp(scheduler, 1);
    }
}

void yield() {
    if (_setjmp(self->context) == 0) _longjmp(scheduler, 1);
}

Thread* make_thread() {
    auto* thread = new Thread;
    const size_t page = size_t(sysconf(_SC_PAGESIZE));
    void* stack = mmap(nullptr, STACK_BYTES + page, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stack == MAP_FAILED) answer_failure("no memory for the stack of an emulated thread");
    mprotect(stack, page, PROT_NONE);
    getcontext(&thread->start);
    thread->start.uc_stack.ss_sp = static_cast<char*>(stack) + page;
    thread->start.uc_stack.ss_size = STACK_BYTES;
    thread->start.uc_link = nullptr;
    makecontext(&thread->start, body, 0);
    return thread;
}

void resume(Thread& thread) {
    self = &thread;
    threadIdx = thread.index;
    if (_setjmp(scheduler) == 0) {
        if (thread.started) _longjmp(thread.context, 1);
        thread.started = true;
        setcontext(&thread.start);
    }
    self = nullptr;
}

// Runs each warp as far as it comes, then the next; whether any thread ran.
bool run_each_warp() {
    const bool backward = launch->order == Order::Backward;
    const size_t warps = (thread_count + 31) / 32;
    bool any = false;
    for (size_t w = 0; w < warps; ++w) {
        const size_t first = (backward ? warps - 1 - w : w) * 32;
        const size_t lanes = thread_count - first < 32 ? thread_count - first : 32;
        for (bool ran = true; ran; any |= ran) {
            ran = false;
            for (size_t l = 0; l < lanes; ++l) {
                Thread& thread = *threads[first + (backward ? lanes - 1 - l : l)];
                if (thread.state != State::Ready) continue;
                resume(thread);
                ran = true;
            }
        }
    }
    return any;
}

std::string where(const Thread& thread) {
    char text[400];
    const char* file = thread.site.file ? thread.site.file : "";
    if (thread.state == State::Returned) return "have returned";
    if (thread.state == State::AtWarp) {
        std::snprintf(text, sizeof text, "wait for the lanes %#x at %s, %s:%d", thread.mask,
                      thread.what, file, thread.site.line);
    } else {
        std::snprintf(text, sizeof text, "wait for the block at %s, %s:%d", thread.what, file,
                      thread.site.line);
    }
    return text;
}

[[noreturn]] void report_divergence() {
    std::vector<std::pair<std::string, std::vector<size_t>>> groups;
    for (size_t i = 0; i < thread_count; ++i) {
        const std::string place = where(*threads[i]);
        size_t g = 0;
        while (g < groups.size() && groups[g].first != place) ++g;
        if (g == groups.size()) groups.push_back({place, {}});
        groups[g].second.push_back(i);
    }
    std::string text = "threads of a block wait for each other for ever:";
    for (const auto& [place, members] : groups) {
        text += "\n  " + std::to_string(members.size()) + " threads, the first of them number " +
                std::to_string(members[0]) + ", " + place;
    }
    fail({nullptr, 0}, "%s", text.c_str());
}

void run_block() {
    shared_poison();
    for (size_t i = 0; i < thread_count; ++i) threads[i]->state = State::Ready;
    at_barrier = 0;
    at_warp.assign((thread_count + 31) / 32, 0);
    opened = true;
    for (size_t r = 0; r < region_count; ++r) opened &= !regions[r].begin_block();
    for (;;) {
        if (run_each_warp()) continue;
        bool all_returned = true, waiting = false;
        for (size_t i = 0; i < thread_count; ++i) {
            all_returned &= threads[i]->state == State::Returned;
            waiting |= threads[i]->state == State::AtWait;
        }
        if (all_returned) break;
        if (!waiting) report_divergence();
        for (size_t r = 0; r < region_count; ++r) regions[r].end_wait();
        opened = true;
        for (size_t i = 0; i < thread_count; ++i)
            if (threads[i]->state == State::AtWait) threads[i]->state = State::Ready;
    }
    if (!opened)
        for (size_t r = 0; r < region_count; ++r) regions[r].end_wait();
    copy_async_end_block();
    shared_check();
}

// The numbers of the blocks in the order in which they run.
std::vector<size_t> block_order(size_t count) {
    std::vector<size_t> order(count);
    for (size_t i = 0; i < count; ++i) order[i] = i;
    if (launch->order == Order::Forward) return order;
    uint64_t state = 1;
    for (size_t i = count; i > 1; --i) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        std::swap(order[i - 1], order[(state >> 33) % i]);
    }
    return order;
}

}  // namespace

unsigned lane() {
    const size_t number =
        self->index.x + size_t(blockDim.x) * (self->index.y + size_t(blockDim.y) * self->index.z);
    return unsigned(number % 32);
}

bool copies_are_late() { return launch->order == Order::Forward; }

void run(const Launch& wanted) {
    launch = &wanted;
    gridDim = wanted.grid;
    blockDim = wanted.block;
    thread_count = size_t(blockDim.x) * blockDim.y * blockDim.z;
    while (threads.size() < thread_count) threads.push_back(make_thread());
    for (size_t i = 0; i < thread_count; ++i) {
        threads[i]->index = {unsigned(i % blockDim.x), unsigned(i / blockDim.x % blockDim.y),
                             unsigned(i / blockDim.x / blockDim.y)};
    }
    shared_allocate(wanted.shared_bytes,
                    wanted.order == Order::Forward ? Placement::AtEnd : Placement::AtBegin);
    ever_waited = false;
    for (const size_t b : block_order(size_t(gridDim.x) * gridDim.y * gridDim.z)) {
        blockIdx = {unsigned(b % gridDim.x), unsigned(b / gridDim.x % gridDim.y),
                    unsigned(b / gridDim.x / gridDim.y)};
        run_block();
    }
    if (!ever_waited)
        fail({nullptr, 0}, "no thread called ptx::wait_for_previous(): kernels after this one "
                           "could begin before those before it have ended");
    launch = nullptr;
}

void fail(Site site, const char* format, ...) {
    char text[4000], message[5000];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    char thread[80] = "", place[300] = "";
    if (self)
        std::snprintf(thread, sizeof thread, ", thread (%u, %u, %u)", self->index.x, self->index.y,
                      self->index.z);
    if (site.file) std::snprintf(place, sizeof place, ", %s:%d", site.file, site.line);
    if (launch) {
        std::snprintf(message, sizeof message, "kernel %s, block (%u, %u, %u)%s%s: %s",
                      launch->entry->name, blockIdx.x, blockIdx.y, blockIdx.z, thread, place, text);
        answer_failure(message);
    }
    answer_failure(text);
}

void meet(const char* what, unsigned mask, void* brought, Exchange exchange, Site site) {
    const unsigned mine = lane();
    if (!(mask >> mine & 1)) fail(site, "%s by lane %u, which its mask %#x lacks", what, mine, mask);
    self->state = State::AtWarp;
    self->site = site;
    self->what = what;
    self->mask = mask;
    self->brought = brought;
    const size_t number = self->index.x + size_t(blockDim.x) * (self->index.y +
                                                   size_t(blockDim.y) * self->index.z);
    const size_t first = number / 32 * 32;
    const int wanted = __builtin_popcount(mask);
    int& arrived = at_warp[number / 32];
    // Most lanes need not look further; a mask with lanes that do not exist is found by the first.
    if (++arrived < wanted && thread_count - first >= 32) return yield();
    void* all[32] = {};
    for (unsigned l = 0; l < 32; ++l) {
        if (!(mask >> l & 1)) continue;
        if (first + l >= thread_count)
            fail(site, "%s waits for lane %u, which this block of %zu threads lacks", what, l,
                 thread_count);
        const Thread& other = *threads[first + l];
        const bool here = other.state == State::AtWarp && other.mask == mask &&
                          other.site == site && same(other.what, what);
        if (!here) return yield();
        all[l] = other.brought;
    }
    arrived -= wanted;
    if (exchange) exchange(all, mask, site);
    for (unsigned l = 0; l < 32; ++l)
        if (mask >> l & 1) threads[first + l]->state = State::Ready;
    yield();
}

Votes meet_block(const char* what, bool vote, Site site) {
    self->state = State::AtBarrier;
    self->site = site;
    self->what = what;
    self->vote = vote;
    if (++at_barrier == thread_count) {
        int count = 0;
        for (size_t i = 0; i < thread_count; ++i) {
            if (!(threads[i]->site == site))
                fail(site, "%s meets thread %zu at another place, %s:%d", what, i,
                     threads[i]->site.file, threads[i]->site.line);
            count += threads[i]->vote;
        }
        votes = {count > 0, size_t(count) == thread_count, count};
        for (size_t i = 0; i < thread_count; ++i) threads[i]->state = State::Ready;
        at_barrier = 0;
    }
    yield();
    return votes;
}

void wait_for_previous() {
    ever_waited = true;
    if (opened) return;
    self->state = State::AtWait;
    yield();
}

}  // namespace emulation
