// What was learnt, and scores of a vector. Golden: counters.py.
#ifndef SPYNQ_SGF_COUNTERS_HPP
#define SPYNQ_SGF_COUNTERS_HPP
#include "statistics.hpp"

namespace spynq {
namespace sgf {

static int bits_in(int which) { return SGF_FIELD(ap_uint<64>(unit[which]), UNIT, BITS).to_int(); }

// Golden: bits_of.
static void make_vector(int which, bool empty) {
    for (int i = 0; i < 256; i++) {
        ap_uint<64> word = bit_table[which][i];
        ap_int<23> threshold = SGF_FIELD(word, BIT, THRESHOLD);
        bool above = statistics[SGF_FIELD(word, BIT, STATISTIC).to_int()] > threshold;
        vector[which][i] = i < bits_in(which) && !empty && above;
    }
}

static bool same(int slot, int which) {
    bool equal = slots[slot] > 0;
    for (int i = 0; i < CAP_BITS; i++) equal &= vectors[slot][i] == vector[which][i];
    return equal;
}

static void free_slot(int slot) {
    for (int i = 0; i < CAP_BITS; i++) vectors[slot][i] = 0;
    owners[slot] = 0;
    slots[slot] = 0;
}

static void forget(int row) {
    trials[row] = 0;
    for (int i = 0; i < CAP_BITS; i++) counters[row][i] = 0;
    for (int slot = 0; slot < CAP_TABLE; slot++) {
        if (slots[slot] > 0 && owners[slot] == row) free_slot(slot);
    }
}

// Golden: Counters._enter. True: the table has no room.
static bool enter(int row, int which) {
    for (int slot = 0; slot < CAP_TABLE; slot++) {
        if (owners[slot] == row && same(slot, which)) {
            if (slots[slot] < 0xFFFF) slots[slot] += 1;
            return false;
        }
    }
    for (int slot = 0; slot < CAP_TABLE; slot++) {
        if (slots[slot] == 0) {
            for (int i = 0; i < CAP_BITS; i++) vectors[slot][i] = vector[which][i];
            owners[slot] = row;
            slots[slot] = 1;
            return false;
        }
    }
    return CAP_TABLE > 0;
}

static void add(int row, int which, answer_t &answer) {
    if (trials[row] == 0xFFFF) {
        trials[row] >>= 1;
        for (int i = 0; i < CAP_BITS; i++) counters[row][i] >>= 1;
        answer.halvings++;
    }
    trials[row] += 1;
    for (int i = 0; i < CAP_BITS; i++) counters[row][i] += vector[which][i];
    answer.overflows += enter(row, which);
}

static bool can_take_out(int row, int which) {
    bool can = trials[row] > 0;
    for (int i = 0; i < bits_in(which); i++) {
        int left = counters[row][i].to_int() - vector[which][i].to_int();
        can &= left >= 0 && left < trials[row].to_int();
    }
    return can;
}

static void take_out(int row, int which) {
    trials[row] -= 1;
    for (int i = 0; i < CAP_BITS; i++) counters[row][i] -= vector[which][i];
    for (int slot = 0; slot < CAP_TABLE; slot++) {
        if (owners[slot] == row && same(slot, which)) {
            slots[slot] -= 1;
            if (slots[slot] == 0) free_slot(slot);
        }
    }
}

static int matches(int row, int which, int i) {
    int set = counters[row][i].to_int();
    return vector[which][i] ? set : trials[row].to_int() - set;
}

// Golden: Counters.score, Counters.likelihood.
static int score_of(int row, int which) {
    int sum = 0;
    for (int i = 0; i < bits_in(which); i++) sum += matches(row, which, i);
    return sum;
}

static int likelihood(int row, int which) {
    int sum = 0;
    for (int i = 0; i < bits_in(which); i++) sum += int(LOG[minimum(matches(row, which, i) + 1, 1023)]);
    return sum - bits_in(which) * int(LOG[minimum(trials[row].to_int() + 2, 1023)]);
}

}  // namespace sgf
}  // namespace spynq

#endif
