// HLS twin of kernel sgf: events to frames, features, gates, counters and answers, equal to the integer
// model bit for bit. It counts no clocks: the registers that do so are the gateware's.
#include "sgf.hpp"

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

// ---- frames

static void begin_trial() {
    for (int y = 0; y < CAP_SIZE; y++) {
        for (int x = 0; x < CAP_SIZE; x++) {
#pragma HLS pipeline
            pixels[y][x] = 0;
            active[y][x] = 0;
        }
    }
    for (int y = 0; y < GRID; y++) {
        for (int x = 0; x < GRID; x++) {
            v[y][x] = u[y][x] = spikes[0][y][x] = spikes[1][y][x] = 0;
            counts[y][x] = 0;
        }
    }
    frames = count = 0;
    start = latest = 0;
    began = reordered = false;
}

// Golden: st_core_1, one frame. The window looks forward, so `now` decides about the frame before last.
static void st_core_1(bool flush) {
    for (int y = 0; y < GRID; y++) {
        for (int x = 0; x < GRID; x++) {
            int sum = 0;
            for (int i = 0; i < 9; i++) sum += pixels[3 * y + i / 3][3 * x + i % 3].to_int();
            int potential = v[y][x].to_int() + sum;
            bool now = !flush && potential >= 2;
            v[y][x] = now ? 0 : potential < 0 ? 0 : minimum(potential, 1);
            int total = u[y][x].to_int() + spikes[0][y][x].to_int() + spikes[1][y][x].to_int() + now;
            if (frames >= 2) {
                bool fires = total >= 2;
                u[y][x] = fires ? 0 : total;
                counts[y][x] += spikes[0][y][x] & ap_uint<1>(fires);
            }
            spikes[0][y][x] = spikes[1][y][x];
            spikes[1][y][x] = now;
        }
    }
}

// Golden: st_core_2, marginals: what was active in the frame before and still is.
static void st_core_2() {
    for (int i = 0; i < CAP_SIZE; i++) {
        rows_left[frames][i] = rows_right[frames][i] = cols[frames][i] = 0;
    }
    for (int y = 0; y < CAP_SIZE; y++) {
        for (int x = 0; x < CAP_SIZE; x++) {
            bool now = pixels[y][x] != 0;
            if (frames > 0 && now && active[y][x]) {
                if (x < HALF) rows_left[frames - 1][y] += 1;
                else rows_right[frames - 1][y] += 1;
                cols[frames - 1][x] += 1;
            }
            active[y][x] = now;
        }
    }
}

static void close_frame(word_t next) {
    st_core_1(false);
    st_core_2();
    for (int y = 0; y < CAP_SIZE; y++) {
        for (int x = 0; x < CAP_SIZE; x++) pixels[y][x] = 0;
    }
    frames++;
    tally[FRAMES_DONE] += 1;
    count = 0;
    start = next;
}

// Golden: Framer.push, one event. False: the trial has ended by itself, and the event is left.
static bool push(const run_t &run, word_t t, int x, int y, bool p) {
    while (true) {
        bool full = frames >= run.frames;
        if (full && run.automatic) return false;
        if (full) {
            tally[DROPPED_LATE] += 1;
            return true;
        }
        if (!began) {
            start = latest = t;
            began = true;
        }
        ap_int<32> age = wrapped(t, start);
        bool beyond = run.by_time ? age >= run.frame_us : run.timeout_us != 0 && age > run.timeout_us;
        if (!beyond) break;
        if (run.by_time) close_frame(start + run.frame_us);
        else if (count > 0) close_frame(t);
        else start = t;
    }
    pixels[y][x] = p ? 1 : -1;
    reordered |= wrapped(t, latest) < 0;
    latest = t;
    count++;
    if (!run.by_time && count == run.events) close_frame(latest);
    return true;
}

// ---- statistics

static int zone_of(int cell) { return cell * ZONES / GRID; }

