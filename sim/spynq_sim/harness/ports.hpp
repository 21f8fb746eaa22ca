// Names of the model's pins, gathered per bus so that the bus models can be templates without virtual calls.
#pragma once
#include <cstdint>
#include <cstring>

// Every Verilator port type is little-endian and dense, so that memcpy fits all widths.
#define SPYNQ_MASTER(TYPE, NAME, WIDTH)                                                          \
    struct TYPE {                                                                                \
        static constexpr unsigned kBytes = (WIDTH) / 8;                                          \
        static constexpr const char* kName = #NAME;                                              \
        Vmodel& t;                                                                               \
        bool arvalid() const { return t.NAME##_arvalid; }                                        \
        bool arready() const { return t.NAME##_arready; }                                        \
        uint64_t araddr() const { return t.NAME##_araddr; }                                      \
        unsigned arlen() const { return t.NAME##_arlen; }                                        \
        unsigned arshape() const {                                                               \
            return t.NAME##_arsize | t.NAME##_arburst << 4 | t.NAME##_arlock << 8 | t.NAME##_arid << 12; \
        }                                                                                        \
        void arready(bool v) { t.NAME##_arready = v; }                                           \
        bool rready() const { return t.NAME##_rready; }                                          \
        bool rvalid() const { return t.NAME##_rvalid; }                                          \
        void read(bool valid, bool last, unsigned response) {                                    \
            t.NAME##_rvalid = valid;                                                             \
            t.NAME##_rlast = last;                                                               \
            t.NAME##_rresp = response;                                                           \
            t.NAME##_rid = 0;                                                                    \
        }                                                                                        \
        void rdata(const uint8_t* p) { std::memcpy(&t.NAME##_rdata, p, kBytes); }                \
        bool awvalid() const { return t.NAME##_awvalid; }                                        \
        bool awready() const { return t.NAME##_awready; }                                        \
        uint64_t awaddr() const { return t.NAME##_awaddr; }                                      \
        unsigned awlen() const { return t.NAME##_awlen; }                                        \
        unsigned awshape() const {                                                               \
            return t.NAME##_awsize | t.NAME##_awburst << 4 | t.NAME##_awlock << 8 | t.NAME##_awid << 12; \
        }                                                                                        \
        void awready(bool v) { t.NAME##_awready = v; }                                           \
        bool wvalid() const { return t.NAME##_wvalid; }                                          \
        bool wready() const { return t.NAME##_wready; }                                          \
        bool wlast() const { return t.NAME##_wlast; }                                            \
        void wdata(uint8_t* p) const { std::memcpy(p, &t.NAME##_wdata, kBytes); }                \
        void wstrb(uint8_t* p) const { std::memcpy(p, &t.NAME##_wstrb, (kBytes + 7) / 8); }      \
        void wready(bool v) { t.NAME##_wready = v; }                                             \
        bool bready() const { return t.NAME##_bready; }                                          \
        bool bvalid() const { return t.NAME##_bvalid; }                                          \
        void answer(bool valid, unsigned response) {                                             \
            t.NAME##_bvalid = valid;                                                             \
            t.NAME##_bresp = response;                                                           \
            t.NAME##_bid = 0;                                                                    \
        }                                                                                        \
    };

#define SPYNQ_STREAM_IN(TYPE, NAME, WIDTH)                                                       \
    struct TYPE {                                                                                \
        static constexpr unsigned kBytes = (WIDTH) / 8;                                          \
        static constexpr const char* kName = #NAME;                                              \
        Vmodel& t;                                                                               \
        bool ready() const { return t.NAME##_tready; }                                           \
        bool valid() const { return t.NAME##_tvalid; }                                           \
        void valid(bool v) { t.NAME##_tvalid = v; }                                              \
        void beat(const uint8_t* p, uint64_t keep, bool last) {                                  \
            std::memcpy(&t.NAME##_tdata, p, kBytes);                                             \
            std::memcpy(&t.NAME##_tkeep, &keep, (kBytes + 7) / 8);                               \
            t.NAME##_tlast = last;                                                               \
        }                                                                                        \
    };

#define SPYNQ_STREAM_OUT(TYPE, NAME, WIDTH)                                                      \
    struct TYPE {                                                                                \
        static constexpr unsigned kBytes = (WIDTH) / 8;                                          \
        static constexpr const char* kName = #NAME;                                              \
        Vmodel& t;                                                                               \
        bool valid() const { return t.NAME##_tvalid; }                                           \
        bool ready() const { return t.NAME##_tready; }                                           \
        void ready(bool v) { t.NAME##_tready = v; }                                              \
        bool last() const { return t.NAME##_tlast; }                                             \
        void data(uint8_t* p) const { std::memcpy(p, &t.NAME##_tdata, kBytes); }                 \
    };
