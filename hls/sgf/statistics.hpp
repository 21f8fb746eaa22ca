// What a trial shows. Golden: spatial.py, temporal.py, golden.features.
#ifndef SPYNQ_SGF_STATISTICS_HPP
#define SPYNQ_SGF_STATISTICS_HPP
#include "frames.hpp"

namespace spynq {
namespace sgf {

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

}  // namespace sgf
}  // namespace spynq

#endif
