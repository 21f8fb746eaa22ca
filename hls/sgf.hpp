// Steps of the spike gating flow, each named as in host/spynq/sgf.
#ifndef SPYNQ_SGF_HPP
#define SPYNQ_SGF_HPP
#include <ap_int.h>
#include <hls_stream.h>

#include "sgf_contract.hpp"  // generated: registers, formats, build parameters, tables

namespace spynq {
namespace sgf {

typedef ap_uint<32> word_t;
typedef ap_int<32> statistic_t;

// A word of a stream, and whether it is the last one.
struct beat_t {
    ap_uint<64> data;
    bool last;
};

// A field of a word, by the constants of the contract.
#define SGF_FIELD(word, beat, name) ((word) >> beat##_##name##_LSB & ((ap_uint<64>(1) << beat##_##name##_BITS) - 1))

// Golden: _wrapped. A difference of times modulo 2**32.
inline ap_int<32> wrapped(word_t now, word_t before) { return ap_int<32>(word_t(now - before)); }

// Golden: steps. A move of more than an eighth of the active pixels.
inline int step(int move, int total) { return 8 * move > total ? 1 : -8 * move > total ? -1 : 0; }

inline int absolute(int value) { return value < 0 ? -value : value; }

// Golden: display.
inline int display(int score, int bits, int trials) {
    ap_int<64> whole = ap_int<64>(bits) * trials;
    if (whole == 0) return 0;
    ap_int<64> shown = (ap_int<64>(score) << 16) / whole;
    return shown > 0xFFFF ? 0xFFFF : shown.to_int();
}

// Golden: Cut, and the other settings of a run.
struct run_t {
    int events, frames, frame_us, timeout_us, scale_x, scale_y, least, report, scoring;
    bool by_time, keep_partial, mirror_x, mirror_y, allow_empty, automatic;
};

// Golden: Answer.
struct answer_t {
    int winner, second, score, opened, flags, halvings, overflows, rule;
};

// Golden: Ranking. Rows, or -1.
struct ranking_t {
    int first, second, score;
    bool tie;
};

}  // namespace sgf
}  // namespace spynq

// One run: words up to a PAUSE. `numbers` are the counters from EVENTS_IN to ENGINE_RUNS, in their order.
void sgf(hls::stream<spynq::sgf::beat_t> &s_axis, hls::stream<spynq::sgf::beat_t> &m_axis, ap_uint<32> MODE,
         ap_uint<32> EVENTS, ap_uint<32> FRAMES, ap_uint<32> FRAME_US, ap_uint<32> TIMEOUT_US,
         ap_uint<32> SCALE_X, ap_uint<32> SCALE_Y, ap_uint<32> ACTIVE, ap_uint<32> REPORT, ap_uint<32> *STATUS,
         ap_uint<32> numbers[11]);
#endif
