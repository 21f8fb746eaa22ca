// C simulation of the sgf twin: registers by byte offset, streams as ports in the order of their names.
#include <cstdio>

#include "../sgf.hpp"

struct port_t {
    std::uint64_t *words;
    std::uint8_t *last;
    std::uint64_t count, room;
};

extern "C" void run(std::uint32_t *registers, std::uint8_t *, void *ports) {
    using namespace spynq::sgf;
    port_t &out = static_cast<port_t *>(ports)[0], &in = static_cast<port_t *>(ports)[1];
    hls::stream<beat_t> s_axis("s_axis"), m_axis("m_axis");
    bool paused = false;
    for (std::uint64_t i = 0; i < in.count; i++) {
        ap_uint<64> data = in.words[i];
        paused |= SGF_FIELD(data, EVENT, COMMAND) != 0 && SGF_FIELD(data, COMMAND, KIND) == KIND_PAUSE;
        s_axis.write({data, in.last[i] != 0});
    }
    if (!paused) {
        // The twin would wait for ever.
        std::puts("no PAUSE is among the words");
        return;
    }
    auto word = [&](std::int64_t offset) { return ap_uint<32>(registers[offset / 4]); };
    ap_uint<32> status, numbers[11];
    for (int i = 0; i < 11; i++) numbers[i] = word(EVENTS_IN_OFFSET + 4 * i);
    sgf(s_axis, m_axis, word(MODE_OFFSET), word(EVENTS_OFFSET), word(FRAMES_OFFSET), word(FRAME_US_OFFSET),
        word(TIMEOUT_US_OFFSET), word(SCALE_X_OFFSET), word(SCALE_Y_OFFSET), word(ACTIVE_OFFSET),
        word(REPORT_OFFSET), &status, numbers);
    registers[STATUS_OFFSET / 4] = status.to_uint();
    for (int i = 0; i < 11; i++) registers[EVENTS_IN_OFFSET / 4 + i] = numbers[i].to_uint();
    for (in.count = 0; !s_axis.empty(); in.count++) {
        beat_t beat = s_axis.read();
        in.words[in.count] = beat.data.to_uint64();
        in.last[in.count] = beat.last;
    }
    for (; !m_axis.empty() && out.count < out.room; out.count++) {
        beat_t beat = m_axis.read();
        out.words[out.count] = beat.data.to_uint64();
        out.last[out.count] = beat.last;
    }
}
