// The C functions that Python calls; `Board` is the generated type of the kernel with its ports.
#pragma once
#include "kernel.hpp"

#define SPYNQ_EXPORT extern "C" __attribute__((visibility("default")))

// The upper half is set when a fault was found, so that one return value carries both.
static inline uint64_t answer(Board& board, uint32_t value) {
    return value | uint64_t(board.report().fault != 0) << 32;
}

SPYNQ_EXPORT void* spynq_open(const spynq::Settings* settings) { return new Board(*settings); }
SPYNQ_EXPORT void spynq_close(void* board) { delete static_cast<Board*>(board); }
SPYNQ_EXPORT spynq::Report* spynq_report(void* board) { return &static_cast<Board*>(board)->report(); }
SPYNQ_EXPORT void spynq_reset(void* board) { static_cast<Board*>(board)->reset(); }

SPYNQ_EXPORT uint64_t spynq_read(void* board, uint32_t offset) {
    Board& b = *static_cast<Board*>(board);
    return answer(b, b.read(offset));
}

SPYNQ_EXPORT uint64_t spynq_write(void* board, uint32_t offset, uint32_t value) {
    Board& b = *static_cast<Board*>(board);
    b.write(offset, value);
    return answer(b, 0);
}

SPYNQ_EXPORT uint64_t spynq_dma_read(void* board, uint32_t index, uint32_t offset) {
    Board& b = *static_cast<Board*>(board);
    return answer(b, b.dma_read(index, offset));
}

SPYNQ_EXPORT uint64_t spynq_dma_write(void* board, uint32_t index, uint32_t offset, uint32_t value) {
    Board& b = *static_cast<Board*>(board);
    b.dma_write(index, offset, value);
    return answer(b, 0);
}

SPYNQ_EXPORT uint64_t spynq_run(void* board, uint64_t cycles, uint32_t cause) {
    return static_cast<Board*>(board)->run(cycles, cause);
}

SPYNQ_EXPORT void spynq_skip(void* board, uint64_t now) { static_cast<Board*>(board)->skip(now); }
SPYNQ_EXPORT uint32_t spynq_lines(void* board) { return static_cast<Board*>(board)->lines(); }

SPYNQ_EXPORT void spynq_channel(void* board, uint32_t index, uint32_t receive, uint64_t* out) {
    static_cast<Board*>(board)->channel_state(index, receive, out);
}
