// One kernel with everything on its ports, and the clock.
#pragma once
#include <memory>
#include <tuple>
#include <utility>

#include "dma.hpp"
#include "memory.hpp"

namespace spynq {

enum Cause : unsigned { kAccess = 0, kWait = 1, kInterrupt = 2 };

template <class Masters, class Senders, class Receivers> class Kernel;

template <class... M, class... S, class... R>
class Kernel<std::tuple<M...>, std::tuple<S...>, std::tuple<R...>> {
    static constexpr uint32_t kCtrl = 0x00, kStart = 0x81, kIdle = 0x04;
    static constexpr uint32_t kControlPatience = 10000;

    Settings set_;
    Report report_{};
    VerilatedContext context_;
    Vmodel top_{&context_};
#if SPYNQ_WAVES
    VerilatedFstC waves_;
#endif
    std::tuple<Memory<M>...> masters_;
    std::tuple<Sender<S>...> senders_;
    std::tuple<Receiver<R>...> receivers_;
    uint32_t polled_ = ~0u, step_ = 0;
    bool fresh_ = true;   // a pin of ours changed outside cycle()

    template <class Tuple, class F> static void each(Tuple& tuple, F f) {
        std::apply([&](auto&... item) { (f(item), ...); }, tuple);
    }

    // Let inputs reach outputs, the clock being low.
    void settle() {
#if SPYNQ_SPLIT && !SPYNQ_WAVES
        top_.rootp->__VicoTriggered[0U] = 1;
        Vmodel___024root___eval_ico(top_.rootp);
#else
        top_.aclk = 0;
        top_.eval();
#endif
#if SPYNQ_WAVES
        if (set_.waves[0]) waves_.dump(report_.now * 10);
#endif
    }

    // The rising edge of the only clock.
    void edge() {
#if SPYNQ_SPLIT && !SPYNQ_WAVES
        top_.rootp->__VnbaTriggered[0U] = 1;
        Vmodel___024root___eval_nba(top_.rootp);
#else
        top_.aclk = 1;
        top_.eval();
#endif
#if SPYNQ_WAVES
        if (set_.waves[0]) waves_.dump(report_.now * 10 + 5);
#endif
        ++report_.now, ++report_.evaluated;
    }

    void cycle() {
        bool changed = fresh_;
        fresh_ = false;
        each(masters_, [&](auto& m) { changed |= m.drive(); });
        each(senders_, [&](auto& s) { changed |= s.drive(); });
        each(receivers_, [&](auto& r) { changed |= r.drive(); });
#if SPYNQ_SPLIT && !SPYNQ_WAVES
        // Without a changed input the outputs are those the last edge left.
        if (changed) settle();
#else
        settle();
#endif
        each(masters_, [&](auto& m) { m.sample(); });
        each(senders_, [&](auto& s) { s.sample(); });
        each(receivers_, [&](auto& r) { r.sample(); });
    }

    bool quiet() {
        bool active = report_.busy;
        each(masters_, [&](auto& m) { active |= !m.idle(); });
        each(senders_, [&](auto& s) { active |= s.active(); });
        each(receivers_, [&](auto& r) { active |= r.active(); });
        return !active;
    }

    uint32_t interrupts() {
        uint32_t found = top_.irq;
        unsigned bit = 1;
        each(senders_, [&](auto& s) { found |= uint32_t(s.interrupt()) << bit, bit += 2; });
        bit = 2;
        each(receivers_, [&](auto& r) { found |= uint32_t(r.interrupt()) << bit, bit += 2; });
        return found;
    }

    // The processor is on its way. Nothing happens in a kernel that is idle, so its clock need not be simulated.
    // It arrives early if `over` says that what it polls for has come.
    template <class Over> void travel(uint32_t offset, bool poll, Over over) {
        step_ = poll && polled_ == offset ? (step_ * 2 < set_.longest_step ? step_ * 2 : set_.longest_step)
                                          : set_.access_cycles;
        if (step_ < set_.access_cycles) step_ = set_.access_cycles;
        const Cause cause = poll && polled_ == offset ? kWait : kAccess;
        polled_ = poll ? offset : ~0u;
        if (quiet()) {
            report_.now += step_, report_.by_cause[cause] += step_;
            return;
        }
        run(step_, cause, over);
        if (report_.now - report_.last_beat > set_.patience && !quiet())
            complain(report_, kPatience, offset, "%llu", (unsigned long long)(report_.now - report_.last_beat));
    }

    void travel(uint32_t offset, bool poll) { travel(offset, poll, [] { return false; }); }

