// HLS twin of kernel sgf: events to frames, features, gates, counters and answers, equal to the integer
// model bit for bit. It counts no clocks: the registers that do so are the gateware's.
#include "sgf.hpp"

#include "sgf/results.hpp"
#include "sgf/window.hpp"

namespace spynq {
namespace sgf {

static bool needs_engine(int which) {
    bool found = false;
    for (int i = 0; i < bits_in(which); i++) {
        found |= SGF_FIELD(ap_uint<64>(bit_table[which][i]), BIT, STATISTIC) >= TEMPORAL_FIRST;
    }
    return found;
}

// Golden: SgfModel._end.
static void end_trial(const run_t &run, hls::stream<beat_t> &out) {
    if (count > 0 && frames < run.frames && (run.keep_partial || run.by_time)) close_frame(latest);
    answer_t answer = {255, 255, 0, 0, features(run), 0, 0, -1};
    bool empty = frames == 0;
    for (int row = 0; row < CAP_ROWS; row++) scores[row] = 0;
    for (int which = 0; which < 3; which++) {
        for (int i = 0; i < 256; i++) vector[which][i] = 0;
    }
    if (label >= 0) teach(answer, run, empty);
    else if (!empty) infer(answer, run.scoring);
    bool needed = (run.report >> REPORT_STATISTICS & 1) || answer.rule >= TEMPORAL_FIRST;
    for (int which = 0; which < 3; which++) {
        // A rule opens unit B without a vector.
        bool asked = answer.opened >> which & 1 && !(which == 1 && answer.rule >= 0);
        needed |= asked && needs_engine(which);
        tally[EVALUATIONS_A + which] += answer.opened >> which & 1;
    }
    tally[HALVINGS] += answer.halvings;
    tally[TABLE_OVERFLOWS] += answer.overflows;
    tally[ENGINE_RUNS] += needed && !empty;
    ap_uint<64> word = ap_uint<64>(answer.winner) << RESULT_WINNER_LSB | ap_uint<64>(answer.second) << RESULT_SECOND_LSB |
                       ap_uint<64>(answer.score) << RESULT_SCORE_LSB | ap_uint<64>(answer.opened) << RESULT_OPEN_LSB |
                       ap_uint<64>(answer.flags) << RESULT_FLAGS_LSB |
                       ap_uint<64>(tally[TRIALS] & 0xFFFF) << RESULT_TRIAL_LSB;
    send(out, word);
    report(out, run.report);
    tally[TRIALS] += 1;
    label = -1;
    begin_trial();
}

// Golden: SgfModel._events, one word.
static void event(const run_t &run, beat_t beat, hls::stream<beat_t> &out) {
    bool ended = false, inside = false;
    if (SGF_FIELD(beat.data, EVENT, VALID) != 0) {
        tally[EVENTS_IN] += 1;
        ap_uint<32> x = SGF_FIELD(beat.data, EVENT, X) * run.scale_x >> 16;
        ap_uint<32> y = SGF_FIELD(beat.data, EVENT, Y) * run.scale_y >> 16;
        inside = x < CAP_SIZE && y < CAP_SIZE;
        if (!inside) tally[DROPPED_RANGE] += 1;
        bool left = inside;
        int column = run.mirror_x ? CAP_SIZE - 1 - x.to_int() : x.to_int();
        int row = run.mirror_y ? CAP_SIZE - 1 - y.to_int() : y.to_int();
        while (left) {
            left = !push(run, word_t(SGF_FIELD(beat.data, EVENT, T)), column, row, SGF_FIELD(beat.data, EVENT, P) != 0);
            ended = run.automatic && frames >= run.frames;
            if (ended) end_trial(run, out);
        }
    }
    // A word that has closed the last frame has ended the trial already.
    if ((beat.last || SGF_FIELD(beat.data, EVENT, END) != 0) && !(ended && inside)) end_trial(run, out);
}

// Golden: SgfModel._command. False: PAUSE.
static bool command(ap_uint<64> word, hls::stream<beat_t> &out) {
    int address = SGF_FIELD(word, COMMAND, ADDRESS).to_int(), kind = SGF_FIELD(word, COMMAND, KIND).to_int();
    word_t data = SGF_FIELD(word, COMMAND, DATA);
    if (kind == KIND_PAUSE) return false;
    if (kind == KIND_LABEL) {
        bool in = SGF_FIELD(word, COMMAND, TEACH) != 0, asked = in || SGF_FIELD(word, COMMAND, UNTEACH) != 0;
        label = asked ? address : -1;
        label_out = !in;
        bad |= address >= CAP_CLASSES;
    } else if (kind == KIND_CLEAR) {
        for (int row = 0; row < CAP_ROWS; row++) forget(row);
        for (int slot = 0; slot < CAP_TABLE; slot++) free_slot(slot);
    } else if (kind == KIND_FORGET && address < CAP_ROWS) {
        forget(address);
    } else if (kind == KIND_WRITE) {
        bad |= !store(address, data);
    } else if (kind == KIND_ADD) {
        bad |= !accumulate(address, data);
    } else if (kind == KIND_READ) {
        for (int i = 0; i < (data & 0xFFFF).to_int(); i++) {
            int place = (address + i) & 0xFFFF;
            word_t value;
            bad |= !load(place, value);
            send(out, ap_uint<64>(value) | ap_uint<64>(place) << 32);
        }
    } else if (kind == KIND_DROP) {
        label = -1;
        begin_trial();
    } else {
        bad = true;
    }
    return true;
}

static bool powered = false;

}  // namespace sgf
}  // namespace spynq

