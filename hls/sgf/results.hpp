// What goes out. Golden: report.words.
#ifndef SPYNQ_SGF_RESULTS_HPP
#define SPYNQ_SGF_RESULTS_HPP
#include "gates.hpp"

namespace spynq {
namespace sgf {

static void send(hls::stream<beat_t> &out, ap_uint<64> word, bool last = false) { out.write({word, last}); }

static void report(hls::stream<beat_t> &out, int wanted) {
    if (wanted >> REPORT_SCORES & 1) {
        for (int row = 0; row < CAP_ROWS; row++) send(out, ap_uint<64>(word_t(scores[row])) | ap_uint<64>(trials[row]) << 32);
    }
    if (wanted >> REPORT_VECTORS & 1) {
        for (int which = 0; which < 3; which++) {
            for (int first = 0; first < CAP_BITS; first += 64) {
                ap_uint<64> word = 0;
                for (int i = 0; i < 64 && first + i < CAP_BITS; i++) word[i] = vector[which][first + i];
                send(out, word);
            }
        }
    }
    if (wanted >> REPORT_STATISTICS & 1) {
        for (int place = 0; place < 512; place++) send(out, word_t(statistics[place]));
    }
    if (wanted >> REPORT_CNT & 1) {
        for (int y = 0; y < GRID; y++) {
            for (int first = 0; first < GRID; first += 8) {
                ap_uint<64> word = 0;
                for (int i = 0; i < 8 && first + i < GRID; i++) word |= ap_uint<64>(minimum(counts[y][first + i], 127)) << 8 * i;
                send(out, word);
            }
        }
    }
    if (wanted >> REPORT_MARGINALS & 1) {
        for (int f = 0; f < frames; f++) {
            for (int i = 0; i < CAP_SIZE; i++) {
                send(out, ap_uint<64>(rows_left[f][i]) | ap_uint<64>(rows_right[f][i]) << 16 | ap_uint<64>(cols[f][i]) << 32);
            }
        }
    }
}

}  // namespace sgf
}  // namespace spynq

#endif
