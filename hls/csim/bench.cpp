// Plays recorded runs to a twin: main() of a C simulation, and of a co-simulation.
//
// runs.bin begins with four 64-bit words: runs, bytes of memory, bytes of registers, stream ports. Each
// run is registers, memory and beats before, then the same after; beats are their number, the words, the
// marks of the last one.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <vector>

#include "kernel_name.hpp"  // generated beside runs.bin

struct port_t {
    std::uint64_t *words;
    std::uint8_t *last;
    std::uint64_t count, room;
};

extern "C" void run(std::uint32_t *registers, std::uint8_t *memory, void *ports);

static std::vector<std::uint8_t> take(std::ifstream &file, std::uint64_t bytes) {
    std::vector<std::uint8_t> data(bytes);
    file.read(reinterpret_cast<char *>(data.data()), bytes);
    return data;
}

static std::uint64_t number(std::ifstream &file) {
    std::uint64_t value = 0;
    file.read(reinterpret_cast<char *>(&value), 8);
    return value;
}

int main(int count, char **arguments) {
    std::ifstream file(count > 1 ? arguments[1] : "runs.bin", std::ios::binary);
    if (!file) {
        std::puts("runs.bin is missing; python -m spynq_sim.hls KERNEL FOLDER writes it");
        return 2;
    }
    std::uint64_t runs = number(file), size = number(file), words = number(file), ports = number(file);
    const std::uint64_t room = 1 << 20;
    for (std::uint64_t index = 1; index <= runs; index++) {
        std::vector<std::uint8_t> registers = take(file, words), memory = take(file, size);
        std::vector<std::vector<std::uint64_t>> held(ports, std::vector<std::uint64_t>(room));
        std::vector<std::vector<std::uint8_t>> ends(ports, std::vector<std::uint8_t>(room));
        std::vector<port_t> streams(ports + 1);
        for (std::uint64_t port = 0; port < ports; port++) {
            std::uint64_t beats = number(file);
            if (beats > room) {
                std::puts("runs.bin is damaged; write it again");
                return 2;
            }
            std::vector<std::uint8_t> raw = take(file, 8 * beats), last = take(file, beats);
            std::memcpy(held[port].data(), raw.data(), raw.size());
            std::memcpy(ends[port].data(), last.data(), last.size());
            streams[port] = {held[port].data(), ends[port].data(), beats, room};
        }
        run(reinterpret_cast<std::uint32_t *>(registers.data()), memory.data(), streams.data());
        bool equal = registers == take(file, words);
        equal &= memory == take(file, size);
        for (std::uint64_t port = 0; port < ports; port++) {
            std::uint64_t beats = number(file);
            if (beats != streams[port].count) {
                equal = false;
                break;
            }
            std::vector<std::uint8_t> raw = take(file, 8 * beats), last = take(file, beats);
            equal &= std::memcmp(raw.data(), held[port].data(), raw.size()) == 0 &&
                     std::memcmp(last.data(), ends[port].data(), last.size()) == 0;
        }
        if (!equal || !file) {
            std::printf("run %llu differs\n", static_cast<unsigned long long>(index));
            return 1;
        }
    }
    std::printf("%llu runs of " KERNEL_NAME " equal\n", static_cast<unsigned long long>(runs));
    return 0;
}