// Golden: spatial.
static void spatial() {
    for (int number = 0; number <= CAP_THETAS; number++) {
        statistic_t *out = statistics + 64 * number;
        for (int y = 0; y < GRID; y++) {
            for (int x = 0; x < GRID; x++) {
                int cell = minimum(counts[y][x], 127);
                int value = cell;
                if (number < CAP_THETAS) value = cell > (theta[number] & 0x7F).to_int();
                int row = zone_of(y), column = zone_of(x);
                bool right = column >= ZONES / 2, low = row >= ZONES / 2;
                out[6 * row + column] += value;
                out[36 + right] += value;
                out[38 + 2 * low + right] += value;
                out[42] += value;
            }
        }
    }
}

// One region's marginal of a frame. Axis 0 rows, 1 columns; region 0 left, 1 right, 2 whole.
static int marginal(int axis, int region, int frame, int place) {
    if (axis == 1) {
        bool inside = region == 2 || (place >= HALF) == (region == 1);
        return inside ? cols[frame][place].to_int() : 0;
    }
    int left = rows_left[frame][place].to_int(), right = rows_right[frame][place].to_int();
    return region == 0 ? left : region == 1 ? right : left + right;
}

static int total_of(int axis, int region, int frame) {
    int total = 0;
    for (int i = 0; i < CAP_SIZE; i++) total += marginal(axis, region, frame, i);
    return total;
}

// Golden: difference, moves.
static int move_of(int axis, int region, int frame, int least) {
    if (frame < SKIP) return 0;
    int total = total_of(axis, region, frame - SKIP), now = total_of(axis, region, frame);
    if (now < least || total < least) return 0;
    int upto = 0, found = 0;
    for (int i = 0; i < CAP_SIZE; i++) {
        int before = marginal(axis, region, frame - SKIP, i), here = marginal(axis, region, frame, i);
        upto += before;
        found += here * ((2 * (upto - before) > total) - (2 * (total - upto) > total));
    }
    return found;
}

// Golden: centroids, of one frame.
static int centroid(int axis, int region, int frame, int total) {
    int moment = 0;
    for (int i = 0; i < CAP_SIZE; i++) moment += i * marginal(axis, region, frame, i);
    return 16 * moment / total;
}

static ap_int<2> taken[2][2][CAP_FRAMES];  // steps: axis, left or right, frame
static int path_y[CAP_FRAMES], path_x[CAP_FRAMES];

// Golden: temporal, one region.
static void temporal_region(int region, int least) {
    statistic_t *out = statistics + TEMPORAL_FIRST + 32 * region;
    int before_y = 0, before_x = 0, lx = 0, ly = 0, steady = 0, sum_y = 0, sum_x = 0;
    for (int f = 0; f < frames; f++) {
        int total = total_of(0, region, f);
        int my = move_of(0, region, f, least), mx = move_of(1, region, f, least);
        int dy = step(my, total), dx = step(mx, total);
        if (region < 2) {
            taken[0][region][f] = dy;
            taken[1][region][f] = dx;
        }
        out[DOWN] += dy > 0;
        out[UP] += dy < 0;
        out[YREV] += dy != 0 && before_y != 0 && dy != before_y;
        out[RIGHT] += dx > 0;
        out[LEFT] += dx < 0;
        out[XREV] += dx != 0 && before_x != 0 && dx != before_x;
        before_y = dy != 0 ? dy : before_y;
        before_x = dx != 0 ? dx : before_x;
        int nx = dx != 0 ? dx : lx, ny = dy != 0 ? dy : ly;
        out[ROT] += lx * ny - ly * nx;
        lx = nx;
        ly = ny;
        int peak_y = 0, peak_x = 0;
        for (int i = 0; i < CAP_SIZE; i++) {
            int row = marginal(0, region, f, i), column = marginal(1, region, f, i);
            out[HEIGHT] += row > 0;
            out[WIDTH] += column > 0;
            peak_y = row > peak_y ? row : peak_y;
            peak_x = column > peak_x ? column : peak_x;
        }
        out[ACTIVE_SUM] += total;
        out[PEAK_Y] += peak_y;
        out[PEAK_X] += peak_x;
        out[MOVE_Y] += absolute(my);
        out[MOVE_X] += absolute(mx);
        if (total >= (least > 1 ? least : 1)) {
            path_y[steady] = centroid(0, region, f, total);
            path_x[steady] = centroid(1, region, f, total);
            sum_y += path_y[steady];
            sum_x += path_x[steady];
            steady++;
        }
    }
    int mean_y = steady > 0 ? sum_y / steady : 0, mean_x = steady > 0 ? sum_x / steady : 0;
    ap_int<64> area = 0;
    for (int i = 0; i < steady; i++) {
        out[DEV_Y] += absolute(path_y[i] - mean_y);
        out[DEV_X] += absolute(path_x[i] - mean_x);
        if (i + 2 < steady) {
            out[SY] += absolute(path_y[i + 2] - path_y[i]);
            out[SX] += absolute(path_x[i + 2] - path_x[i]);
            area += ap_int<64>(path_x[i] - mean_x) * (path_y[i + 2] - mean_y) -
                    ap_int<64>(path_y[i] - mean_y) * (path_x[i + 2] - mean_x);
        }
    }
    out[AREA] = steady < SKIP ? ap_int<64>(0) : ap_int<64>(area >> 8);
    out[CY] = mean_y;
    out[CX] = mean_x;
    out[STEADY] = steady;
}

