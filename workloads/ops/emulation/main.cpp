// Reads launches from the standard input and writes their results to the standard output, until the
// input ends. The first failure ends the process. Numbers are little-endian and 8 bytes wide:
//
//   request  name (length, bytes), grid, block (3 each), shared bytes, order, seed,
//            memories: count, then each: bytes, phase, flags (1 writable, 2 closed until the wait),
//              content
//            arguments: count, then each: kind, pointee, value, offset; the value of a pointer is
//              the number of its memory, or all ones for null
//   answer   0, then the content of each writable memory; or 1, then a message (length, bytes)

#include "runtime.h"

#include <cinttypes>
#include <cstdlib>
#include <cstring>
#include <string>
#include <sys/types.h>
#include <unistd.h>
#include <vector>

#include "entry.h"

namespace emulation {
namespace {

constexpr uint64_t NOWHERE = ~uint64_t(0);
constexpr unsigned MOST_SECONDS = 60;

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

void serve(const std::string& name) {
    Launch launch;
    launch.entry = find(name);
    launch.grid = read_dimensions();
    launch.block = read_dimensions();
    launch.shared_bytes = read_number();
    launch.order = read_number() ? Order::Backward : Order::Forward;
    launch.seed = read_number();
    check_sizes(launch);

    std::vector<Region> memory(read_number());
    for (Region& region : memory) {
        const size_t bytes = read_number();
        const size_t phase = read_number();
        const uint64_t flags = read_number();
        const bool at_end = launch.order == Order::Forward;
        // Allocations of a GPU begin at multiples of 256 bytes; kernels count on 16.
        const size_t alignment = at_end ? 16 : 256;
        region.allocate(bytes, alignment, phase % alignment,
                        at_end ? Placement::AtEnd : Placement::AtBegin);
        region.writable = flags & 1;
        region.until_wait = flags & 2;
        if (!read_bytes(region.data, bytes)) _exit(2);
        region.open();
    }
    regions = memory.data();
    region_count = memory.size();

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
    std::vector<uint64_t> values(arguments.size());
    std::vector<void*> addresses(arguments.size());
    for (size_t a = 0; a < arguments.size(); ++a) {
        values[a] = fit(name, a, arguments[a], launch.entry->parameters[a], memory);
        addresses[a] = &values[a];
    }
    launch.arguments = addresses.data();

    alarm(MOST_SECONDS);
    run(launch);
    alarm(0);
    for (size_t m = 0; m < memory.size(); ++m) {
        memory[m].open();
        if (!memory[m].is_intact())
            refuse(name, "wrote just beyond memory " + std::to_string(m) + " of " +
                             std::to_string(memory[m].bytes) + " bytes");
    }
    write_number(0);
    for (Region& region : memory) {
        if (region.writable) write_bytes(region.data, region.bytes);
        region.release();
    }
    regions = nullptr;
    region_count = 0;
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
