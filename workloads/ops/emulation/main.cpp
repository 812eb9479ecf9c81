// Reads launches from the standard input and writes their results to the standard output, until the
// input ends. The first failure ends the process. Numbers are little-endian and 8 bytes wide:
//
//   request  name (length, bytes), grid, block (3 each), shared bytes,
//            memories: count, then each: bytes, phase, flags, content, and with flag 4 the content
//              that the kernel sees before it waits; flags are the sum of 1 writable, 2 closed
//              until the wait, 4 other content until the wait
//            arguments: count, then each: kind, pointee, value, offset; the value of a pointer is
//              the number of its memory, or all ones for null
//   answer   0, then the content of each writable memory; or 1, then a message (length, bytes)
//
// Each launch runs twice on the same memories, with its threads in two orders.

#include "runtime.h"

#include <cstring>
#include <string>
#include <sys/time.h>
#include <sys/types.h>
#include <unistd.h>
#include <vector>

#include "entry.h"

namespace emulation {
namespace {

constexpr uint64_t NOWHERE = ~uint64_t(0);
constexpr time_t MOST_SECONDS = 20;  // of this process, for a launch in one order

bool read_bytes(void* to, size_t bytes) {
    auto* at = static_cast<unsigned char*>(to);
    while (bytes > 0) {
        const ssize_t got = read(STDIN_FILENO, at, bytes);
        if (got <= 0) return false;
        at += got;
        bytes -= size_t(got);
    }
    return true;
}

void write_bytes(const void* from, size_t bytes) {
    const auto* at = static_cast<const unsigned char*>(from);
    while (bytes > 0) {
        const ssize_t sent = write(STDOUT_FILENO, at, bytes);
        if (sent <= 0) _exit(2);
        at += sent;
        bytes -= size_t(sent);
    }
}

uint64_t read_number() {
    uint64_t value = 0;
    if (!read_bytes(&value, sizeof value)) _exit(2);
    return value;
}

void write_number(uint64_t value) { write_bytes(&value, sizeof value); }

dim3 read_dimensions() {
    dim3 size;
    size.x = unsigned(read_number());
    size.y = unsigned(read_number());
    size.z = unsigned(read_number());
    return size;
}

[[noreturn]] void refuse(const std::string& kernel, const std::string& why) {
    answer_failure(("kernel " + kernel + ": " + why).c_str());
}

const Entry* find(const std::string& name) {
    for (size_t k = 0; k < kernel_count; ++k)
        if (name == kernels[k].name) return &kernels[k];
    refuse(name, "there is no kernel of this name in its file");
}

// What a GPU would refuse.
void check_sizes(const Launch& launch) {
    const std::string name = launch.entry->name;
    const size_t threads = size_t(launch.block.x) * launch.block.y * launch.block.z;
    const size_t most = launch.entry->most_threads ? launch.entry->most_threads : 1024;
    if (threads == 0 || threads > most || launch.block.z > 64)
        refuse(name, "a block of " + std::to_string(threads) + " threads, at most " +
                         std::to_string(most));
    const dim3 grid = launch.grid;
    if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > 0x7fffffff || grid.y > 65535 ||
        grid.z > 65535)
        refuse(name, "a grid of " + std::to_string(grid.x) + " x " + std::to_string(grid.y) +
                         " x " + std::to_string(grid.z) + " blocks");
    if (launch.shared_bytes > (227 << 10))
        refuse(name, std::to_string(launch.shared_bytes) + " bytes of shared memory, at most 232448");
}

struct Argument {
    uint64_t kind, pointee, value, offset;
};

// The argument as the kernel's parameter of that type.
uint64_t fit(const std::string& name, size_t number, const Argument& argument,
             const Parameter& parameter, const std::vector<Region>& memory) {
    const std::string which = "argument " + std::to_string(number);
    if (char(argument.kind) != parameter.kind)
        refuse(name, which + " is '" + char(argument.kind) + "', its parameter '" + parameter.kind +
                         "' (p pointer, u 32 bits, l 64 bits, f float)");
    if (parameter.kind != 'p') return argument.value;
    if (argument.value == NOWHERE) return 0;
    if (argument.value >= memory.size()) refuse(name, which + " has no memory");
    const Region& region = memory[argument.value];
    if (parameter.writable && !region.writable)
        refuse(name, which + " is passed to be read, its parameter is no pointer to const");
    if (parameter.pointee != '?' && char(argument.pointee) != parameter.pointee)
        refuse(name, which + " points to '" + char(argument.pointee) + "', its parameter to '" +
                         parameter.pointee + "' (f f32, h f16, b bf16, u 32 bits, c 8 bits)");
    return reinterpret_cast<uint64_t>(region.data) + argument.offset;
}

void limit_time(time_t seconds) {
    itimerval limit = {};
    limit.it_value.tv_sec = seconds;
    setitimer(ITIMER_VIRTUAL, &limit, nullptr);
}

std::vector<unsigned char> read_content(size_t bytes) {
    std::vector<unsigned char> content(bytes);
    if (!read_bytes(content.data(), bytes)) _exit(2);
    return content;
}

// What a launch finds in a memory, and its place.
struct Memory {
    size_t phase;
    uint64_t flags;
    std::vector<unsigned char> content, before_wait;
};

using Contents = std::vector<std::vector<unsigned char>>;

// Runs a launch and returns what it leaves in the memories that it may write.
Contents run_on(const std::vector<Memory>& memories, const std::vector<Argument>& arguments,
                Launch launch) {
    const std::string name = launch.entry->name;
    const bool at_end = launch.order == Order::Forward;
    // Allocations of a GPU begin at multiples of 256 bytes; kernels count on 16.
    const size_t alignment = at_end ? 16 : 256;
    std::vector<Region> placed(memories.size());
    for (size_t m = 0; m < memories.size(); ++m) {
        Region& region = placed[m];
        const Memory& memory = memories[m];
        region.allocate(memory.content.size(), alignment, memory.phase % alignment,
                        at_end ? Placement::AtEnd : Placement::AtBegin);
        region.writable = memory.flags & 1;
        region.until_wait = memory.flags & 2;
        std::memcpy(region.data, memory.content.data(), region.bytes);
        if (memory.flags & 4) region.hide(memory.before_wait.data());
        region.open();
    }
    regions = placed.data();
    region_count = placed.size();

    std::vector<uint64_t> values(arguments.size());
    std::vector<void*> addresses(arguments.size());
    for (size_t a = 0; a < arguments.size(); ++a) {
        values[a] = fit(name, a, arguments[a], launch.entry->parameters[a], placed);
        addresses[a] = &values[a];
    }
    launch.arguments = addresses.data();

    limit_time(MOST_SECONDS);
    run(launch);
    limit_time(0);
    Contents left;
    for (size_t m = 0; m < placed.size(); ++m) {
        Region& region = placed[m];
        region.open();
        if (!region.is_intact())
            refuse(name, "wrote just beyond memory " + std::to_string(m) + " of " +
                             std::to_string(region.bytes) + " bytes");
        if (region.writable) left.emplace_back(region.data, region.data + region.bytes);
        region.release();
    }
    regions = nullptr;
    region_count = 0;
    return left;
}

void serve(const std::string& name) {
    Launch launch = {};
    launch.entry = find(name);
    launch.grid = read_dimensions();
    launch.block = read_dimensions();
    launch.shared_bytes = read_number();
    check_sizes(launch);

    std::vector<Memory> memories(read_number());
    for (Memory& memory : memories) {
        const size_t bytes = read_number();
        memory.phase = read_number();
        memory.flags = read_number();
        memory.content = read_content(bytes);
        if (memory.flags & 4) memory.before_wait = read_content(bytes);
    }
    std::vector<Argument> arguments(read_number());
    for (Argument& argument : arguments) {
        argument.kind = read_number();
        argument.pointee = read_number();
        argument.value = read_number();
        argument.offset = read_number();
    }
    if (arguments.size() != launch.entry->parameter_count)
        refuse(name, "takes " + std::to_string(launch.entry->parameter_count) +
                         " arguments and was given " + std::to_string(arguments.size()));

    launch.order = Order::Forward;
    const Contents forward = run_on(memories, arguments, launch);
    launch.order = Order::Backward;
    const Contents backward = run_on(memories, arguments, launch);
    for (size_t m = 0; m < forward.size(); ++m)
        for (size_t at = 0; at < forward[m].size(); ++at)
            if (forward[m][at] != backward[m][at])
                refuse(name, "byte " + std::to_string(at) + " of output " + std::to_string(m) +
                                 " depends on the order in which threads run: a data race");
    write_number(0);
    for (const auto& content : forward) write_bytes(content.data(), content.size());
}

}  // namespace

void answer_failure(const char* message) {
    const size_t length = std::strlen(message);
    write_number(1);
    write_number(length);
    write_bytes(message, length);
    _exit(1);
}

}  // namespace emulation

int main() {
    emulation::catch_faults();
    uint64_t length = 0;
    while (emulation::read_bytes(&length, sizeof length)) {
        std::string name(length, ' ');
        if (!emulation::read_bytes(name.data(), length)) return 2;
        emulation::serve(name);
    }
    return 0;
}