    // Clock until `done`, which sees the settled pins, and lower each valid after the edge that took it.
    template <class Done> bool transact(Done done) {
        for (uint32_t waited = 0; waited < kControlPatience; ++waited) {
            cycle();
            const bool ar = top_.s_axi_control_arvalid && top_.s_axi_control_arready;
            const bool aw = top_.s_axi_control_awvalid && top_.s_axi_control_awready;
            const bool w = top_.s_axi_control_wvalid && top_.s_axi_control_wready;
            const bool finished = done();
            edge();
            ++report_.by_cause[kAccess];
            if (ar) top_.s_axi_control_arvalid = 0, fresh_ = true;
            if (aw) top_.s_axi_control_awvalid = 0, fresh_ = true;
            if (w) top_.s_axi_control_wvalid = 0, fresh_ = true;
            if (finished) return true;
        }
        complain(report_, kProtocol, 0, "%s: s_axi_control did not answer within %u cycles", set_.instance,
                 kControlPatience);
        return false;
    }

public:
    explicit Kernel(const Settings& set)
        : set_(set), masters_(Memory<M>(top_, set_, report_)...), senders_(Sender<S>(top_, set_, report_)...),
          receivers_(Receiver<R>(top_, set_, report_)...) {
#if SPYNQ_WAVES
        if (set_.waves[0]) {
            context_.traceEverOn(true);
            top_.trace(&waves_, 99);
            waves_.open(set_.waves);
        }
#endif
        top_.aclk = 0;
        top_.eval();
        top_.s_axi_control_bready = 1;
        top_.s_axi_control_rready = 1;
        reset();
    }

    ~Kernel() {
#if SPYNQ_WAVES
        if (set_.waves[0]) waves_.close();
#endif
        top_.final();
    }

    Report& report() { return report_; }

    void reset() {
        top_.aresetn = 0, fresh_ = true;
        top_.s_axi_control_arvalid = top_.s_axi_control_awvalid = top_.s_axi_control_wvalid = 0;
        for (int i = 0; i < 16; ++i) {
            cycle(), edge();
            if (i != 3) continue;
            // By now the kernel asks for nothing any more, and what it asked for in mid-burst goes as well.
            each(masters_, [&](auto& m) { m.clear(); });
            each(senders_, [&](auto& s) { s.clear(); });
            each(receivers_, [&](auto& r) { r.clear(); });
            fresh_ = true;
        }
        top_.aresetn = 1, fresh_ = true;
        cycle(), edge();
        report_.busy = 0, report_.fault = kNone;
        report_.last_beat = report_.now;
        polled_ = ~0u;
    }

    uint64_t run(uint64_t cycles, unsigned cause) { return run(cycles, cause, [] { return false; }); }

    template <class Over> uint64_t run(uint64_t cycles, unsigned cause, Over over) {
        const uint32_t before = interrupts();
        uint64_t ran = 0;
        while (ran < cycles) {
            cycle(), edge();
            ++ran;
            if (interrupts() & ~before || report_.fault || over()) break;
        }
        report_.by_cause[cause] += ran;
        return ran;
    }

    // Time passes in which this kernel has nothing to do.
    void skip(uint64_t now) {
        if (now > report_.now) report_.now = now;
    }

    uint32_t read(uint32_t offset) {
        travel(offset, true);
        top_.s_axi_control_araddr = offset, top_.s_axi_control_arvalid = 1, fresh_ = true;
        uint32_t value = 0;
        transact([&] {
            if (!top_.s_axi_control_rvalid) return false;
            value = top_.s_axi_control_rdata;
            return true;
        });
        if (offset == kCtrl && value & kIdle && !(value & 1)) report_.busy = 0;
        return value;
    }

    void write(uint32_t offset, uint32_t value) {
        travel(offset, false);
        if (offset == kCtrl && value & kStart) report_.busy = 1, report_.last_beat = report_.now;
        top_.s_axi_control_awaddr = offset, top_.s_axi_control_awvalid = 1;
        top_.s_axi_control_wdata = value, top_.s_axi_control_wstrb = 15, top_.s_axi_control_wvalid = 1;
        fresh_ = true;
        transact([&] { return bool(top_.s_axi_control_bvalid); });
    }

    // A register of DMA `index`; it lives here and not in the kernel, yet every access takes its time.
    uint32_t dma_read(unsigned index, uint32_t offset) {
        bool active = false;
        const auto look = [&](auto& c) { active = c.active(); };
        channel(index, offset, look);
        const bool before = active;
        // Looking again at a channel that is idle is no wait.
        if (!before) polled_ = ~0u;
        travel(0x10000 + (index << 8) + offset, true, [&] { return channel(index, offset, look), before && !active; });
        uint32_t value = 0;
        channel(index, offset, [&](auto& c) { value = c.read(offset % 0x30); });
        return value;
    }

    void dma_write(unsigned index, uint32_t offset, uint32_t value) {
        travel(0x10000 + (index << 8) + offset, false);
        channel(index, offset, [&](auto& c) { c.write(offset % 0x30, value); });
    }

    // Address, bytes asked and bytes moved of a DMA channel, and whether it is at work.
    void channel_state(unsigned index, unsigned receive, uint64_t* out) {
        channel(index, receive ? 0x30 : 0, [&](auto& c) {
            out[0] = c.active(), out[1] = c.first(), out[2] = c.asked(), out[3] = c.moved(), out[4] = c.read(0x04);
        });
    }

    uint32_t lines() { return report_.interrupts = interrupts(); }

private:
    template <class F> void channel(unsigned index, uint32_t offset, F f) {
        unsigned place = 0;
        if (offset < 0x30) each(senders_, [&](auto& c) { if (place++ == index) f(c); });
        else each(receivers_, [&](auto& c) { if (place++ == index) f(c); });
    }
};

}  // namespace spynq
