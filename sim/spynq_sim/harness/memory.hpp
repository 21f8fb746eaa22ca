// AXI4 memory behind one master port of a kernel, with the rules of the bus checked on the way.
#pragma once
#include "settings.hpp"

namespace spynq {

constexpr unsigned kBeats = 16;    // longest burst the kernels may use
constexpr unsigned kBursts = 32;   // most bursts in flight per direction
constexpr unsigned kOkay = 0, kDecodeError = 3;

template <class Port> class Memory {
    static constexpr unsigned kBytes = Port::kBytes;
    static constexpr unsigned kShape = 0x10 | __builtin_ctz(kBytes);   // INCR, full width, no lock, ID 0

    struct Burst {
        uint64_t address, due;
        unsigned length;
        bool mapped;
    };
    struct Ring {
        Burst items[kBursts];
        unsigned head = 0, count = 0;
        Burst& front() { return items[head]; }
        Burst& at(unsigned i) { return items[(head + i) % kBursts]; }
        void push(const Burst& b) { items[(head + count++) % kBursts] = b; }
        void pop() { head = (head + 1) % kBursts, --count; }
    };

    Port port_;
    const Settings& set_;
    Report& report_;
    Ring reads_, writes_;
    unsigned answered_ = 0;          // bursts at the front of writes_ whose data is complete
    unsigned read_beat_ = 0, write_beat_ = 0;
    uint8_t data_[kBursts][kBeats * kBytes];
    uint8_t strobes_[kBursts][kBeats * ((kBytes + 7) / 8)];
    Pauses pause_ar_, pause_r_, pause_aw_, pause_w_, pause_b_;
    bool offered_r_ = false, offered_b_ = false;
    bool ar_held_ = false, aw_held_ = false, w_held_ = false;
    uint64_t ar_was_ = 0, aw_was_ = 0;
    uint8_t w_was_[kBytes];
    bool ar_ready_ = false, aw_ready_ = false, w_ready_ = false, r_valid_ = false, b_valid_ = false;
    const uint8_t* r_data_ = nullptr;
    uint8_t zeros_[kBytes] = {};

    bool mapped(uint64_t address, unsigned bytes) const {
        return address >= set_.base && address + bytes <= set_.base + set_.size;
    }

    Burst burst(const char* kind, uint64_t address, unsigned length, unsigned shape) {
        const unsigned bytes = (length + 1) * kBytes;
        if (length >= kBeats)
            fail(address, "%s: %s.%s burst of %u beats, the limit is %u", kind, length + 1, kBeats);
        else if (shape != kShape)
            fail(address, "%s: %s.%s burst is not full-width INCR (%#x, not %#x)", kind, shape, kShape);
        else if (address % kBytes)
            fail(address, "%s: %s.%s burst at an address that is no multiple of %u (length %u)", kind, kBytes, length);
        else if ((address & 4095) + bytes > 4096)
            fail(address, "%s: %s.%s burst of %u bytes crosses 4 KiB (offset %u)", kind, bytes, unsigned(address & 4095));
        const bool inside = mapped(address, bytes);
        if (!inside)
            complain(report_, kDecode, address, "%s: %s.%s burst of %u bytes at %#llx", set_.instance, Port::kName,
                     kind, bytes, (unsigned long long)address);
        return {address, report_.now + set_.latency, length, inside};
    }

    void fail(uint64_t address, const char* format, const char* kind, unsigned a, unsigned b) {
        complain(report_, kProtocol, address, format, set_.instance, Port::kName, kind, a, b);
    }

    void steady(bool held, bool valid, bool same, const char* kind) {
        if (held && (!valid || !same))
            complain(report_, kProtocol, 0, "%s: %s.%s %s before it was taken", set_.instance, Port::kName, kind,
                     valid ? "changed" : "was withdrawn");
    }

public:
    Memory(Vmodel& top, const Settings& set, Report& report) : port_{top}, set_(set), report_(report) {
        Pauses* all[] = {&pause_ar_, &pause_r_, &pause_aw_, &pause_w_, &pause_b_};
        unsigned salt = 11;
        for (Pauses* p : all) p->set(set.pauses, set.seed * 31 + salt++);
        clear();
    }

    // Reset: what is under way is forgotten.
    void clear() {
        reads_ = Ring(), writes_ = Ring();
        answered_ = read_beat_ = write_beat_ = 0;
        offered_r_ = offered_b_ = ar_held_ = aw_held_ = w_held_ = false;
        ar_ready_ = aw_ready_ = w_ready_ = r_valid_ = b_valid_ = false;
        r_data_ = nullptr;
        port_.read(false, false, 0);
        port_.answer(false, 0);
        port_.arready(false), port_.awready(false), port_.wready(false);
    }

    bool idle() const { return !reads_.count && !writes_.count; }

    // Set the pins from this model's own state; true if any changed.
    bool drive() {
        bool changed = false;
        const bool ar = reads_.count < set_.outstanding && !pause_ar_.next();
        const bool aw = writes_.count < set_.outstanding && !pause_aw_.next();
        const bool w = writes_.count > answered_ && !pause_w_.next();
        if (ar != ar_ready_) port_.arready(ar_ready_ = ar), changed = true;
        if (aw != aw_ready_) port_.awready(aw_ready_ = aw), changed = true;
        if (w != w_ready_) port_.wready(w_ready_ = w), changed = true;

        // A valid once given stays until it is taken, so a pause only delays the next one.
        const bool r = offered_r_ || (reads_.count && reads_.front().due <= report_.now && !pause_r_.next());
        if (r) {
            Burst& b = reads_.front();
            const uint8_t* data = b.mapped ? set_.memory + (b.address - set_.base) + read_beat_ * kBytes : zeros_;
            if (data != r_data_ || !r_valid_) {
                port_.rdata(data);
                port_.read(true, read_beat_ == b.length, b.mapped ? kOkay : kDecodeError);
                r_data_ = data, changed = true;
            } else if (!b.mapped) {
                port_.read(true, read_beat_ == b.length, kDecodeError), changed = true;
            }
        } else if (r_valid_) {
            port_.read(false, false, 0), changed = true;
        }
        r_valid_ = offered_r_ = r;

        const bool b = offered_b_ || (answered_ && writes_.front().due <= report_.now && !pause_b_.next());
        if (b != b_valid_ || b) {
            port_.answer(b, b && !writes_.front().mapped ? kDecodeError : kOkay);
            changed |= b != b_valid_ || !writes_.front().mapped;
        }
        b_valid_ = offered_b_ = b;
        return changed;
    }

    // Look at the settled pins just before the clock edge, and take what is handed over.
    void sample() {
        if (port_.arvalid()) {
            steady(ar_held_, true, ar_was_ == (port_.araddr() | uint64_t(port_.arlen()) << 48), "ar");
            if (ar_ready_) reads_.push(burst("read", port_.araddr(), port_.arlen(), port_.arshape()));
            ar_was_ = port_.araddr() | uint64_t(port_.arlen()) << 48;
            ar_held_ = !ar_ready_;
        } else {
            steady(ar_held_, false, true, "ar");
            ar_held_ = false;
        }
        if (r_valid_ && port_.rready()) {
            report_.read_bytes += kBytes, report_.last_beat = report_.now, offered_r_ = false;
            r_data_ = nullptr;
            if (read_beat_++ == reads_.front().length) reads_.pop(), read_beat_ = 0;
        }
        sample_write();
    }

private:
    void sample_write() {
        if (port_.wvalid()) {
            if (w_held_) {
                uint8_t now[kBytes];
                port_.wdata(now);
                steady(true, true, !std::memcmp(now, w_was_, kBytes), "w");
            }
            w_held_ = !w_ready_;
            if (w_ready_) take();
            else port_.wdata(w_was_);
        } else {
            steady(w_held_, false, true, "w");
            w_held_ = false;
        }
        if (port_.awvalid()) {
            steady(aw_held_, true, aw_was_ == (port_.awaddr() | uint64_t(port_.awlen()) << 48), "aw");
            if (aw_ready_) writes_.push(burst("write", port_.awaddr(), port_.awlen(), port_.awshape()));
            aw_was_ = port_.awaddr() | uint64_t(port_.awlen()) << 48;
            aw_held_ = !aw_ready_;
        } else {
            steady(aw_held_, false, true, "aw");
            aw_held_ = false;
        }
        if (b_valid_ && port_.bready()) commit();
    }

    void take() {
        Burst& b = writes_.at(answered_);
        const unsigned slot = (writes_.head + answered_) % kBursts;
        port_.wdata(data_[slot] + write_beat_ * kBytes);
        port_.wstrb(strobes_[slot] + write_beat_ * ((kBytes + 7) / 8));
        report_.write_bytes += kBytes, report_.last_beat = report_.now;
        const bool last = write_beat_ == b.length;
        if (port_.wlast() != last)
            fail(b.address, "%s: %s.%s last beat marked wrongly at beat %u of %u", "write", write_beat_ + 1, b.length + 1);
        if (last) {
            b.due = report_.now + set_.latency;
            ++answered_, write_beat_ = 0;
        } else {
            ++write_beat_;
        }
    }

    // Memory changes only when the response is taken: a kernel that says done too early is found out.
    void commit() {
        Burst& b = writes_.front();
        constexpr unsigned kStrobe = (kBytes + 7) / 8;
        if (b.mapped) {
            uint8_t* to = set_.memory + (b.address - set_.base);
            const uint8_t* from = data_[writes_.head];
            const uint8_t* strobe = strobes_[writes_.head];
            for (unsigned beat = 0; beat <= b.length; ++beat)
                for (unsigned byte = 0; byte < kBytes; ++byte)
                    if (strobe[beat * kStrobe + byte / 8] >> byte % 8 & 1) to[beat * kBytes + byte] = from[beat * kBytes + byte];
        }
        writes_.pop(), --answered_, offered_b_ = false;
    }
};

}  // namespace spynq
