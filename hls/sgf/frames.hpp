// Events to frames, and frames through both ST cores. Golden: frames.py, cores.py.
#ifndef SPYNQ_SGF_FRAMES_HPP
#define SPYNQ_SGF_FRAMES_HPP
#include "state.hpp"

namespace spynq {
namespace sgf {

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

}  // namespace sgf
}  // namespace spynq

#endif
