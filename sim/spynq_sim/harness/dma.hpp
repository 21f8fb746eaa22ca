// Behaviour of the AXI DMA (simple mode) as its driver sees it, tied directly to a kernel's stream ports.
#pragma once
#include "settings.hpp"

namespace spynq {

// Registers of one channel; offsets as in the IP, relative to the channel.
class Channel {
    enum : uint32_t { kHalted = 1, kIdle = 2, kInternal = 0x10, kDecode = 0x40, kDone = 0x1000, kError = 0x4000 };

protected:
    const Settings& set_;
    Report& report_;
    uint32_t control_ = 0x10000, status_ = kHalted, low_ = 0, high_ = 0, length_ = 0;
    uint32_t moved_ = 0;
    bool active_ = false;
    uint8_t* at_ = nullptr;
    Pauses pause_;

    void finish(uint32_t flags = 0) {
        active_ = false;
        status_ |= kIdle | kDone | flags;
        if (flags) status_ |= kHalted | kError;
        length_ = moved_;
    }

public:
    Channel(const Settings& set, Report& report, unsigned salt) : set_(set), report_(report) {
        pause_.set(set.pauses, set.seed * 31 + salt);
    }

    bool active() const { return active_; }
    bool interrupt() const { return control_ & status_ & (kDone | kError); }
    uint32_t moved() const { return moved_; }
    uint64_t first() const { return low_ | uint64_t(high_) << 32; }
    uint32_t asked() const { return active_ ? length_ : 0; }

    uint32_t read(uint32_t offset) const {
        switch (offset) {
        case 0x00: return control_;
        case 0x04: return status_;
        case 0x18: return low_;
        case 0x1C: return high_;
        case 0x28: return length_;
        default: return 0;
        }
    }

    void write(uint32_t offset, uint32_t value) {
        if (offset == 0x00 && value & 4) {   // reset: whatever is under way is dropped
            control_ = 0x10000, status_ = kHalted, length_ = 0, moved_ = 0, active_ = false;
        } else if (offset == 0x00) {
            control_ = value;
            if (value & 1) status_ &= ~kHalted;
            else if (!active_) status_ |= kHalted;
        } else if (offset == 0x04) {
            status_ &= ~(value & 0x7000);
        } else if (offset == 0x18) {
            low_ = value;
        } else if (offset == 0x1C) {
            high_ = value;
        } else if (offset == 0x28 && !(status_ & kHalted) && !active_) {
            begin(value & 0x3FFFFFF);
        }
    }

private:
    void begin(uint32_t length) {
        length_ = length, moved_ = 0;
        status_ &= ~kIdle;
        if (!length) return finish(kInternal);
        const uint64_t address = first();
        if (address < set_.base || address + length > set_.base + set_.size) {
            complain(report_, Fault::kDecode, address, "%s: DMA of %u bytes at %#llx", set_.instance, length,
                     (unsigned long long)address);
            return finish(kDecode);
        }
        at_ = set_.memory + (address - set_.base);
        active_ = true;
        report_.last_beat = report_.now;
    }

protected:
    void overflow() { finish(kInternal); }
};

// Memory to stream.
template <class Port> class Sender : public Channel {
    static constexpr uint32_t kBytes = Port::kBytes;
    Port port_;
    bool offered_ = false, shown_ = false;

public:
    Sender(Vmodel& top, const Settings& set, Report& report) : Channel(set, report, 101), port_{top} { port_.valid(false); }
    const char* name() const { return Port::kName; }

    void clear() {
        write(0x00, 4);
        offered_ = shown_ = false;
        port_.valid(false);
    }

    bool drive() {
        const bool valid = offered_ || (active_ && !pause_.next());
        if (!valid) {
            if (!shown_) return false;
            port_.valid(shown_ = false);
            return true;
        }
        if (offered_) return false;
        const uint32_t left = length_ - moved_;
        if (__builtin_expect(left > kBytes, 1)) {
            port_.beat(at_, kBytes < 64 ? (1ull << (kBytes % 64)) - 1 : ~0ull, false);
        } else {
            uint8_t rest[kBytes] = {};
            std::memcpy(rest, at_, left);
            port_.beat(rest, left < 64 ? (1ull << left) - 1 : ~0ull, true);
        }
        if (!shown_) port_.valid(shown_ = true);
        return offered_ = true;
    }

    void sample() {
        if (!offered_ || !port_.ready()) return;
        offered_ = false;
        report_.last_beat = report_.now;
        if (!active_) return;   // reset while a beat was offered: it is withdrawn with the transfer
        const uint32_t left = length_ - moved_, bytes = left < kBytes ? left : kBytes;
        moved_ += bytes, at_ += bytes, report_.in_bytes += bytes;
        if (moved_ == length_) finish();
    }
};

// Stream to memory.
template <class Port> class Receiver : public Channel {
    static constexpr uint32_t kBytes = Port::kBytes;
    Port port_;
    bool ready_ = false, held_ = false, was_last_ = false;
    uint8_t was_[kBytes];

    void steady() {
        uint8_t now[kBytes];
        if (port_.valid()) port_.data(now);
        if (!port_.valid() || port_.last() != was_last_ || std::memcmp(now, was_, kBytes))
            complain(report_, kProtocol, 0, "%s: %s %s before it was taken", set_.instance, Port::kName,
                     port_.valid() ? "changed" : "was withdrawn");
    }

public:
    Receiver(Vmodel& top, const Settings& set, Report& report) : Channel(set, report, 202), port_{top} { port_.ready(false); }
    const char* name() const { return Port::kName; }

    void clear() {
        write(0x00, 4);
        ready_ = held_ = false;
        port_.ready(false);
    }

    bool drive() {
        const bool ready = active_ && !pause_.next();
        if (ready == ready_) return false;
        port_.ready(ready_ = ready);
        return true;
    }

    void sample() {
        if (__builtin_expect(held_, 0)) steady();
        held_ = false;
        if (!port_.valid()) return;
        if (!ready_) {
            held_ = true, was_last_ = port_.last();
            port_.data(was_);
            return;
        }
        if (!active_) return;
        const uint32_t left = length_ - moved_;
        if (__builtin_expect(left < kBytes, 0)) {
            uint8_t beat[kBytes];
            port_.data(beat);
            std::memcpy(at_, beat, left);
        } else {
            port_.data(at_);
        }
        const uint32_t bytes = left < kBytes ? left : kBytes;
        at_ += bytes, moved_ += bytes, report_.out_bytes += bytes, report_.last_beat = report_.now;
        if (port_.last()) finish();
        else if (moved_ == length_) overflow();   // the packet is longer than the buffer
    }
};

}  // namespace spynq
