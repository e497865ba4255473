// Philox4x32-10 against the published vector and words computed by an independent implementation in big
// integers.
#include "core/random.h"

#include "check.h"

using namespace hebb;

TEST(philox_known_answers) {
  struct Known {
    uint64_t seed, counter;
    uint32_t words[4];
  };
  const Known known[] = {
      // The first is Random123's own; its upper two counter words are zero here too.
      {0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {1, 0, {0xe3e80670, 0xe50a0ebc, 0x95f222c0, 0xb615aa27}},
      {0, 1, {0xf8e4cca4, 0x5cb200db, 0xb1a574eb, 0x097eff67}},
      {42, uint64_t{1} << 32, {0x42e0b8b3, 0x7dbf5de8, 0x2fe739d4, 0x6aaf03eb}},
      {0x123456789abcdef0, 0xfedcba9876543210, {0xef8e01b2, 0x332e9f89, 0x255a0105, 0xdf74ab7c}},
      {~uint64_t{0}, ~uint64_t{0}, {0x4d18d7d2, 0x430ac65a, 0xbd2fa22a, 0x0afae10d}},
  };
  for (const Known& k : known) {
    const PhiloxWords words = philox(k.seed, k.counter);
    for (int i = 0; i < 4; ++i) CHECK_EQ(words.w[i], k.words[i]);
  }
}

TEST(uniforms_lie_in_the_half_open_unit_interval) {
  CHECK_EQ(uniform_float(0), 0.0f);
  CHECK_EQ(uniform_float(0xff), 0.0f);
  CHECK_EQ(uniform_float(0x100), 0x1p-24f);
  CHECK_EQ(uniform_float(0x80000000u), 0.5f);
  CHECK_EQ(uniform_float(0xffffffffu), 1.0f - 0x1p-24f);
}

// 2^16 words: each of 256 buckets of the top byte holds 256 on average; chi-square with 255 degrees of
// freedom stays under 350 but for one seed in 30,000.
TEST(philox_words_are_even) {
  int buckets[256] = {};
  for (uint64_t block = 0; block < 16384; ++block) {
    const PhiloxWords words = philox(7, block);
    for (uint32_t word : words.w) ++buckets[word >> 24];
  }
  double chi = 0;
  for (int count : buckets) chi += (count - 256.0) * (count - 256.0) / 256.0;
  CHECK(chi < 350);
  CHECK(chi > 170);
}
