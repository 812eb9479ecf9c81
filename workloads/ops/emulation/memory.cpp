// Memory of a kernel: tensors between guard pages, shared memory, copies that run by themselves.

#include "runtime.h"

#include <cstring>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

namespace emulation {

Region* regions = nullptr;
size_t region_count = 0;

namespace {

// Not a number in f32, f16 and bf16, and minus one in integers.
constexpr int POISON = 0xff;

size_t page_bytes() {
    static const size_t bytes = size_t(sysconf(_SC_PAGESIZE));
    return bytes;
}

size_t round_up(size_t value, size_t step) { return (value + step - 1) / step * step; }

}  // namespace

void Region::allocate(size_t wanted, size_t alignment, size_t phase, Placement placement) {
    const size_t page = page_bytes();
    const size_t inner = round_up(wanted + alignment, page);
    bytes = wanted;
    mapped_bytes = inner + 2 * page;
    void* memory =
        mmap(nullptr, mapped_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) answer_failure("no memory for the tensors of a launch");
    mapped = static_cast<unsigned char*>(memory);
    mprotect(mapped + page, inner, PROT_READ | PROT_WRITE);
    std::memset(mapped + page, POISON, inner);
    size_t offset = phase;
    if (placement == Placement::AtEnd) {
        offset = (inner - wanted) / alignment * alignment + phase;
        while (offset + wanted > inner) offset -= alignment;
    }
    data = mapped + page + offset;
}

void Region::allow(bool writes) {
    mprotect(mapped + page_bytes(), mapped_bytes - 2 * page_bytes(),
             writes ? PROT_READ | PROT_WRITE : PROT_READ);
}

void Region::open() { allow(writable); }

void Region::close() { mprotect(mapped + page_bytes(), mapped_bytes - 2 * page_bytes(), PROT_NONE); }

void Region::hide(const unsigned char* before_wait) {
    for (size_t i = 0; i < bytes; ++i) {
        if (before_wait[i] == data[i]) continue;
        if (hidden.empty() || hidden.back().end != i) hidden.push_back({i, i, {}, {}});
        hidden.back().end = i + 1;
        hidden.back().before_wait.push_back(before_wait[i]);
    }
}

bool Region::begin_block() {
    if (!hidden.empty()) {
        allow(true);
        for (Hidden& part : hidden) {
            // Blocks before this one may have written there.
            part.present.assign(data + part.begin, data + part.end);
            std::memcpy(data + part.begin, part.before_wait.data(), part.end - part.begin);
        }
        open();
    }
    if (until_wait) close();
    return until_wait || !hidden.empty();
}

void Region::end_wait() {
    if (!hidden.empty()) allow(true);
    for (const Hidden& part : hidden)
        std::memcpy(data + part.begin, part.present.data(), part.end - part.begin);
    open();
}

bool Region::is_intact() const {
    const unsigned char* end = mapped + mapped_bytes - page_bytes();
    for (const unsigned char* at = mapped + page_bytes(); at < data; ++at)
        if (*at != POISON) return false;
    for (const unsigned char* at = data + bytes; at < end; ++at)
        if (*at != POISON) return false;
    return true;
}

void Region::release() {
    if (mapped) munmap(mapped, mapped_bytes);
    *this = Region();
}

// ---- Shared memory: `__shared__` variables are thread-local ones, which lie side by side ----

namespace {

Region dynamic;
unsigned char* static_begin = nullptr;
size_t static_bytes = 0;
thread_local volatile char anchor;  // so that there is such memory in every program

int find_static(dl_phdr_info* info, size_t, void*) {
    for (int i = 0; i < info->dlpi_phnum; ++i) {
        if (info->dlpi_phdr[i].p_type != PT_TLS) continue;
        static_begin = static_cast<unsigned char*>(info->dlpi_tls_data);
        static_bytes = info->dlpi_phdr[i].p_memsz;
    }
    return 1;  // the first one is the program itself
}

bool within(const void* address, size_t bytes, const unsigned char* begin, size_t size) {
    const auto* at = static_cast<const unsigned char*>(address);
    return at >= begin && at + bytes <= begin + size;
}

}  // namespace

void shared_allocate(size_t bytes, Placement placement) {
    anchor = 0;
    dl_iterate_phdr(find_static, nullptr);
    dynamic.release();
    // Ends exactly at the closed page where the launch asked for a multiple of 16 bytes.
    dynamic.allocate(bytes, 16, 0, placement);
}

void shared_poison() {
    std::memset(static_begin, POISON, static_bytes);
    std::memset(dynamic.data, POISON, dynamic.bytes);
}

void shared_check() {
    if (!dynamic.is_intact())
        fail({nullptr, 0}, "the block wrote beyond its %zu bytes of shared memory", dynamic.bytes);
}

unsigned char* dynamic_shared(size_t alignment) {
    if (alignment > 16)
        fail({nullptr, 0}, "shared memory at multiples of %zu bytes, but launches align it to 16",
             alignment);
    return dynamic.data;
}

void require_aligned(const void* address, size_t alignment, const char* what, Site site) {
    if (reinterpret_cast<uintptr_t>(address) % alignment)
        fail(site, "%s at %p, which is no multiple of %zu bytes", what, address, alignment);
}

void require_shared(const void* address, size_t bytes, const char* what, Site site) {
    require_aligned(address, bytes, what, site);
    if (within(address, bytes, dynamic.data, dynamic.bytes)) return;
    if (within(address, bytes, static_begin, static_bytes)) return;
    fail(site, "%s at an address outside shared memory, %td bytes from the begin of the %zu asked for",
         what, static_cast<const unsigned char*>(address) - dynamic.data, dynamic.bytes);
}

// ---- cp.async ----

namespace {

struct Copy {
    void* to;
    const void* from;  // null: zeros
    size_t bytes;
    Site site;
};

struct Copies {
    std::vector<std::vector<Copy>> groups;  // closed, oldest first
    std::vector<Copy> open;
};

std::vector<Copies> copies;  // by thread

Copies& mine() {
    const size_t number =
        threadIdx.x + size_t(blockDim.x) * (threadIdx.y + size_t(blockDim.y) * threadIdx.z);
    if (copies.size() <= number) copies.resize(number + 1);
    return copies[number];
}

// From its start to its end a copy owns the memory that it writes.
void require_untouched(const Copy& copy) {
    const auto* at = static_cast<const unsigned char*>(copy.to);
    for (size_t i = 0; i < copy.bytes; ++i)
        if (at[i] != POISON)
            fail(copy.site, "shared memory was written while this cp.async to it was under way");
}

void finish(const Copy& copy) {
    require_untouched(copy);
    if (copy.from) {
        std::memcpy(copy.to, copy.from, copy.bytes);
    } else {
        std::memset(copy.to, 0, copy.bytes);
    }
}

}  // namespace

void copy_async(void* shared, const void* global, size_t bytes, bool valid, Site site) {
    require_shared(shared, bytes, "cp.async writes", site);
    // What was there is lost from now on, and what will be there may not be read yet.
    std::memset(shared, POISON, bytes);
    if (valid) {
        require_aligned(global, bytes, "cp.async reads", site);
        volatile char touch = *static_cast<const volatile char*>(global);
        (void)touch;
    }
    const Copy copy{shared, valid ? global : nullptr, bytes, site};
    if (copies_are_late()) {
        mine().open.push_back(copy);
    } else {
        finish(copy);
    }
}

void copy_async_commit() {
    Copies& all = mine();
    all.groups.push_back(std::move(all.open));
    all.open.clear();
}

void copy_async_wait(size_t pending) {
    Copies& all = mine();
    if (all.groups.size() <= pending) return;
    const size_t done = all.groups.size() - pending;
    for (size_t g = 0; g < done; ++g)
        for (const Copy& copy : all.groups[g]) finish(copy);
    all.groups.erase(all.groups.begin(), all.groups.begin() + ptrdiff_t(done));
}

void copy_async_end_block() {
    for (Copies& thread : copies) {
        for (const auto& group : thread.groups)
            for (const Copy& copy : group) require_untouched(copy);
        for (const Copy& copy : thread.open) require_untouched(copy);
    }
    copies.clear();
}

}  // namespace emulation
