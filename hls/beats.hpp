// 128-bit memory beats as the twins see them: four 32-bit words, or fields by position.
#ifndef SPYNQ_BEATS_HPP
#define SPYNQ_BEATS_HPP
#include <ap_int.h>

namespace spynq {

typedef ap_uint<128> beat_t;
typedef ap_uint<32> word_t;
typedef ap_uint<64> address_t;

constexpr int BEAT_WORDS = 4;
constexpr int BEAT_BYTES = 16;

// Beats that hold a number of words.
inline int beats_of(int words) { return (words + BEAT_WORDS - 1) / BEAT_WORDS; }

inline word_t word_of(beat_t beat, int place) { return beat.range(32 * place + 31, 32 * place); }

inline void put_word(beat_t &beat, int place, word_t value) {
    beat.range(32 * place + 31, 32 * place) = value;
}

inline void put_double(beat_t &beat, int place, ap_uint<64> value) {
    beat.range(64 * place + 63, 64 * place) = value;
}

// Index of the beat at a byte address.
inline ap_uint<36> beat_at(address_t address) { return address >> 4; }

}  // namespace spynq
#endif
