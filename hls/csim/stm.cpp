// C simulation of the stm twin: registers by byte offset, memory from address 0.
#include "../stm.hpp"

static_assert(sizeof(spynq::beat_t) == spynq::BEAT_BYTES, "beats lie in memory as they are");

extern "C" void run(std::uint32_t *registers, std::uint8_t *memory, void *) {
    using namespace spynq::stm;
    auto word = [&](std::int64_t offset) { return spynq::word_t(registers[offset / 4]); };
    auto address = [&](std::int64_t offset) {
        return spynq::address_t(word(offset)) | spynq::address_t(word(offset + 4)) << 32;
    };
    auto put = [&](std::int64_t offset, ap_uint<64> value, bool wide) {
        registers[offset / 4] = std::uint32_t(value.to_uint64());
        if (wide) registers[offset / 4 + 1] = std::uint32_t(value.to_uint64() >> 32);
    };
    spynq::word_t cue[8], gain[8], status, l_min = word(L_MIN_OFFSET), lost = word(LOST_OFFSET);
    for (int t = 0; t < 8; t++) {
        cue[t] = word(CUE0_OFFSET + t * (CUE1_OFFSET - CUE0_OFFSET));
        gain[t] = word(GAIN0_OFFSET + t * (GAIN1_OFFSET - GAIN0_OFFSET));
    }
    ap_uint<64> w = address(W_LO_OFFSET), s1 = address(S1_LO_OFFSET), s2 = address(S2_LO_OFFSET);
    stm(reinterpret_cast<spynq::beat_t *>(memory), word(MODE_OFFSET), word(SAMPLES_OFFSET), word(EVIDENCES_OFFSET),
        word(TERMS_OFFSET), word(BINS_OFFSET), address(IMAGE_LO_OFFSET), address(BATCH_LO_OFFSET),
        address(RESULT_LO_OFFSET), address(WEIGHT_LO_OFFSET), cue, gain, &status, &w, &s1, &s2, &l_min, &lost);
    put(STATUS_OFFSET, status, false);
    put(W_LO_OFFSET, w, true);
    put(S1_LO_OFFSET, s1, true);
    put(S2_LO_OFFSET, s2, true);
    put(L_MIN_OFFSET, l_min, false);
    put(LOST_OFFSET, lost, false);
}
