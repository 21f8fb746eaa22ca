// HLS twin of kernel stm: flat populations and tree steps, equal to the integer model bit for bit.
#include "stm.hpp"

namespace spynq {
namespace stm {

// Coordinates and labels of samples. The flat population and the pools of trees have one each.
struct samples_t {
    sample_t columns[CAP_COLUMNS][CAP_POPULATION];
    ap_uint<16> labels[CAP_POPULATION];
};

// What stays on chip between starts.
static samples_t population, pools;
static count_t counts[CAP_POPULATION];
static nll_t stored[CAP_POPULATION];

// Scratch of one population.
static nll_t nll[CAP_POPULATION];
static ap_uint<64> bins_h[CAP_BINS], bins_q[CAP_BINS];

// The population that was closed last.
static nll_t last_l_min = IMPOSSIBLE;
static sums_t last_sums = {0, 0, 0};

// Reads words from memory and hands each to `take(index, word)`.
template <typename Take>
static void read_words(const beat_t *memory, address_t address, int words, Take take) {
    for (int beat = 0; beat < beats_of(words); beat++) {
        beat_t value = memory[beat_at(address) + beat];
        for (int place = 0; place < BEAT_WORDS; place++) {
            int index = BEAT_WORDS * beat + place;
            if (index < words) take(index, word_of(value, place));
        }
    }
}

// Writes words to memory, zeros up to the whole beat; `give(index)` makes each.
template <typename Give>
static void write_words(beat_t *memory, address_t address, int words, Give give) {
    for (int beat = 0; beat < beats_of(words); beat++) {
        beat_t value = 0;
        for (int place = 0; place < BEAT_WORDS; place++) {
            int index = BEAT_WORDS * beat + place;
            if (index < words) put_word(value, place, give(index));
        }
        memory[beat_at(address) + beat] = value;
    }
}

// Golden: log_likelihood, over a population; returns the minimum.
static nll_t log_likelihood(const samples_t &held, int base, int samples, int column, int terms,
                            const sample_t cue[], const gain_t gain[]) {
    nll_t smallest = IMPOSSIBLE;
samples:
    for (int i = 0; i < samples; i++) {
#pragma HLS pipeline
        ap_uint<40> total = 0;
        for (int t = 0; t < terms; t++) {
            z_t z = deviation(held.columns[column + t][base + i], cue[t], gain[t]);
            total += ap_uint<36>(ap_int<36>(z) * z);
        }
        nll[i] = rounded(total);
        if (nll[i] < smallest) smallest = nll[i];
    }
    return smallest;
}

// What one closing of a population writes.
struct output_t {
    bool records, histogram, weights;
    int bins;
    address_t record, weight;
};

// Golden: weights, sums, histogram; then the record. Works on nll[0 .. samples - 1].
static ap_uint<2> back_end(beat_t *memory, const output_t &output, const samples_t &held, int base, int samples,
                           int column, nll_t l_min) {
    sums_t total = {0, 0, 0};
    if (output.histogram) {
        for (int bin = 0; bin < CAP_BINS; bin++) bins_h[bin] = bins_q[bin] = 0;
    }
samples:
    for (int i = 0; i < samples; i++) {
#pragma HLS pipeline
        weight_t w = weight(nll[i], l_min);
        total.w += w;
        total.s1 += ap_int<34>(ap_int<18>(w) * held.columns[column][base + i]);
        total.s2 += ap_uint<34>(ap_uint<34>(w) * w);
        if (output.histogram) {
            int bin = held.labels[base + i] & (CAP_BINS - 1);
            bins_h[bin] += w;
            bins_q[bin] += ap_uint<34>(ap_uint<34>(w) * w);
        }
    }
    if (output.weights) {
        write_words(memory, output.weight, samples, [&](int i) { return word_t(weight(nll[i], l_min)); });
    }
    ap_uint<2> flag = flags(l_min);
    if (output.records) {
        beat_t first = 0, second = 0;
        put_double(first, 0, total.w);
        put_double(first, 1, total.s2);
        put_double(second, 0, ap_uint<64>(total.s1));
        put_word(second, 2, l_min);
        put_word(second, 3, flag);
        ap_uint<36> at = beat_at(output.record);
        memory[at] = first;
        memory[at + 1] = second;
        for (int bin = 0; output.histogram && bin < output.bins; bin++) {
            beat_t value = 0;
            put_double(value, 0, bins_h[bin]);
            put_double(value, 1, bins_q[bin]);
            memory[at + 2 + bin] = value;
        }
    }
    last_sums = total;
    last_l_min = l_min;
    return flag;
}

// Front end: a population under Gaussian cues, one evidence or a batch.
static ap_uint<2> flat(beat_t *memory, int mode, int samples, int evidences, int terms, int bins,
                       address_t image, address_t batch, address_t result, address_t weight_address,
                       const word_t CUE[8], const word_t GAIN[8]) {
    bool histogram = mode >> MODE_HISTOGRAM_LSB & 1;
    int stride = BEAT_BYTES * beats_of(samples);
    if (mode >> MODE_LOAD_LSB & 1) {
        for (int t = 0; t < terms; t++) {
            read_words(memory, image + t * stride, samples,
                       [&](int i, word_t value) { population.columns[t][i] = value; });
        }
        if (histogram) {
            read_words(memory, image + terms * stride, samples,
                       [&](int i, word_t value) { population.labels[i] = value; });
        }
    }
    bool batched = mode >> MODE_BATCH_LSB & 1;
    output_t output = {bool(mode >> MODE_RECORDS_LSB & 1), histogram, bool(mode >> MODE_WEIGHTS_LSB & 1), bins,
                       result, weight_address};
    ap_uint<2> status = 0;
    for (int evidence = 0; evidence < (batched ? evidences : 1); evidence++) {
        sample_t cue[8];
        gain_t gain[8];
        for (int t = 0; t < terms; t++) {
            if (batched) {
                // Two terms in a beat: cue and gain, cue and gain.
                beat_t pair = memory[beat_at(batch) + evidence * ((terms + 1) / 2) + t / 2];
                cue[t] = word_of(pair, 2 * (t % 2));
                gain[t] = word_of(pair, 2 * (t % 2) + 1);
            } else {
                cue[t] = CUE[t];
                gain[t] = GAIN[t];
            }
        }
        nll_t l_min = log_likelihood(population, 0, samples, 0, terms, cue, gain);
        status |= back_end(memory, output, population, 0, samples, 0, l_min);
        output.record += BEAT_BYTES * (2 + (histogram ? bins : 0));
        output.weight += stride;
    }
    return status;
}

// One step of a tree run, fields as in STEP.
struct step_t {
    int op, column, row_column, terms, base, row_base, other, samples, rows, bins;
    bool fresh, table, counted, records, histogram, weights, poisson;
    address_t in, out, weight;
    gain_t gain[4];
    sample_t cue;
    generator_t seed;
};

static step_t read_step(const beat_t *memory, address_t address) {
    ap_uint<512> word = 0;
    for (int beat = 0; beat < 4; beat++) {
        word.range(128 * beat + 127, 128 * beat) = memory[beat_at(address) + beat];
    }
#define FIELD(name) (word >> STEP_##name##_LSB & ((ap_uint<512>(1) << STEP_##name##_BITS) - 1))
    step_t step;
    step.op = FIELD(OP).to_int();
    step.fresh = FIELD(FRESH) != 0;
    step.table = FIELD(TABLE) != 0;
    step.counted = FIELD(COUNTED) != 0;
    step.records = FIELD(RECORDS) != 0;
    step.histogram = FIELD(HISTOGRAM) != 0;
    step.weights = FIELD(WEIGHTS) != 0;
    step.poisson = FIELD(POISSON) != 0;
    step.column = FIELD(COLUMN).to_int();
    step.row_column = FIELD(ROW_COLUMN).to_int();
    step.terms = FIELD(TERMS).to_int();
    step.base = FIELD(BASE).to_int();
    step.row_base = FIELD(ROW_BASE).to_int();
    step.samples = FIELD(SAMPLES).to_int();
    step.rows = FIELD(ROWS).to_int();
    step.bins = FIELD(BINS).to_int();
    step.in = FIELD(IN);
    step.out = FIELD(OUT);
    step.weight = FIELD(WEIGHT);
    step.gain[0] = FIELD(GAIN0);
    step.gain[1] = FIELD(GAIN1);
    step.gain[2] = FIELD(GAIN2);
    step.gain[3] = FIELD(GAIN3);
    step.cue = FIELD(CUE);
    step.other = FIELD(OTHER).to_int();
    ap_uint<128> seed = FIELD(SEED);
#undef FIELD
    step.seed = {word_of(seed, 0), word_of(seed, 1), word_of(seed, 2), word_of(seed, 3)};
    return step;
}

static bool pool_fits(int base, int samples) {
    return base % CAP_EDGE == 0 && samples >= 1 && samples <= CAP_POPULATION - base;
}

// Golden: fits.
static bool fits(const step_t &step) {
    if (step.op > OP_SPIKES || !pool_fits(step.base, step.samples)) return false;
    bool reads = step.op == OP_COLUMN || step.op == OP_LABELS || step.op == OP_COUNTS || step.op == OP_CODES ||
                 (step.op == OP_EDGE && step.table);
    bool writes = step.op == OP_SPIKES || (step.op == OP_CLOSE && step.records);
    bool written = step.op == OP_CLOSE && step.weights;
    if ((reads && step.in % BEAT_BYTES != 0) || (writes && step.out % BEAT_BYTES != 0) ||
        (written && step.weight % BEAT_BYTES != 0))
        return false;
    if ((step.op == OP_COLUMN || step.op == OP_CUE || step.op == OP_CLOSE) && step.column >= CAP_COLUMNS)
        return false;
    if (step.op == OP_OUTER) {
        ap_int<64> product = ap_int<64>(step.samples) * step.rows;
        int slow_end = step.row_base + step.rows, fast_end = step.other + step.samples;
        return pool_fits(step.row_base, step.rows) && pool_fits(step.other, step.samples) &&
               step.base + product <= CAP_POPULATION && step.base >= slow_end && step.base >= fast_end &&
               step.samples % 4 == 0;
    }
    if (step.op == OP_EDGE) {
        int first = step.column > step.row_column ? step.column : step.row_column;
        bool terms = step.terms >= 1 && step.terms <= MAX_EDGE_TERMS && first + step.terms <= CAP_COLUMNS;
        return pool_fits(step.row_base, step.rows) && (step.table || terms);
    }
    if (step.op == OP_CLOSE) return step.bins <= CAP_BINS && !(step.histogram && step.bins == 0);
    return true;
}

// Adds a code to the log-likelihood of a sample, or replaces it.
static void add(const step_t &step, int i, nll_t code) {
    nll_t &place = stored[step.base + i];
    place = accumulate(step.fresh ? nll_t(0) : place, code);
}

static mass_t mass[CAP_POPULATION];

// Golden: conditionals, quotients, message, codes.
static ap_uint<64> edge(const beat_t *memory, const step_t &step) {
    ap_uint<5> fraction = quotient_fraction(last_sums.w);
    ap_uint<64> gone = 0;
    for (int k = 0; k < step.samples; k++) mass[k] = 0;
rows:
    for (int row = 0; row < step.rows; row++) {
        weight_t u = weight(stored[step.row_base + row], last_l_min);
        if (u == 0) continue;
        nll_t l_min = IMPOSSIBLE;
        if (step.table) {
            address_t at = step.in + ap_uint<40>(row) * beats_of(step.samples) * BEAT_BYTES;
            read_words(memory, at, step.samples, [&](int k, word_t value) {
                nll[k] = value;
                if (nll[k] < l_min) l_min = nll[k];
            });
        } else {
            sample_t cue[MAX_EDGE_TERMS];
            for (int t = 0; t < step.terms; t++) cue[t] = pools.columns[step.row_column + t][step.row_base + row];
            l_min = log_likelihood(pools, step.base, step.samples, step.column, step.terms, cue, step.gain);
        }
        ap_uint<48> d = 0;
    sum:
        for (int k = 0; k < step.samples; k++) {
#pragma HLS pipeline
            count_t n = step.counted ? counts[step.base + k] : count_t(1);
            d += ap_uint<33>(ap_uint<33>(weight(nll[k], l_min)) * n);
        }
        bool lost = l_min >= SATZ_LIMIT || d == 0;
        if (lost) gone += u;
        quotient_t q = quotient(u, d, lost, fraction);
    add:
        for (int k = 0; k < step.samples; k++) {
#pragma HLS pipeline
            bool absent = step.counted && counts[step.base + k] == 0;
            if (!absent) mass[k] += mass_t(mass_t(q) * weight(nll[k], l_min));
        }
    }
    mass_t largest = 0;
    for (int k = 0; k < step.samples; k++) largest = mass[k] > largest ? mass[k] : largest;
    for (int k = 0; k < step.samples; k++) add(step, k, code(mass[k], largest));
    return gone;
}

// Golden: poisson_total. Waiting times -log2((word + 1) / 2**32) are summed until they pass the mean.
static int poisson_total(generator_t &generator, ap_uint<32> mean) {
    ap_uint<40> time = 0;
    for (int spikes = 0;; spikes++) {
        mass_t drawn = mass_t(xoshiro(generator)) + 1;
        time += ap_uint<16>((32 << 10) - log2(drawn));
        if (time > mean) return spikes;
    }
}

static word_t spikes[CAP_POPULATION];

// Golden: spike_counts.
static void spike_counts(beat_t *memory, const step_t &step) {
    bool any = false;
    for (int i = 0; i < step.samples; i++) {
        spikes[i] = 0;
        any |= weight(stored[step.base + i], last_l_min) != 0;
    }
    generator_t generator = step.seed;
    int left = step.poisson ? poisson_total(generator, step.gain[0]) : step.gain[0].to_int();
    ap_uint<17> mask = (ap_uint<17>(1) << bit_length(step.samples - 1)) - 1;
    while (left > 0 && any) {
        word_t word = xoshiro(generator);
        int neuron = (word >> 16 & mask).to_int();
        if (neuron >= step.samples) continue;
        if (ap_uint<16>(word) < weight(stored[step.base + neuron], last_l_min)) {
            spikes[neuron] += 1;
            left--;
        }
    }
    write_words(memory, step.out, step.samples, [&](int i) { return spikes[i]; });
}

static ap_uint<2> close(beat_t *memory, const step_t &step) {
    nll_t l_min = IMPOSSIBLE;
    for (int i = 0; i < step.samples; i++) {
        nll[i] = stored[step.base + i];
        if (nll[i] < l_min) l_min = nll[i];
    }
    output_t output = {step.records, step.histogram, step.weights, step.bins, step.out, step.weight};
    return back_end(memory, output, pools, step.base, step.samples, step.column, l_min);
}

static void load(const beat_t *memory, const step_t &step) {
    read_words(memory, step.in, step.samples, [&](int i, word_t value) {
        if (step.op == OP_COLUMN) pools.columns[step.column][step.base + i] = value;
        if (step.op == OP_LABELS) pools.labels[step.base + i] = value & (CAP_BINS - 1);
        if (step.op == OP_COUNTS) counts[step.base + i] = value;
        if (step.op == OP_CODES) add(step, i, value);
    });
}

static void cue(const step_t &step) {
    log_likelihood(pools, step.base, step.samples, step.column, 1, &step.cue, step.gain);
    for (int i = 0; i < step.samples; i++) add(step, i, nll[i]);
}

static void outer(const step_t &step) {
    for (int i = 0; i < step.rows; i++) {
        for (int j = 0; j < step.samples; j++) {
            stored[step.base + i * step.samples + j] =
                accumulate(stored[step.row_base + i], stored[step.other + j]);
        }
    }
}

// A list of steps, one after the other. Status bits as in STATUS from bit 8 up; `lost` is the largest share.
static word_t tree(beat_t *memory, address_t list, int steps, word_t &lost) {
    word_t status = 0;
    lost = 0;
    for (int index = 0; index < steps; index++) {
        step_t step = read_step(memory, list + index * 4 * BEAT_BYTES);
        if (!fits(step)) {
            status |= word_t(1) << STATUS_SKIPPED_LSB;
        } else if (step.op == OP_CLOSE) {
            status |= word_t(close(memory, step)) << STATUS_ZERO_LSB;
        } else if (step.op == OP_EDGE) {
            ap_uint<64> total = last_sums.w, gone = edge(memory, step);
            word_t share = lost_share(gone, total);
            lost = share > lost ? share : lost;
            if (gone != 0) status |= word_t(1) << STATUS_LOSTMASS_LSB;
        } else if (step.op == OP_CUE) {
            cue(step);
        } else if (step.op == OP_OUTER) {
            outer(step);
        } else if (step.op == OP_SPIKES) {
            spike_counts(memory, step);
        } else {
            load(memory, step);
        }
    }
    return status;
}

}  // namespace stm
}  // namespace spynq

