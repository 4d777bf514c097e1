#include "stargraph/crypto/fingerprint.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <sstream>

#include "crypto/pgp_words.hpp"
#include "keys.hpp"

namespace stargraph::crypto {
namespace {

using base::Code;

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

Digest sample() { return sha384("sample"); }

std::vector<std::string> words_of(const Digest& digest) {
  std::istringstream stream(fingerprint_words(digest));
  return {std::istream_iterator<std::string>(stream), {}};
}

std::string joined(const std::vector<std::string>& words, std::string_view separator = " ") {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : std::string(separator)) + word;
  return text;
}

TEST(PgpWords, HoldTwiceTwoHundredFiftySixDifferentWords) {
  std::set<std::string> words;
  for (const WordSide side : {WordSide::kEven, WordSide::kOdd})
    for (const std::string_view word : pgp_words(side)) {
      EXPECT_TRUE(std::ranges::all_of(word, [](unsigned char c) { return std::isalpha(c) != 0; })) << word;
      words.insert(lower(word));
    }
  EXPECT_EQ(words.size(), 512U);
}

// The published lists are alphabetical, but for one pair; a word out of place would stand out.
TEST(PgpWords, StandInThePublishedOrder) {
  for (const WordSide side : {WordSide::kEven, WordSide::kOdd}) {
    const auto words = pgp_words(side);
    for (std::size_t i = 1; i < words.size(); ++i) {
      const bool the_exception = side == WordSide::kOdd && words[i] == "Apollo";
      EXPECT_EQ(lower(words[i - 1]) < lower(words[i]), !the_exception) << words[i];
    }
  }
}

TEST(PgpWords, AnchorsOfThePublishedTable) {
  const auto even = pgp_words(WordSide::kEven);
  const auto odd = pgp_words(WordSide::kOdd);
  EXPECT_EQ(even[0x00], "aardvark");
  EXPECT_EQ(odd[0x00], "adroitness");
  EXPECT_EQ(even[0x40], "crackdown");
  EXPECT_EQ(odd[0x40], "Dakota");
  EXPECT_EQ(even[0x80], "merit");
  EXPECT_EQ(odd[0x80], "intention");
  EXPECT_EQ(even[0xc0], "slowdown");
  EXPECT_EQ(odd[0xc0], "recipe");
  EXPECT_EQ(even[0xff], "Zulu");
  EXPECT_EQ(odd[0xff], "Yucatan");
}

// The example that goes with the published list.
TEST(PgpWords, KnownAnswer) {
  const base::Bytes bytes = unhex("E58294F2E9A227486E8B061B31CC528FD7FA3F19");
  const std::string_view expected =
      "topmost Istanbul Pluto vagabond treadmill Pacific brackish dictator goldfish Medusa afflict bravado chatter "
      "revolver Dupont midsummer stopwatch whimsical cowbell bottomless";
  base::Bytes padded = bytes;
  padded.resize(Digest::kSize);
  EXPECT_TRUE(fingerprint_words(Digest::from_bytes(padded).value()).starts_with(std::string(expected) + " aardvark "));
  std::istringstream stream{std::string(expected)};
  std::size_t place = 0;
  for (std::string word; stream >> word; ++place)
    EXPECT_EQ(pgp_word_value(place % 2 == 0 ? WordSide::kEven : WordSide::kOdd, word),
              std::to_integer<std::uint8_t>(bytes[place]));
}

TEST(PgpWords, NoWordCouldBeTakenForHex) {
  for (const WordSide side : {WordSide::kEven, WordSide::kOdd})
    for (const std::string_view word : pgp_words(side))
      EXPECT_FALSE(std::ranges::all_of(word, [](unsigned char c) { return std::isxdigit(c) != 0; })) << word;
}

TEST(FingerprintHex, GroupsOfFour) {
  EXPECT_EQ(fingerprint_hex(sample()).size(), 96U + 23U);
  EXPECT_EQ(fingerprint_hex(Digest()).substr(0, 14), "0000 0000 0000");
  std::string digits = fingerprint_hex(sample());
  std::erase(digits, ' ');
  EXPECT_EQ(digits, sample().hex());
}

TEST(ParseFingerprint, TakesHexAsPeopleTypeIt) {
  const std::string hex = sample().hex();
  std::string colons;
  for (std::size_t i = 0; i < hex.size(); i += 2) colons += (i > 0 ? ":" : "") + hex.substr(i, 2);
  std::string upper = fingerprint_hex(sample());
  std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  for (const std::string& typed :
       {hex, fingerprint_hex(sample()), colons, upper, "  " + hex + "\r\n", hex.substr(0, 48) + "\n\t" + hex.substr(48),
        hex.substr(0, 8) + "-" + hex.substr(8)}) {
    const auto parsed = parse_fingerprint(typed);
    ASSERT_TRUE(parsed) << typed;
    EXPECT_EQ(*parsed, sample());
  }
}

TEST(ParseFingerprint, TakesWordsAsPeopleTypeThem) {
  const std::string words = fingerprint_words(sample());
  for (const std::string& typed :
       {words, lower(words), joined(words_of(sample()), "-"), joined(words_of(sample()), " \n ")}) {
    const auto parsed = parse_fingerprint(typed);
    ASSERT_TRUE(parsed) << typed;
    EXPECT_EQ(*parsed, sample());
  }
}

TEST(ParseFingerprint, RC_S_PACK_APartOfTheValueIsNotEnough) {
  const std::string hex = sample().hex();
  for (const std::string& typed : {std::string(), std::string(" \n"), hex.substr(0, 95), hex.substr(0, 64), hex + "0",
                                   hex + hex, std::string(5000, '0')})
    EXPECT_EQ(code_of(parse_fingerprint(typed)), Code::kMalformed) << typed.size();
}

TEST(ParseFingerprint, RC_S_PACK_OmittedDoubledAndSwappedWordsAreNoticed) {
  const std::vector<std::string> words = words_of(sample());
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::vector<std::string> omitted = words;
    omitted.erase(omitted.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_EQ(code_of(parse_fingerprint(joined(omitted))), Code::kMalformed);
    std::vector<std::string> doubled = words;
    doubled.insert(doubled.begin() + static_cast<std::ptrdiff_t>(i), words[i]);
    EXPECT_EQ(code_of(parse_fingerprint(joined(doubled))), Code::kMalformed);
    if (i + 1 == words.size()) continue;
    std::vector<std::string> swapped = words;
    std::swap(swapped[i], swapped[i + 1]);
    EXPECT_EQ(code_of(parse_fingerprint(joined(swapped))), Code::kMalformed) << i;
  }
}

TEST(ParseFingerprint, AMisspelledWordIsNamedByItsPlace) {
  std::vector<std::string> words = words_of(sample());
  words[6] = "misspelt";
  const auto parsed = parse_fingerprint(joined(words));
  ASSERT_FALSE(parsed);
  EXPECT_NE(parsed.error().message.find("word 7"), std::string::npos) << parsed.error().message;
  EXPECT_EQ(parsed.error().message.find("misspelt"), std::string::npos);
}

TEST(ParseFingerprint, RefusesBytesThatAreNeither) {
  const std::string hex = sample().hex();
  EXPECT_EQ(code_of(parse_fingerprint(std::string(1, '\0') + hex)), Code::kMalformed);
  EXPECT_EQ(code_of(parse_fingerprint(hex.substr(0, 95) + "g")), Code::kMalformed);
  EXPECT_EQ(code_of(parse_fingerprint(hex.substr(0, 48) + " Zulu " + hex.substr(48))), Code::kMalformed);
  EXPECT_EQ(code_of(parse_fingerprint("0x" + hex)), Code::kMalformed);
}

}  // namespace
}  // namespace stargraph::crypto
