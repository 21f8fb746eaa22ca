// Configuration and model by address. Golden: window.Store, words.place_of.
#ifndef SPYNQ_SGF_WINDOW_HPP
#define SPYNQ_SGF_WINDOW_HPP
#include "state.hpp"

namespace spynq {
namespace sgf {

// Where an address of the window leads: part, and place in it. Golden: place_of.
static bool place_of(int address, int &part, int &place) {
    const int bases[8] = {WINDOW_THETA, WINDOW_UNIT, WINDOW_GATE, WINDOW_PATH, WINDOW_BIT, WINDOW_TRIALS, WINDOW_TABLE, WINDOW_COUNT};
    part = WINDOW_THETA;
    for (int i = 0; i < 8; i++) {
        if (address >= bases[i]) part = bases[i];
    }
    place = address - part;
    if (part == WINDOW_THETA) return place < CAP_THETAS;
    if (part == WINDOW_UNIT) return place < 3;
    if (part == WINDOW_GATE) return place < CAP_ROWS;
    if (part == WINDOW_PATH) return place < CAP_CLASSES;
    if (part == WINDOW_BIT) return place < 3 * 256 && place % 256 < CAP_BITS;
    if (part == WINDOW_TRIALS) return place < CAP_ROWS;
    if (part == WINDOW_TABLE) return place < 16 * CAP_TABLE && place % 16 <= VECTOR_WORDS;
    return place < 256 * CAP_ROWS && place % 256 < CAP_BITS;
}

static bool store(int address, word_t data) {
    int part, place;
    if (!place_of(address, part, place)) return false;
    if (part == WINDOW_THETA) theta[place] = data;
    if (part == WINDOW_UNIT) unit[place] = data;
    if (part == WINDOW_GATE) gate[place] = data;
    if (part == WINDOW_PATH) path[place] = data;
    if (part == WINDOW_BIT) bit_table[place / 256][place % 256] = data;
    if (part == WINDOW_TRIALS) trials[place] = data;
    if (part == WINDOW_COUNT) counters[place / 256][place % 256] = data;
    if (part == WINDOW_TABLE) {
        int slot = place / 16, first = 32 * (place % 16);
        if (first < CAP_BITS) {
            for (int i = 0; i < 32 && first + i < CAP_BITS; i++) vectors[slot][first + i] = data[i];
        } else {
            owners[slot] = data & (CAP_ROWS - 1);
            slots[slot] = data >> 16;
        }
    }
    return true;
}

static bool load(int address, word_t &data) {
    int part, place;
    data = 0;
    if (!place_of(address, part, place)) return false;
    if (part == WINDOW_TRIALS) data = trials[place];
    else if (part == WINDOW_COUNT) data = counters[place / 256][place % 256];
    else if (part == WINDOW_TABLE) {
        int slot = place / 16, first = 32 * (place % 16);
        if (first < CAP_BITS) {
            for (int i = 0; i < 32 && first + i < CAP_BITS; i++) data[i] = vectors[slot][first + i];
        } else {
            data = word_t(owners[slot]) | word_t(slots[slot]) << 16;
        }
    } else {
        return false;
    }
    return true;
}

static bool accumulate(int address, word_t data) {
    int part, place;
    word_t before;
    bool there = place_of(address, part, place) && (part == WINDOW_TRIALS || part == WINDOW_COUNT);
    if (!there || !load(address, before)) return false;
    word_t sum = before + (data & 0xFFFF);
    return store(address, sum > 0xFFFF ? word_t(0xFFFF) : sum);
}

}  // namespace sgf
}  // namespace spynq

#endif