void sgf(hls::stream<spynq::sgf::beat_t> &s_axis, hls::stream<spynq::sgf::beat_t> &m_axis, ap_uint<32> MODE,
         ap_uint<32> EVENTS, ap_uint<32> FRAMES, ap_uint<32> FRAME_US, ap_uint<32> TIMEOUT_US,
         ap_uint<32> SCALE_X, ap_uint<32> SCALE_Y, ap_uint<32> ACTIVE, ap_uint<32> REPORT, ap_uint<32> *STATUS,
         ap_uint<32> numbers[11]) {
#pragma HLS interface axis port=s_axis
#pragma HLS interface axis port=m_axis
#pragma HLS interface s_axilite port=return bundle=control
#pragma HLS interface s_axilite port=MODE bundle=control offset=MODE_OFFSET
#pragma HLS interface s_axilite port=EVENTS bundle=control offset=EVENTS_OFFSET
#pragma HLS interface s_axilite port=FRAMES bundle=control offset=FRAMES_OFFSET
#pragma HLS interface s_axilite port=FRAME_US bundle=control offset=FRAME_US_OFFSET
#pragma HLS interface s_axilite port=TIMEOUT_US bundle=control offset=TIMEOUT_US_OFFSET
#pragma HLS interface s_axilite port=SCALE_X bundle=control offset=SCALE_X_OFFSET
#pragma HLS interface s_axilite port=SCALE_Y bundle=control offset=SCALE_Y_OFFSET
#pragma HLS interface s_axilite port=ACTIVE bundle=control offset=ACTIVE_OFFSET
#pragma HLS interface s_axilite port=REPORT bundle=control offset=REPORT_OFFSET
#pragma HLS interface s_axilite port=STATUS bundle=control offset=STATUS_OFFSET
#pragma HLS interface s_axilite port=numbers bundle=control offset=EVENTS_IN_OFFSET
    using namespace spynq::sgf;
    if (!powered) {
        begin_trial();
        label = -1;
        powered = true;
    }
    int mode = MODE.to_int(), scoring = mode >> MODE_SCORING_LSB & 3;
    if ((scoring >= 2 && CAP_TABLE == 0) || (scoring == 1 && !CAP_BAYES)) scoring = 0;
    run_t run = {EVENTS.to_int(), FRAMES.to_int(), FRAME_US.to_int(), TIMEOUT_US.to_int(), SCALE_X.to_int(),
                 SCALE_Y.to_int(), ACTIVE.to_int(), REPORT.to_int(), scoring,
                 bool(mode >> MODE_TIME_LSB & 1), bool(mode >> MODE_KEEP_PARTIAL_LSB & 1),
                 bool(mode >> MODE_MIRROR_X_LSB & 1), bool(mode >> MODE_MIRROR_Y_LSB & 1),
                 bool(mode >> MODE_ALLOW_EMPTY_LSB & 1), bool(mode >> MODE_AUTO_LSB & 1)};
    int length = run.by_time ? run.frame_us : run.events;
    if (length == 0 || run.frames < 1 || run.frames > CAP_FRAMES || run.scale_x == 0 || run.scale_y == 0) {
        *STATUS = ap_uint<32>(1) << STATUS_REFUSED_LSB;
        return;
    }
    for (int i = 0; i < 11; i++) tally[i] = 0;
    bad = false;
words:
    while (true) {
        beat_t beat = s_axis.read();
        if (SGF_FIELD(beat.data, EVENT, COMMAND) == 0) event(run, beat, m_axis);
        else if (!command(beat.data, m_axis)) break;
    }
    send(m_axis, 0, true);
    for (int i = 0; i < 11; i++) numbers[i] = tally[i];
    *STATUS = ap_uint<32>(bad) << STATUS_BAD_WORD_LSB | ap_uint<32>(began) << STATUS_IN_TRIAL_LSB;
}
