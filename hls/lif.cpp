// HLS twin of kernel lif: layers of spiking networks from descriptors, equal to the integer model bit for bit.
// Windows are gathered plainly, weights are loaded for every descriptor, and no clocks are counted.
#include "lif.hpp"

namespace spynq {
namespace lif {

constexpr int BEAT_BITS = 8 * BEAT_BYTES, PLACES = CAP_MAPS * BEAT_BITS;
constexpr int OUTPUT_LANES = CAP_ROUNDS * CAP_COLUMNS * LANES, NEURONS = CAP_UNITS * CAP_COLUMNS * LANES;

// Input of the step at hand: planes of both sources, then a value per lane and spikes per pooled pixel.
static beat_t maps[CAP_MAPS];
static value_t values[PLACES];
static ap_uint<24> spikes[PLACES];

// The layer at hand.
static weight_t weights[CAP_WEIGHTS * CAP_COLUMNS][LANES];
static channel_t channels[OUTPUT_LANES];
static fir_t fir;

// Its neurons: sums of the step at hand, what they keep, and spikes per lane.
static sum_t sums[NEURONS];
static neuron_t neurons[NEURONS];
static ap_uint<16> tally[OUTPUT_LANES];

// ---- records

template <int BITS>
static ap_uint<BITS> read_record(const beat_t *memory, place_t place) {
    ap_uint<BITS> record = 0;
    for (int beat = 0; beat < BITS / BEAT_BITS; beat++) {
        record.range(BEAT_BITS * beat + BEAT_BITS - 1, BEAT_BITS * beat) = memory[place + beat];
    }
    return record;
}

// A field of a record, by the constants of the contract.
#define FIELD(record, kind, name) \
    (ap_uint<kind##_##name##_BITS>(record.range(kind##_##name##_LSB + kind##_##name##_BITS - 1, kind##_##name##_LSB)))
#define SIGNED(record, kind, name) (ap_int<kind##_##name##_BITS>(FIELD(record, kind, name)))

// Golden: Descriptor.unpack.
static descriptor_t read_descriptor(const beat_t *memory, place_t place) {
    ap_uint<DESCRIPTOR_BITS> record = read_record<DESCRIPTOR_BITS>(memory, place);
    descriptor_t d;
#define TAKE(member, name) d.member = FIELD(record, DESCRIPTOR, name).to_uint()
#define TAKE_FLAG(member, name) d.member = FIELD(record, DESCRIPTOR, name) != 0
    TAKE(op, OP), TAKE(c_in, C_IN), TAKE(h_in, H_IN), TAKE(w_in, W_IN), TAKE(c_out, C_OUT);
    TAKE(h_out, H_OUT), TAKE(w_out, W_OUT), TAKE(kh, KH), TAKE(kw, KW);
    TAKE(stride_y, STRIDE_Y), TAKE(stride_x, STRIDE_X), TAKE(pad_y, PAD_Y), TAKE(pad_x, PAD_X);
    TAKE(dilation_y, DILATION_Y), TAKE(dilation_x, DILATION_X);
    TAKE(pool_in, POOL_IN), TAKE(pool_log2, POOL_LOG2), TAKE(format, FORMAT);
    TAKE(steps, STEPS), TAKE(reset, RESET), TAKE(leak, LEAK), TAKE(refractory, REFRACTORY), TAKE(policy, POLICY);
    TAKE(bias, BIAS), TAKE(fraction, FRACTION), TAKE(output, OUTPUT), TAKE(samples, SAMPLES);
    TAKE(input, INPUT), TAKE(second_input, SECOND_INPUT), TAKE(weights, WEIGHTS), TAKE(params, PARAMS);
    TAKE(states, STATES), TAKE(result, RESULT), TAKE(taps, TAPS), TAKE(next, NEXT), TAKE(t0, T0);
    TAKE_FLAG(is_signed, SIGNED), TAKE_FLAG(second, SECOND), TAKE_FLAG(first, FIRST), TAKE_FLAG(last, LAST);
    TAKE_FLAG(fire, FIRE), TAKE_FLAG(use_fir, USE_FIR);
    d.planes = FIELD(record, DESCRIPTOR, PLANES).to_int() + 1;
#undef TAKE
#undef TAKE_FLAG
    return d;
}

// Golden: read_plan.
static plan_t read_plan(const beat_t *memory, place_t place) {
    ap_uint<PLAN_BITS> record = read_record<PLAN_BITS>(memory, place);
    plan_t plan;
#define TAKE(member, name) plan.member = FIELD(record, PLAN, name).to_uint()
    TAKE(columns, COLUMNS), TAKE(log2_h, LOG2_H), TAKE(rounds, ROUNDS), TAKE(value_shift, VALUE_SHIFT);
    TAKE(planes_second, PLANES_SECOND), TAKE(planes_out, PLANES_OUT);
    TAKE(in_channels, IN_CHANNELS), TAKE(out_channels, OUT_CHANNELS), TAKE(in_bit, IN_BIT), TAKE(slice, SLICE);
    TAKE(taps, TAPS), TAKE(in_beats, IN_BEATS), TAKE(out_lanes, OUT_LANES), TAKE(out_fold, OUT_FOLD);
    TAKE(in_plane, IN_PLANE), TAKE(in_step, IN_STEP), TAKE(in_sample, IN_SAMPLE);
    TAKE(second_step, SECOND_STEP), TAKE(second_sample, SECOND_SAMPLE);
    TAKE(out_plane, OUT_PLANE), TAKE(out_step, OUT_STEP), TAKE(out_sample, OUT_SAMPLE);
    TAKE(state_sample, STATE_SAMPLE);
    TAKE(words, WORDS), TAKE(words_step, WORDS_STEP), TAKE(words_sample, WORDS_SAMPLE);
#undef TAKE
    plan.value_after = FIELD(record, PLAN, VALUE_AFTER) != 0;
    plan.is_static = FIELD(record, PLAN, STATIC) != 0;
    plan.by_row = FIELD(record, PLAN, BY_ROW) != 0;
    for (int code = 0; code < 16; code++) {
        plan.codebook[code] = record.range(PLAN_CODE0_LSB + 8 * code + 7, PLAN_CODE0_LSB + 8 * code);
    }
    return plan;
}

// Golden: Channel.unpack, of all lanes of the output.
static void read_channels(const beat_t *memory, const descriptor_t &d, const plan_t &plan) {
    for (int lane = 0; lane < plan.out_channels; lane++) {
#pragma HLS pipeline
        beat_t record = memory[d.params + PLAN_BEATS + lane];
        channels[lane] = {SIGNED(record, CHANNEL, THETA), SIGNED(record, CHANNEL, ZETA),
                          SIGNED(record, CHANNEL, BIAS),  FIELD(record, CHANNEL, DECAY),
                          SIGNED(record, CHANNEL, V_RESET), SIGNED(record, CHANNEL, REST)};
    }
}

// Golden: Fir.unpack.
static void read_fir(const beat_t *memory, place_t place) {
    ap_uint<FIR_BITS> record = read_record<FIR_BITS>(memory, place);
    fir.length = FIELD(record, FIR, LENGTH).to_int();
    fir.shift = FIELD(record, FIR, SHIFT).to_int();
    fir.segment = FIELD(record, FIR, SEGMENT).to_int();
    for (int delay = 0; delay < 16; delay++) {
        fir.taps[delay] = record.range(FIR_TAP0_LSB + 16 * delay + 15, FIR_TAP0_LSB + 16 * delay);
    }
}

// Beats on their way from memory, while those before them are used.
static void fetch(const beat_t *memory, place_t place, int beats, hls::stream<beat_t> &out) {
    for (int beat = 0; beat < beats; beat++) {
#pragma HLS pipeline
        out.write(memory[place + beat]);
    }
}

// Codes fill a byte from its low end, and taps a beat.
static void keep_weights(hls::stream<beat_t> &in, const descriptor_t &d, const plan_t &plan, int groups, int in_beat) {
    int bits = FORMAT_WIDTHS[d.format];
    for (int group = 0; group < groups; group++) {
        beat_t beat = 0;
        for (int tap = 0; tap < plan.taps; tap++) {
#pragma HLS pipeline
            if (tap % in_beat == 0) beat = in.read();
            for (int lane = 0; lane < LANES; lane++) {
#pragma HLS unroll
                int low = bits * (tap % in_beat * LANES + lane);
                ap_uint<8> code = beat.range(low + bits - 1, low);
                weights[group * plan.taps + tap][lane] = decode_weight(code, d.format, plan.codebook);
            }
        }
    }
}

static void load_weights(const beat_t *memory, int beats, const descriptor_t &d, const plan_t &plan, int groups,
                         int in_beat) {
#pragma HLS dataflow
    hls::stream<beat_t> found("found");
    fetch(memory, d.weights, beats, found);
    keep_weights(found, d, plan, groups, in_beat);
}

// Golden: read_weights.
static void read_weights(const beat_t *memory, const descriptor_t &d, const plan_t &plan) {
    int groups = plan.rounds << plan.log2_h, in_beat = 8 / FORMAT_WIDTHS[d.format];
    load_weights(memory, groups * ((plan.taps + in_beat - 1) / in_beat), d, plan, groups, in_beat);
}

// ---- input

static int set_bits(beat_t beat) {
    int found = 0;
    for (int place = 0; place < BEAT_WORDS; place++) {
        unsigned word = word_of(beat, place).to_uint();
        for (int bit = 0; bit < 32; bit++) {
#pragma HLS unroll
            found += word >> bit & 1;
        }
    }
    return found;
}

static void keep_plane(hls::stream<beat_t> &in, int at, int beats, int &ones) {
    int found = 0;
    for (int beat = 0; beat < beats; beat++) {
#pragma HLS pipeline
        beat_t value = in.read();
        maps[at + beat] = value;
        found += set_bits(value);
    }
    ones = found;
}

// A plane; gives the bits set.
static void read_plane(const beat_t *memory, place_t place, int at, int beats, int &ones) {
#pragma HLS dataflow
    hls::stream<beat_t> found("found");
    fetch(memory, place, beats, found);
    keep_plane(found, at, beats, ones);
}

// Golden: read_map. All planes of one source, behind those of the other; returns the bits set.
static int read_map(const beat_t *memory, const descriptor_t &d, const plan_t &plan, int sample, int step, bool second) {
    place_t start = second ? d.second_input + sample * plan.second_sample + step * plan.second_step
                           : d.input + sample * plan.in_sample + step * plan.in_step;
    int planes = second ? plan.planes_second : d.planes, at = second ? d.planes * plan.in_beats : 0, found = 0;
    // Planes that follow each other by row are read as one.
    if (plan.by_row) planes = 1;
    for (int plane = 0; plane < planes; plane++) {
        int ones = 0;
        read_plane(memory, start + plane * plan.in_plane, at + plane * plan.in_beats, plan.in_beats, ones);
        found += ones;
    }
    return found;
}

static int read_maps(const beat_t *memory, const descriptor_t &d, const plan_t &plan, int sample, int step) {
    int found = read_map(memory, d, plan, sample, step, false);
    if (d.second) found += read_map(memory, d, plan, sample, step, true);
    return found;
}

static bool bit_of(int beat, int bit) { return maps[beat + bit / BEAT_BITS][bit % BEAT_BITS]; }

// What a plane counts: plane 0 is the most significant; that of a signed first source counts negative.
static int plane_weight(const descriptor_t &d, const plan_t &plan, int source, int plane) {
    int weight = 1 << ((source ? plan.planes_second : d.planes) - 1 - plane);
    return d.is_signed && source == 0 && plane == 0 ? -weight : weight;
}

// Golden: Maps. Values of the lanes of pooled pixels, and their spikes.
static void make_values(const descriptor_t &d, const plan_t &plan) {
    int shift = d.pool_in != POOL_NONE ? d.pool_log2 : 0, k = 1 << shift, wide = d.w_in >> shift;
    for (int pixel = 0; pixel < (d.h_in >> shift) * wide; pixel++) {
        int row = pixel / wide << shift, column = pixel % wide << shift;
        spikes[pixel] = 0;
        for (int lane = 0; lane < plan.in_channels; lane++) {
            value_t value = 0;
            for (int source = 0; source <= int(d.second); source++) {
                int planes = source ? plan.planes_second : d.planes;
                for (int plane = 0; plane < planes; plane++) {
#pragma HLS pipeline
                    int pooled = 0;
                    for (int place = 0; place < k * k; place++) {
                        int y = row + place / k, x = column + place % k;
                        int from = (plan.by_row ? y * d.planes + plane : y) * d.w_in + x;
                        pooled += bit_of(plan.by_row ? 0 : (source * d.planes + plane) * plan.in_beats,
                                         plan.in_bit + from * plan.in_channels + lane);
                    }
                    value += value_t(pooled * plane_weight(d, plan, source, plane));
                    spikes[pixel] += pooled;
                }
            }
            values[pixel * plan.in_channels + lane] = value;
        }
    }
}

// Golden: Gather. A of every neuron, from the values; returns the spikes met by windows.
static ap_uint<64> gather(const descriptor_t &d, const plan_t &plan) {
    int shift = d.pool_in != POOL_NONE ? d.pool_log2 : 0, high = d.h_in >> shift, wide = d.w_in >> shift;
    // A slice may be wider than the pixel.
    bool slices = plan.slice && plan.slice < plan.in_channels;
    int groups = plan.rounds << plan.log2_h, stride = slices ? plan.slice : plan.in_channels;
    ap_uint<64> met = 0;
    for (int pixel = 0; pixel < d.h_out * d.w_out; pixel++) {
        sum_t *sum = sums + pixel * plan.out_channels;
        for (int lane = 0; lane < plan.out_channels; lane++) sum[lane] = 0;
        for (int tap = 0; tap < d.kh * d.kw; tap++) {
            int y = pixel / d.w_out * d.stride_y + tap / d.kw * d.dilation_y - d.pad_y;
            int x = pixel % d.w_out * d.stride_x + tap % d.kw * d.dilation_x - d.pad_x;
            if (y < 0 || y >= high || x < 0 || x >= wide) continue;
            met += spikes[y * wide + x];
            for (int lane = 0; lane < plan.in_channels; lane++) {
                value_t value = values[(y * wide + x) * plan.in_channels + lane];
                if (value == 0) continue;
                // In slices a round sees its own bits of a pixel alone.
                int first = plan.slice ? lane / plan.slice * (plan.slice / LANES) : 0;
                int end = plan.slice ? first + plan.slice / int(LANES) : groups;
                for (int group = first; group < end && group < groups; group++) {
#pragma HLS pipeline
                    const weight_t *weight = weights[group * plan.taps + tap * stride + lane % stride];
                    for (int i = 0; i < LANES; i++) {
#pragma HLS unroll
                        sum[group * LANES + i] += sum_t(value * weight[i]);
                    }
                }
            }
        }
    }
    return met;
}

// Golden: _words_of. What memory holds for a neuron and step.
static sum_t word_at(const beat_t *memory, const plan_t &plan, int sample, int t, int at) {
    place_t place = plan.words + t * plan.words_step + sample * plan.words_sample;
    return sum_t(word_of(memory[place + at / BEAT_WORDS], at % BEAT_WORDS));
}

// Golden: addend. A word of the step, or those of several steps through the FIR.
static sum_t addend(const beat_t *memory, const descriptor_t &d, const plan_t &plan, int sample, int t, int at) {
    if (d.bias == BIAS_CHANNEL) return 0;
    if (!d.use_fir) return word_at(memory, plan, sample, t, at);
    int end = fir.segment ? t - t % fir.segment + fir.segment - 1 : t;
    ap_int<48> total = 0;
    for (int delay = 0; delay < fir.length; delay++) {
        int place = end - delay;
        // Words of the chunks before are in memory.
        if (place < -d.t0 || place >= d.steps) continue;
        total += ap_int<40>(fir.taps[delay] * word_at(memory, plan, sample, place, at));
    }
    return toward_zero(total, fir.shift);
}

// ---- output

// Golden: write_map. Bits of all planes gather in beats, which are written as they are full, and at the end.
struct planes_t {
    beat_t held[8];
    int planes;
    place_t place, stride;
};

static void put_value(beat_t *memory, planes_t &out, int at, int value, bool ends) {
    int bit = at % BEAT_BITS;
    for (int plane = 0; plane < out.planes; plane++) {
        if (bit == 0) out.held[plane] = 0;
        out.held[plane][bit] = value >> (out.planes - 1 - plane) & 1;
        if (ends || bit == BEAT_BITS - 1) memory[out.place + plane * out.stride + at / BEAT_BITS] = out.held[plane];
    }
}

// Golden: _Layer._store. Words, one after the other, of whole beats.
static void put_words(beat_t *memory, beat_t &held, place_t place, int at, word_t word) {
    put_word(held, at % BEAT_WORDS, word);
    if (at % BEAT_WORDS == BEAT_WORDS - 1) memory[place + at / BEAT_WORDS] = held;
}

static int ones_of(int value) {
    int found = 0;
    for (int bit = 0; bit < 8; bit++) found += value >> bit & 1;
    return found;
}

// Golden: _Layer._output, of one neuron.
static int value_of(const plan_t &plan, const step_t &made, membrane_t v, counts_t &counts) {
    ap_int<33> chosen = plan.value_after ? potential_t(v) : made.u;
    ap_int<33> whole = chosen < 0 ? ap_int<33>(0) : ap_int<33>(chosen >> plan.value_shift);
    const ap_int<33> most = (1 << plan.planes_out) - 1;
    counts.saturated += whole > most;
    return whole > most ? most.to_int() : whole.to_int();
}

// ---- layers

// Membranes at the begin of a sample, or those of the chunk before. Golden: Neurons.load.
static void load(const beat_t *memory, const descriptor_t &d, const plan_t &plan, int sample) {
    place_t place = d.states + sample * plan.state_sample;
    for (int at = 0; at < d.h_out * d.w_out * plan.out_channels; at++) {
#pragma HLS pipeline
        neurons[at] = {channels[at % plan.out_channels].rest, 0, false};
        if (!d.first) {
            word_t word = word_of(memory[place + at / BEAT_WORDS], at % BEAT_WORDS);
            ap_uint<2> field = FIELD(word, STATE, R);
            neurons[at].v = SIGNED(word, STATE, V);
            // One field serves both: without a refractory period it is the spike of the last step.
            neurons[at].r = d.refractory ? field : ap_uint<2>(0);
            neurons[at].fired = d.refractory ? field == d.refractory : field > 0;
        }
    }
}

// Golden: Neurons.store.
static void store(beat_t *memory, const descriptor_t &d, const plan_t &plan, int sample) {
    beat_t held = 0;
    for (int at = 0; at < d.h_out * d.w_out * plan.out_channels; at++) {
        word_t word = 0;
        if (is_channel(at % plan.out_channels, d.c_out, plan.out_lanes)) {
            word_t field = d.refractory ? word_t(neurons[at].r) : word_t(neurons[at].fired);
            word = word_t(ap_uint<24>(neurons[at].v)) | field << STATE_R_LSB;
        }
        put_words(memory, held, d.states + sample * plan.state_sample, at, word);
    }
}

// One step of all neurons of a sample.
static void run_step(beat_t *memory, const descriptor_t &d, const plan_t &plan, int sample, int t, counts_t &counts) {
    int number = d.h_out * d.w_out * plan.out_channels;
    place_t result = d.result + sample * plan.out_sample + t * plan.out_step;
    planes_t out;
    out.planes = plan.planes_out;
    out.place = result;
    out.stride = plan.out_plane;
    beat_t held = 0;
    for (int at = 0; at < number; at++) {
#pragma HLS pipeline
        int lane = at % plan.out_channels, value = 0;
        current_t j = 0;
        if (is_channel(lane, d.c_out, plan.out_lanes)) {
            const channel_t &channel = channels[lane];
            j = scale(sums[at] + addend(memory, d, plan, sample, t, at), d.fraction, channel);
            if (d.output != OUTPUT_SUMS) {
                step_t made = step(d, channel, neurons[at], j);
                counts.saturated += made.saturated;
                tally[lane] += made.spike;
                value = made.spike;
                if (d.output == OUTPUT_VALUE) value = value_of(plan, made, neurons[at].v, counts);
                counts.spikes_out += ones_of(value);
            }
        }
        if (d.output == OUTPUT_SUMS) put_words(memory, held, result, at, word_t(j));
        // A lane group may take fewer bits of a map than it has lanes.
        int width = LANES >> plan.out_fold, group = at / LANES, bit = at % LANES;
        if ((d.output == OUTPUT_SPIKES || d.output == OUTPUT_VALUE) && bit < width) {
            put_value(memory, out, group * width + bit, value, at + LANES - width == number - 1);
        }
    }
}

// Golden: _Layer._finish.
static void finish(beat_t *memory, const descriptor_t &d, const plan_t &plan, int sample) {
    place_t result = d.result + sample * plan.out_sample;
    beat_t held = 0;
    if (d.output == OUTPUT_COUNTS) {
        // Two counts in a word, and those of lanes that are no channel are 0.
        for (int at = 0; at < plan.out_channels / 2; at++) {
            put_words(memory, held, result, at, word_t(tally[2 * at]) | word_t(tally[2 * at + 1]) << 16);
        }
    }
    if (d.output == OUTPUT_MEMBRANE) {
        for (int at = 0; at < d.h_out * d.w_out * plan.out_channels; at++) {
            bool there = is_channel(at % plan.out_channels, d.c_out, plan.out_lanes);
            put_words(memory, held, result, at, there ? word_t(neurons[at].v) : word_t(0));
        }
    }
    if (!d.last) store(memory, d, plan, sample);
}

// Golden: _Layer.run, of one sample.
static void run(beat_t *memory, const descriptor_t &d, const plan_t &plan, int sample, counts_t &counts) {
    load(memory, d, plan, sample);
    for (int lane = 0; lane < plan.out_channels; lane++) tally[lane] = 0;
    for (int t = 0; t < d.steps; t++) {
        // A static input is gathered once, and its sums serve all steps.
        if (t == 0 || !plan.is_static) {
            counts.spikes_in += read_maps(memory, d, plan, sample, t);
            make_values(d, plan);
            ap_uint<64> met = gather(d, plan);
            counts.events += plan.slice ? met : ap_uint<64>(met * plan.rounds);
        }
        run_step(memory, d, plan, sample, t, counts);
    }
    finish(memory, d, plan, sample);
}

// Golden: carry_out.
static counts_t carry_out(beat_t *memory, const descriptor_t &d, const plan_t &plan) {
    counts_t counts = {0, 0, 0, 0};
    if (d.op == OP_BARRIER) return counts;
    read_channels(memory, d, plan);
    read_weights(memory, d, plan);
    if (d.use_fir) read_fir(memory, d.taps);
    for (int sample = 0; sample < d.samples; sample++) run(memory, d, plan, sample, counts);
    return counts;
}

// A COUNTERS record. The clock's words stay zero.
static void write_counters(beat_t *memory, place_t place, int number, const counts_t &counts) {
    ap_uint<COUNTERS_BITS> record = 0;
#define PUT(name, value) record.range(COUNTERS_##name##_LSB + COUNTERS_##name##_BITS - 1, COUNTERS_##name##_LSB) = value
    PUT(NUMBER, word_t(number));
    PUT(SATURATED, word_t(counts.saturated));
    PUT(EVENTS, counts.events);
    PUT(SPIKES_IN, counts.spikes_in);
    PUT(SPIKES_OUT, counts.spikes_out);
#undef PUT
    for (int beat = 0; beat < COUNTERS_BITS / BEAT_BITS; beat++) {
        memory[place + beat] = record.range(BEAT_BITS * beat + BEAT_BITS - 1, BEAT_BITS * beat);
    }
}

// Golden: LifModel.start, behind its refusals. Returns the flags.
static word_t start(beat_t *memory, place_t list, place_t records, int limit, bool recorded, int &executed,
                    counts_t &total) {
    total = {0, 0, 0, 0};
    place_t place = list;
    for (executed = 0;; executed++) {
        descriptor_t d = read_descriptor(memory, place);
        if (d.op == OP_END) return 0;
        if (executed == limit) return word_t(1) << STATUS_ENDLESS_LSB;
        plan_t plan = read_plan(memory, d.params);
        if (d.op != OP_BARRIER && !(fits(d) && plan.columns == CAP_COLUMNS)) return word_t(1) << STATUS_UNFIT_LSB;
        counts_t counts = carry_out(memory, d, plan);
        if (recorded) write_counters(memory, records + 4 * executed, executed, counts);
        total.events += counts.events;
        total.spikes_in += counts.spikes_in;
        total.spikes_out += counts.spikes_out;
        total.saturated += counts.saturated;
        place = d.next;
    }
}

}  // namespace lif
}  // namespace spynq

void lif(spynq::beat_t *m_axi_gmem, spynq::word_t MODE, spynq::word_t LIMIT, spynq::address_t BASE,
         spynq::word_t LIST, spynq::word_t RECORDS, spynq::word_t *STATUS, spynq::word_t *EXECUTED,
         spynq::word_t *SATURATED, ap_uint<64> *EVENTS, ap_uint<64> *SPIKES_IN, ap_uint<64> *SPIKES_OUT) {
#pragma HLS interface m_axi port=m_axi_gmem bundle=gmem offset=off max_read_burst_length=16 max_write_burst_length=16
#pragma HLS interface s_axilite port=return bundle=control
#pragma HLS interface s_axilite port=STATUS bundle=control offset=STATUS_OFFSET
#pragma HLS interface s_axilite port=MODE bundle=control offset=MODE_OFFSET
#pragma HLS interface s_axilite port=LIMIT bundle=control offset=LIMIT_OFFSET
#pragma HLS interface s_axilite port=BASE bundle=control offset=BASE_LO_OFFSET
#pragma HLS interface s_axilite port=LIST bundle=control offset=LIST_OFFSET
#pragma HLS interface s_axilite port=RECORDS bundle=control offset=RECORDS_OFFSET
#pragma HLS interface s_axilite port=EXECUTED bundle=control offset=EXECUTED_OFFSET
#pragma HLS interface s_axilite port=SATURATED bundle=control offset=SATURATED_OFFSET
#pragma HLS interface s_axilite port=EVENTS bundle=control offset=EVENTS_LO_OFFSET
#pragma HLS interface s_axilite port=SPIKES_IN bundle=control offset=SPIKES_IN_LO_OFFSET
#pragma HLS interface s_axilite port=SPIKES_OUT bundle=control offset=SPIKES_OUT_LO_OFFSET
    using namespace spynq::lif;
    if (LIMIT == 0 || BASE % spynq::BEAT_BYTES != 0) {
        *STATUS = spynq::word_t(1) << STATUS_REFUSED_LSB;
        return;
    }
    // Whatever a list names is counted in beats from BASE.
    spynq::beat_t *memory = m_axi_gmem + spynq::beat_at(BASE);
    counts_t total;
    int executed;
    *STATUS = start(memory, LIST, RECORDS, LIMIT.to_int(), MODE >> MODE_COUNTERS_LSB & 1, executed, total);
    *EXECUTED = executed;
    *SATURATED = total.saturated;
    *EVENTS = total.events;
    *SPIKES_IN = total.spikes_in;
    *SPIKES_OUT = total.spikes_out;
}
