// Steps of the sampling tree, each named as in host/spynq/stm/golden.py and golden_edge.py.
#ifndef SPYNQ_STM_HPP
#define SPYNQ_STM_HPP
#include <ap_int.h>

#include "beats.hpp"
#include "stm_contract.hpp"  // generated: registers, formats, build parameters, tables

namespace spynq {
namespace stm {

typedef ap_int<16> sample_t;    // coordinate on the grid
typedef ap_uint<26> gain_t;     // gain of a cue
typedef ap_int<18> z_t;         // scaled distance, 12 fraction bits
typedef ap_uint<24> nll_t;      // negative log2 likelihood, 10 fraction bits
typedef ap_uint<17> weight_t;   // 2**16 for the best sample
typedef ap_uint<26> quotient_t; // share of a child's weight per parent density
typedef ap_uint<48> mass_t;     // message of a parent
typedef ap_uint<16> count_t;    // multiplicity

// Sums of one population.
struct sums_t {
    ap_uint<64> w;   // of weights
    ap_int<64> s1;   // of weight times sample
    ap_uint<64> s2;  // of squared weights
};

// Golden: deviation.
inline z_t deviation(sample_t sample, sample_t cue, gain_t gain) {
    ap_int<17> difference = ap_int<17>(sample) - cue;
    ap_int<45> scaled = (ap_int<45>(difference) * gain + (1 << 18)) >> 19;
    const ap_int<45> top = (1 << 17) - 1, bottom = -(1 << 17);
    return scaled > top ? z_t(top) : scaled < bottom ? z_t(bottom) : z_t(scaled);
}

// Golden: log_likelihood, of one sample; `total` is the sum of squared deviations.
inline nll_t rounded(ap_uint<40> total) {
    ap_uint<40> value = (total + (1 << 13)) >> 14;
    return value > L_MAX ? nll_t(L_MAX) : nll_t(value);
}

// Golden: exponential.
inline weight_t exponential(nll_t d) {
    ap_uint<14> octave = d >> 10;
    if (octave > 17) return 0;
    ap_uint<5> address = d >> 5, rest = d;
    ap_uint<18> mantissa = ap_uint<18>(T0[address]) - ((ap_uint<18>(T1[address]) * rest + 16) >> 5);
    // At octave 17 and fraction 0 this is 2**17 + 2**17: 19 bits.
    ap_uint<19> sum = ap_uint<19>(mantissa) + (ap_uint<19>(1) << octave);
    return sum >> (octave + 1);
}

// Golden: weights, of one sample. A pool other than that closed last may lie below l_min: 24 bits wrap.
inline weight_t weight(nll_t nll, nll_t l_min) {
    if (nll == IMPOSSIBLE) return 0;
    return exponential(nll_t(nll - l_min));
}

// Golden: flags. Bit 0 ZERO, bit 1 SATZ.
inline ap_uint<2> flags(nll_t l_min) {
    bool zero = l_min == IMPOSSIBLE;
    return (ap_uint<2>(!zero && l_min >= SATZ_LIMIT) << 1) | ap_uint<2>(zero);
}

// Golden: accumulate.
inline nll_t accumulate(nll_t stored, nll_t code) {
    if (stored == IMPOSSIBLE || code == IMPOSSIBLE) return IMPOSSIBLE;
    ap_uint<25> sum = ap_uint<25>(stored) + code;
    return sum > L_MAX ? nll_t(L_MAX) : nll_t(sum);
}

// Bits of a number: 0 for 0.
inline ap_uint<7> bit_length(ap_uint<64> value) {
    ap_uint<7> length = 0;
    for (int bit = 0; bit < 64; bit++) {
#pragma HLS unroll
        if (value[bit]) length = bit + 1;
    }
    return length;
}

// Golden: quotient_fraction.
inline ap_uint<5> quotient_fraction(ap_uint<64> total) {
    ap_uint<64> whole = total >> 16;
    int length = bit_length(whole == 0 ? ap_uint<64>(1) : whole).to_int();
    return QUOTIENT_BITS - (length > 5 ? length - 5 : 0);
}

// Golden: quotients, of one row.
inline quotient_t quotient(weight_t u, ap_uint<48> d, bool lost, ap_uint<5> fraction) {
    if (lost) return 0;
    ap_uint<64> q = ((ap_uint<64>(u) << fraction) + (d >> 1)) / d;
    const ap_uint<64> top = (1 << QUOTIENT_BITS) - 1;
    return q > top ? quotient_t(top) : quotient_t(q);
}

// Golden: log2, of 1 to 2**48 - 1; 10 fraction bits.
inline ap_uint<16> log2(mass_t value) {
    int exponent = bit_length(value).to_int() - 1;
    mass_t aligned = exponent < 16 ? mass_t(value << (16 - exponent)) : mass_t(value >> (exponent - 16));
    ap_uint<16> mantissa = aligned;
    ap_uint<6> address = mantissa >> 10;
    ap_uint<10> rest = mantissa;
    ap_uint<15> fraction = ap_uint<15>(L0[address]) + ((ap_uint<24>(L1[address]) * rest + (1 << 9)) >> 10);
    return ((ap_uint<20>(exponent) << 14) + fraction + (1 << 3)) >> 4;
}

// Golden: codes, of one parent. A message that is 0 throughout says nothing.
inline nll_t code(mass_t mass, mass_t largest) {
    if (largest == 0) return 0;
    if (mass == 0) return IMPOSSIBLE;
    return log2(largest) - log2(mass);
}

// Golden: lost_share.
inline ap_uint<17> lost_share(ap_uint<64> lost, ap_uint<64> total) {
    int length = bit_length(total).to_int();
    int cut = length > 17 ? length - 17 : 0;
    ap_uint<64> part = lost >> cut, whole = total >> cut;
    if (whole == 0) return 0;
    return ((part << 16) + (whole >> 1)) / whole;
}

// Golden: xoshiro, one generator.
struct generator_t {
    word_t s0, s1, s2, s3;
};

inline word_t rotate(word_t value, int places) { return (value << places) | (value >> (32 - places)); }

inline word_t xoshiro(generator_t &g) {
    word_t result = rotate(word_t(g.s0 + g.s3), 7) + g.s0;
    word_t shifted = g.s1 << 9;
    g.s2 ^= g.s0;
    g.s3 ^= g.s1;
    g.s1 ^= g.s2;
    g.s0 ^= g.s3;
    g.s2 ^= shifted;
    g.s3 = rotate(g.s3, 11);
    return result;
}

}  // namespace stm
}  // namespace spynq

// One start: flat population or list of tree steps. Likelihood weighting has no twin; it is refused.
void stm(spynq::beat_t *m_axi_gmem, spynq::word_t MODE, spynq::word_t SAMPLES, spynq::word_t EVIDENCES,
         spynq::word_t TERMS, spynq::word_t BINS, spynq::address_t IMAGE, spynq::address_t BATCH,
         spynq::address_t RESULT, spynq::address_t WEIGHT, const spynq::word_t CUE[8],
         const spynq::word_t GAIN[8], spynq::word_t *STATUS, ap_uint<64> *W, ap_uint<64> *S1,
         ap_uint<64> *S2, spynq::word_t *L_MIN, spynq::word_t *LOST);
#endif