// Golden: features.
static int features(const run_t &run) {
    int shown = frames < run.frames ? FLAG_PADDED : 0;
    for (int place = 0; place < 512; place++) statistics[place] = 0;
    if (frames == 0) return shown | FLAG_EMPTY | (reordered ? FLAG_REORDERED : 0);
    // Two empty frames flush the window of ST core 1; what was active last is followed by nothing.
    int held = frames;
    for (int flush = 0; flush < 2; flush++) {
        frames = held == 1 && flush == 0 ? 1 : 2;
        st_core_1(true);
    }
    frames = held;
    bool saturated = false;
    for (int y = 0; y < GRID; y++) {
        for (int x = 0; x < GRID; x++) saturated |= counts[y][x] > 127;
    }
    spatial();
    for (int region = 0; region < 3; region++) temporal_region(region, run.least);
    statistic_t *whole = statistics + TEMPORAL_FIRST + 96;
    for (int f = 0; f < frames; f++) {
        whole[0] += taken[0][0][f].to_int() * taken[0][1][f].to_int();
        whole[1] += taken[1][0][f].to_int() * taken[1][1][f].to_int();
    }
    whole[2] = frames;
    return shown | (saturated ? FLAG_SATURATED : 0) | (reordered ? FLAG_REORDERED : 0);
}

// ---- counters. Golden: Counters.

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

// ---- gates. Golden: rank, infer, teach.

// A higher score per trial; by cross-multiplication.
static bool beats(int a, int b, int scoring) {
    if (scoring == 1) return scores[a] > scores[b];
    return ap_int<64>(scores[a]) * trials[b] > ap_int<64>(scores[b]) * trials[a];
}

static int occurrences(int row, int which, bool &any) {
    int sum = 0;
    any = false;
    for (int slot = 0; slot < CAP_TABLE; slot++) {
        if (owners[slot] == row && same(slot, which)) {
            sum += slots[slot].to_int();
            any = true;
        }
    }
    return sum;
}

static void by_table(ranking_t &found, int first, int rows, int which, int scoring) {
    int seen = 0, chosen = -1, most = -1, equal = 0;
    for (int row = first; row < first + rows; row++) {
        bool any;
        int times = occurrences(row, which, any);
        if (!any) continue;
        seen++;
        if (times > most) {
            chosen = row;
            most = times;
            equal = 1;
        } else if (times == most) {
            equal++;
        }
    }
    if (chosen < 0 || (scoring == 2 && seen > 1)) return;
    found.tie = scoring == 3 && equal > 1;
    if (chosen != found.first) found.second = found.first;
    found.first = chosen;
}

