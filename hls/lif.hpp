// Steps of the LIF engine, each named as in host/spynq/lif/golden*.py.
#ifndef SPYNQ_LIF_HPP
#define SPYNQ_LIF_HPP
// A plan has more bits than the 1024 that are allowed by default.
#define AP_INT_MAX_W 1152
#include <ap_int.h>
#include <hls_stream.h>

#include "beats.hpp"
#include "lif_contract.hpp"  // generated: registers, formats, build parameters, codes

namespace spynq {
namespace lif {

typedef ap_uint<36> place_t;    // a beat, or beats from one thing to the next
typedef ap_int<8> weight_t;     // decoded
typedef ap_int<16> value_t;     // of an input pixel, after pooling and joining
typedef ap_int<24> sum_t;       // A
typedef ap_int<36> current_t;   // J
typedef ap_int<33> potential_t; // U, and V before it is clipped
typedef ap_int<24> membrane_t;  // V

constexpr int DECAY_FRACTION = CHANNEL_DECAY_BITS - 1;

// Whether a build has an optional part.
inline bool has(int feature) { return CAP_FEATURES >> feature & 1; }

// Golden: Descriptor. `planes` is the true count.
struct descriptor_t {
    int op, c_in, h_in, w_in, c_out, h_out, w_out, kh, kw, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x;
    int pool_in, pool_log2, planes, format, steps, reset, leak, refractory, policy, bias, fraction, output;
    int samples, t0;
    bool is_signed, second, first, last, fire, use_fir;
    place_t input, second_input, weights, params, states, result, taps, next;
};

// Golden: Plan, as far as an engine that gathers plainly looks at it.
struct plan_t {
    int columns, log2_h, rounds, value_shift, planes_second, planes_out, in_channels, out_channels, in_bit, slice;
    int taps, in_beats, out_lanes, out_fold;
    bool value_after, is_static, by_row;
    place_t in_plane, in_step, in_sample, second_step, second_sample, out_plane, out_step, out_sample;
    place_t state_sample, words, words_step, words_sample;
    weight_t codebook[16];
};

// Golden: Channel.
struct channel_t {
    ap_int<24> theta, zeta, bias;
    ap_uint<13> decay;
    ap_int<16> v_reset, rest;
};

// Golden: Fir.
struct fir_t {
    int length, shift, segment;
    ap_int<16> taps[16];
};

// Golden: Counts.
struct counts_t {
    ap_uint<64> events, spikes_in, spikes_out, saturated;
};

// What a neuron keeps: membrane, refractory steps left, spike of the last step.
struct neuron_t {
    membrane_t v;
    ap_uint<2> r;
    bool fired;
};

// Golden: Step.
struct step_t {
    potential_t u;
    bool spike, saturated;
};

// Golden: features.fits, of a descriptor.
inline bool fits(const descriptor_t &d) {
    return ((d.op >= OP_CONV && d.op <= OP_DEPTHWISE) || d.op == OP_BARRIER) && d.pool_in <= POOL_SUM &&
           d.bias <= BIAS_WORDS && d.output <= OUTPUT_SUMS &&
           (has(FEATURE_COUNTS) || d.output != OUTPUT_COUNTS) &&
           (has(FEATURE_MEMBRANE) || d.output != OUTPUT_MEMBRANE) &&
           (has(FEATURE_VALUE) || d.output != OUTPUT_VALUE) && (has(FEATURE_SUMS) || d.output != OUTPUT_SUMS) &&
           (has(FEATURE_STATE) || (d.first && d.last)) && (has(FEATURE_FIR) || !d.use_fir) &&
           (has(FEATURE_WORDS) || d.bias == BIAS_CHANNEL);
}

// Golden: positions, from the other side: whether a lane of a pixel is a channel.
inline bool is_channel(int lane, int channels, int lanes) {
    return lane % LANES < lanes && lane / LANES * lanes + lane % LANES < channels;
}

// Golden: toward_zero.
inline ap_int<48> toward_zero(ap_int<48> value, int shift) {
    return value < 0 ? ap_int<48>(-(-value >> shift)) : ap_int<48>(value >> shift);
}

// Golden: decode_weights, of one code.
inline weight_t decode_weight(ap_uint<8> code, int format, const weight_t codebook[16]) {
    if (format == FORMAT_S8) return weight_t(code);
    if (format == FORMAT_S4) return ap_int<4>(code);
    if (format == FORMAT_S2) return ap_int<2>(code);
    if (format == FORMAT_S1) return code == 0 ? 1 : -1;
    return codebook[code.to_int()];
}

// Golden: Neurons.scale. J = A * 2**F + b.
inline current_t scale(sum_t a, int fraction, const channel_t &channel) {
    return (current_t(a) << fraction) + channel.bias;
}

// Golden: Neurons.leak. D: the membrane moves toward rest.
inline ap_int<26> leak(const descriptor_t &d, const channel_t &channel, membrane_t v) {
    ap_int<26> away = ap_int<26>(v) - channel.rest;
    if (d.leak == LEAK_MULTIPLY) {
        away = toward_zero(ap_int<48>(away) * channel.decay, DECAY_FRACTION);
    } else if (d.leak == LEAK_LINEAR) {
        ap_int<27> size = away < 0 ? ap_int<27>(-away) : ap_int<27>(away);
        ap_int<27> left = size - channel.decay;
        if (left < 0) left = 0;
        away = away < 0 ? ap_int<26>(-left) : ap_int<26>(left);
    }
    return away + channel.rest;
}

// Golden: Neurons.integrate. U, which a neuron in its refractory period makes by the policy.
inline potential_t integrate(const descriptor_t &d, const channel_t &channel, neuron_t neuron, ap_int<26> decayed,
                             current_t j) {
    ap_int<40> u = ap_int<40>(decayed) + j;
    if (neuron.r > 0) {
        if (d.policy == REFRACTORY_FREEZE) u = neuron.v;
        if (d.policy == REFRACTORY_LEAK) u = decayed;
    }
    if (d.reset == RESET_SOFT_DELAYED && neuron.fired) u -= channel.zeta;
    return u;
}

// Golden: Neurons.fire. Spikes, decided before anything is clipped.
inline bool fire(const descriptor_t &d, const channel_t &channel, neuron_t neuron, potential_t u) {
    return d.fire && u >= channel.theta && neuron.r == 0;
}

// Golden: Neurons.reset. V before it is clipped.
inline ap_int<34> reset(const descriptor_t &d, const channel_t &channel, potential_t u, bool spike) {
    if (spike && d.reset == RESET_HARD) return channel.v_reset;
    if (spike && d.reset == RESET_SOFT) return ap_int<34>(u) - channel.zeta;
    return u;
}

// Golden: Neurons.step. One time step of a neuron.
inline step_t step(const descriptor_t &d, const channel_t &channel, neuron_t &neuron, current_t j) {
    step_t made;
    made.u = integrate(d, channel, neuron, leak(d, channel, neuron.v), j);
    made.spike = fire(d, channel, neuron, made.u);
    ap_int<34> v = reset(d, channel, made.u, made.spike);
    const ap_int<34> low = d.fire ? STATE_LOW : READOUT_LOW, high = d.fire ? STATE_HIGH : READOUT_HIGH;
    ap_int<34> clipped = v < low ? low : v > high ? high : v;
    made.saturated = clipped != v;
    neuron.v = clipped;
    neuron.fired = made.spike;
    if (made.spike) neuron.r = d.refractory;
    else if (neuron.r > 0) neuron.r -= 1;
    return made;
}

}  // namespace lif
}  // namespace spynq

// One start: a list of descriptors, up to its end.
void lif(spynq::beat_t *m_axi_gmem, spynq::word_t MODE, spynq::word_t LIMIT, spynq::address_t BASE,
         spynq::word_t LIST, spynq::word_t RECORDS, spynq::word_t *STATUS, spynq::word_t *EXECUTED,
         spynq::word_t *SATURATED, ap_uint<64> *EVENTS, ap_uint<64> *SPIKES_IN, ap_uint<64> *SPIKES_OUT);
#endif
