#include "stargraph/base/bytes.hpp"

#include <gtest/gtest.h>

namespace stargraph::base {
namespace {

TEST(Hex, RoundTripsAndRefusesOtherCharacters) {
  EXPECT_EQ(to_hex(as_bytes("\x01\xab\xff")), "01abff");
  EXPECT_EQ(to_text(from_hex("666F6f").value()), "foo");
  for (const char* bad : {"0", "0g", " 0", "0x"}) EXPECT_EQ(from_hex(bad).error().code, Code::kMalformed) << bad;
}

// RFC 4648 section 10.
TEST(Base64, KnownAnswers) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : vectors) {
    EXPECT_EQ(to_base64(as_bytes(plain)), encoded);
    EXPECT_EQ(to_text(from_base64(encoded).value()), plain);
  }
  EXPECT_EQ(to_base64url(as_bytes("\xfb\xff")), "-_8");
  EXPECT_EQ(from_base64url("-_8").value(), to_bytes("\xfb\xff"));
}

TEST(Base64, RefusesEverySecondSpellingOfTheSameBytes) {
  for (const char* bad : {"Zg", "Zg=", "Zh==", "Zm9=", "Zm 8=", "Zm8=\n", "====", "Z===", "Zg==Zg=="}) {
    EXPECT_FALSE(from_base64(bad).has_value()) << bad;
  }
  for (const char* bad : {"Zg==", "Zh", "Z", "+_8"}) EXPECT_FALSE(from_base64url(bad).has_value()) << bad;
}

TEST(Utf8, FollowsTheTableOfRfc3629) {
  for (const char* good : {"", "plain", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                           "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(is_utf8(good)) << to_hex(as_bytes(good));
  }
  for (const char* bad : {"\x80", "\xc0\xaf", "\xc1\xbf", "\xc2", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe2\x82",
                          "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
    EXPECT_FALSE(is_utf8(bad)) << to_hex(as_bytes(bad));
  }
}

// ASCII is skipped in words of eight; what is in one, at its edge or behind it is looked at all the same.
TEST(Utf8, FindsAWrongByteAtEveryPlaceOfALongText) {
  const std::string plain(40, 'a');
  for (std::size_t at = 0; at < plain.size(); ++at) {
    std::string wrong = plain;
    wrong[at] = '\x80';
    EXPECT_FALSE(is_utf8(wrong)) << at;
    std::string good = plain;
    good.insert(at, "\xe2\x82\xac");
    EXPECT_TRUE(is_utf8(good)) << at;
    EXPECT_FALSE(is_utf8(good.substr(0, at + 2))) << at;
  }
}

TEST(BigEndian, RoundTrips) {
  Bytes out;
  append_u32_be(out, 0x01020304);
  append_u64_be(out, 0x0102030405060708);
  EXPECT_EQ(to_hex(out), "010203040102030405060708");
  EXPECT_EQ(read_u32_be(out), 0x01020304U);
  EXPECT_EQ(read_u64_be(BytesView(out).subspan(4)), 0x0102030405060708U);
}

}  // namespace
}  // namespace stargraph::base