void stm(spynq::beat_t *m_axi_gmem, spynq::word_t MODE, spynq::word_t SAMPLES, spynq::word_t EVIDENCES,
         spynq::word_t TERMS, spynq::word_t BINS, spynq::address_t IMAGE, spynq::address_t BATCH,
         spynq::address_t RESULT, spynq::address_t WEIGHT, const spynq::word_t CUE[8],
         const spynq::word_t GAIN[8], spynq::word_t *STATUS, ap_uint<64> *W, ap_uint<64> *S1,
         ap_uint<64> *S2, spynq::word_t *L_MIN, spynq::word_t *LOST) {
#pragma HLS interface m_axi port=m_axi_gmem bundle=gmem offset=off max_read_burst_length=16 max_write_burst_length=16
#pragma HLS interface s_axilite port=return bundle=control
#pragma HLS interface s_axilite port=STATUS bundle=control offset=STATUS_OFFSET
#pragma HLS interface s_axilite port=MODE bundle=control offset=MODE_OFFSET
#pragma HLS interface s_axilite port=SAMPLES bundle=control offset=SAMPLES_OFFSET
#pragma HLS interface s_axilite port=EVIDENCES bundle=control offset=EVIDENCES_OFFSET
#pragma HLS interface s_axilite port=TERMS bundle=control offset=TERMS_OFFSET
#pragma HLS interface s_axilite port=BINS bundle=control offset=BINS_OFFSET
#pragma HLS interface s_axilite port=IMAGE bundle=control offset=IMAGE_LO_OFFSET
#pragma HLS interface s_axilite port=BATCH bundle=control offset=BATCH_LO_OFFSET
#pragma HLS interface s_axilite port=RESULT bundle=control offset=RESULT_LO_OFFSET
#pragma HLS interface s_axilite port=WEIGHT bundle=control offset=WEIGHT_LO_OFFSET
#pragma HLS interface s_axilite port=W bundle=control offset=W_LO_OFFSET
#pragma HLS interface s_axilite port=S1 bundle=control offset=S1_LO_OFFSET
#pragma HLS interface s_axilite port=S2 bundle=control offset=S2_LO_OFFSET
#pragma HLS interface s_axilite port=L_MIN bundle=control offset=L_MIN_OFFSET
#pragma HLS interface s_axilite port=LOST bundle=control offset=LOST_OFFSET
    using namespace spynq::stm;
    int mode = MODE.to_int(), samples = SAMPLES.to_int();
    bool listed = mode >> MODE_TREE_LSB & 1, weighting = mode >> MODE_WEIGHTING_LSB & 1;
    bool histogram = mode >> MODE_HISTOGRAM_LSB & 1, batched = mode >> MODE_BATCH_LSB & 1;
    spynq::address_t used = IMAGE;
    bool refused = SAMPLES == 0;
    if (listed) {
        refused |= CAP_EDGE == 0;
    } else {
        used = mode >> MODE_LOAD_LSB & 1 ? IMAGE : spynq::address_t(0);
        if (batched) used |= BATCH;
        if (mode >> MODE_RECORDS_LSB & 1) used |= RESULT;
        if (mode >> MODE_WEIGHTS_LSB & 1) used |= WEIGHT;
        refused |= weighting || CAP_TERMS == 0 || SAMPLES > CAP_POPULATION || TERMS < 1 || TERMS > CAP_COLUMNS ||
                   (batched && EVIDENCES == 0) || BINS > CAP_BINS || (histogram && BINS == 0);
    }
    if (refused || used % spynq::BEAT_BYTES != 0) {
        *STATUS = spynq::word_t(1) << STATUS_REFUSED_LSB;
        return;
    }
    if (listed) {
        *STATUS = tree(m_axi_gmem, IMAGE, samples, *LOST);
    } else {
        *STATUS = spynq::word_t(flat(m_axi_gmem, mode, samples, EVIDENCES.to_int(), TERMS.to_int(),
                                     BINS.to_int(), IMAGE, BATCH, RESULT, WEIGHT, CUE, GAIN))
                  << STATUS_ZERO_LSB;
    }
    *W = last_sums.w;
    *S1 = ap_uint<64>(last_sums.s1);
    *S2 = last_sums.s2;
    *L_MIN = last_l_min;
}