static ranking_t rank(int first, int rows, int which, int scoring) {
    ranking_t found = {-1, -1, 0, false};
    for (int row = first; row < first + rows; row++) {
        if (trials[row] == 0) continue;
        scores[row] = scoring == 1 ? likelihood(row, which) : score_of(row, which);
        if (found.first < 0 || beats(row, found.first, scoring)) {
            found.second = found.first;
            found.first = row;
        } else if (found.second < 0 || beats(row, found.second, scoring)) {
            found.second = row;
        }
    }
    if (found.first < 0) return found;
    for (int row = first; row < first + rows; row++) {
        if (trials[row] != 0 && row != found.first) found.tie |= !beats(found.first, row, scoring);
    }
    if (scoring >= 2) by_table(found, first, rows, which, scoring);
    found.score = display(score_of(found.first, which), bits_in(which), trials[found.first].to_int());
    return found;
}

static int gate_field(int row, int lsb, int bits) { return (gate[row] >> lsb & ((word_t(1) << bits) - 1)).to_int(); }
#define GATE_OF(row, name) gate_field(row, GATE_##name##_LSB, GATE_##name##_BITS)

static int class_of(int row) { return GATE_OF(row, CHILD) == CHILD_LEAF ? GATE_OF(row, FIRST) : 255; }

static void decide(answer_t &answer, const ranking_t &found) {
    if (found.first < 0) return;
    answer.winner = class_of(found.first);
    answer.second = found.second < 0 ? 255 : class_of(found.second);
    answer.score = found.score;
    if (found.tie) answer.flags |= FLAG_TIE;
}

static void infer(answer_t &answer, int scoring) {
    make_vector(0, false);
    answer.opened = 1;
    ap_uint<64> word = unit[0];
    ranking_t found = rank(SGF_FIELD(word, UNIT, FIRST).to_int(), SGF_FIELD(word, UNIT, COUNT).to_int(), 0, scoring);
    if (found.first < 0) return;
    int row = found.first, child = GATE_OF(row, CHILD);
    if (child == CHILD_LEAF) {
        decide(answer, found);
    } else if (child == CHILD_RULE) {
        answer.rule = GATE_OF(row, STATISTIC);
        bool above = statistics[answer.rule] > 0;
        answer.winner = above ? GATE_OF(row, FIRST) : GATE_OF(row, COUNT);
        answer.second = above ? GATE_OF(row, COUNT) : GATE_OF(row, FIRST);
        answer.opened |= 2;
        answer.score = found.score;
        if (found.tie) answer.flags |= FLAG_TIE;
    } else {
        int below = child == CHILD_UNIT_B ? 1 : 2;
        make_vector(below, false);
        answer.opened |= 1 << below;
        decide(answer, rank(GATE_OF(row, FIRST), GATE_OF(row, COUNT), below, scoring));
    }
}

static void teach(answer_t &answer, const run_t &run, bool empty) {
    ap_uint<64> word = label < CAP_CLASSES ? ap_uint<64>(path[label]) : ap_uint<64>(0);
    if (SGF_FIELD(word, PATH, KNOWN) == 0 || (empty && !run.allow_empty)) {
        answer.flags |= FLAG_REFUSED;
        return;
    }
    int below = SGF_FIELD(word, PATH, UNIT).to_int();
    int rows[2] = {SGF_FIELD(word, PATH, ROW).to_int(), SGF_FIELD(word, PATH, BELOW).to_int()};
    int units[2] = {0, below}, steps = below != 0 ? 2 : 1;
    bool can = true;
    for (int i = 0; i < steps; i++) {
        make_vector(units[i], empty);
        answer.opened |= 1 << units[i];
        can &= !label_out || can_take_out(rows[i], units[i]);
    }
    if (!can) {
        answer.flags |= FLAG_REFUSED;
        return;
    }
    for (int i = 0; i < steps; i++) {
        if (label_out) take_out(rows[i], units[i]);
        else add(rows[i], units[i], answer);
    }
    answer.winner = label;
    answer.flags |= FLAG_TAUGHT | (answer.overflows > 0 ? FLAG_OVERFLOW : 0);
}

// ---- results. Golden: report.words.

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

// ---- words

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
