// What the host sets and what it may look at: plain structures, mirrored in spynq_sim/library.py.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdio>

namespace spynq {

struct Settings {
    uint8_t* memory;           // host pointer to the kernels' copy of memory
    uint64_t base, size;       // its physical address and bytes
    uint32_t access_cycles;    // clock cycles the processor takes per register access
    uint32_t longest_step;     // a poll repeated without a write waits twice as long, up to this
    uint32_t latency;          // from an address to its first data beat, and from last data to response
    uint32_t outstanding;      // bursts each direction of the memory holds, at most kBursts
    uint32_t pauses;           // of 256 cycles, how many each channel pauses at random
    uint32_t seed;             // of those pauses
    uint64_t patience;         // cycles without a beat after which a polled wait is given up
    char instance[64];         // name of the cell, for messages
    char waves[512];           // path of the FST file, or empty
};

constexpr int kPorts = 8;

enum Fault : uint32_t { kNone = 0, kProtocol = 1, kDecode = 2, kPatience = 3 };

struct Report {
    uint64_t now;                 // clock cycles since the overlay was loaded
    uint64_t evaluated;           // of them, really simulated (the rest were idle and skipped)
    uint64_t by_cause[3];         // access, wait, interrupt wait
    uint64_t last_beat;           // cycle of the last beat on any data port
    uint64_t read_bytes, write_bytes;   // over all masters
    uint64_t in_bytes, out_bytes;       // over all streams
    uint32_t interrupts;          // bit 0: irq pin; bit 1 + 2c, 2 + 2c: send, receive channel of DMA c
    uint32_t busy;                // the kernel may be running
    uint32_t fault;
    uint32_t reserved;
    uint64_t fault_cycle;
    uint64_t fault_address;
    char message[256];
};

// A small generator per channel, so that one channel's pauses do not depend on another's traffic.
class Pauses {
    uint32_t state_ = 1, rate_ = 0;

public:
    void set(uint32_t rate, uint32_t seed) {
        rate_ = rate;
        state_ = seed * 2654435761u ^ 0x9e3779b9u;
        if (!state_) state_ = 1;
    }
    bool any() const { return rate_ != 0; }
    bool next() {
        if (!rate_) return false;
        state_ ^= state_ << 13;
        state_ ^= state_ >> 17;
        state_ ^= state_ << 5;
        return (state_ & 255) < rate_;
    }
};

// The first fault wins: what follows is mostly its consequence.
template <class... Values>
void complain(Report& report, Fault fault, uint64_t address, const char* format, Values... values) {
    if (report.fault) return;
    report.fault = fault;
    report.fault_cycle = report.now;
    report.fault_address = address;
    std::snprintf(report.message, sizeof report.message, format, values...);
}

}  // namespace spynq
