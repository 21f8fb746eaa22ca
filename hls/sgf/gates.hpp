// Who is asked, who wins, who is taught. Golden: rank, infer, teach.
#ifndef SPYNQ_SGF_GATES_HPP
#define SPYNQ_SGF_GATES_HPP
#include "counters.hpp"

namespace spynq {
namespace sgf {

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

}  // namespace sgf
}  // namespace spynq

#endif
