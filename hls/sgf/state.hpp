// What the kernel keeps: the trial in hand, the window with what was learnt, the trial that has ended.
#ifndef SPYNQ_SGF_STATE_HPP
#define SPYNQ_SGF_STATE_HPP
#include "../sgf.hpp"

namespace spynq {
namespace sgf {

constexpr int GRID = CAP_SIZE / 3, ZONES = GRID - GRID % 2 < 6 ? GRID - GRID % 2 : 6, HALF = CAP_SIZE / 2;
constexpr int VECTOR_WORDS = (CAP_BITS + 31) / 32, SLOTS = CAP_TABLE > 0 ? CAP_TABLE : 1;

// The trial in hand. Golden: Framer, st_core_1, st_core_2, marginals.
static ap_int<2> pixels[CAP_SIZE][CAP_SIZE];
static ap_uint<1> active[CAP_SIZE][CAP_SIZE];
static ap_uint<1> v[GRID][GRID], u[GRID][GRID], spikes[2][GRID][GRID];
static int counts[GRID][GRID];
static ap_uint<8> rows_left[CAP_FRAMES][CAP_SIZE], rows_right[CAP_FRAMES][CAP_SIZE], cols[CAP_FRAMES][CAP_SIZE];
static int frames, count;
static word_t start, latest;
static bool began, reordered;
static int label;  // class, or -1
static bool label_out;

// The window: configuration words, and what was learnt. Golden: Store, Counters.
static word_t theta[CAP_THETAS], unit[3], gate[CAP_ROWS], path[CAP_CLASSES], bit_table[3][256];
static ap_uint<16> counters[CAP_ROWS][CAP_BITS], trials[CAP_ROWS], slots[SLOTS];
static ap_uint<8> owners[SLOTS];
static ap_uint<1> vectors[SLOTS][CAP_BITS];

// Of the trial that has ended.
static statistic_t statistics[512];
static ap_uint<1> vector[3][256];
static int scores[CAP_ROWS];
static word_t tally[11];
static bool bad;

enum { EVENTS_IN, DROPPED_RANGE, DROPPED_LATE, FRAMES_DONE, TRIALS, HALVINGS, TABLE_OVERFLOWS, EVALUATIONS_A };
enum { ENGINE_RUNS = 10 };

static int minimum(int a, int b) { return a < b ? a : b; }

}  // namespace sgf
}  // namespace spynq

#endif
