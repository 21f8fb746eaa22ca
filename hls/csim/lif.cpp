// C simulation of the lif twin: registers by byte offset, memory from address 0.
#include "../lif.hpp"

static_assert(sizeof(spynq::beat_t) == spynq::BEAT_BYTES, "beats lie in memory as they are");

extern "C" void run(std::uint32_t *registers, std::uint8_t *memory, void *) {
    using namespace spynq::lif;
    auto word = [&](std::int64_t offset) { return spynq::word_t(registers[offset / 4]); };
    auto pair = [&](std::int64_t offset) {
        return ap_uint<64>(word(offset)) | ap_uint<64>(word(offset + 4)) << 32;
    };
    auto put = [&](std::int64_t offset, ap_uint<64> value, bool wide) {
        registers[offset / 4] = std::uint32_t(value.to_uint64());
        if (wide) registers[offset / 4 + 1] = std::uint32_t(value.to_uint64() >> 32);
    };
    spynq::word_t status, executed = word(EXECUTED_OFFSET), saturated = word(SATURATED_OFFSET);
    ap_uint<64> events = pair(EVENTS_LO_OFFSET), spikes_in = pair(SPIKES_IN_LO_OFFSET),
                spikes_out = pair(SPIKES_OUT_LO_OFFSET);
    lif(reinterpret_cast<spynq::beat_t *>(memory), word(MODE_OFFSET), word(LIMIT_OFFSET), pair(BASE_LO_OFFSET),
        word(LIST_OFFSET), word(RECORDS_OFFSET), &status, &executed, &saturated, &events, &spikes_in, &spikes_out);
    put(STATUS_OFFSET, status, false);
    put(EXECUTED_OFFSET, executed, false);
    put(SATURATED_OFFSET, saturated, false);
    put(EVENTS_LO_OFFSET, events, true);
    put(SPIKES_IN_LO_OFFSET, spikes_in, true);
    put(SPIKES_OUT_LO_OFFSET, spikes_out, true);
}
