#include "stargraph/base/printable.hpp"

#include <gtest/gtest.h>

namespace stargraph::base {
namespace {

TEST(Printable, KeepsWhatPeopleRead) {
  for (const char* text :
       {"", "plain {\"a\": 1}", "gr\xc3\xbc\xc3\x9f", "\xe2\x82\xac", "\xf0\x9f\x9b\xb0", "\xc2\xa0"}) {
    EXPECT_EQ(printable(text), text);
  }
}

TEST(Printable, SG_S_HTTP_NothingSteersTheTerminal) {
  EXPECT_EQ(printable("\x1b[2J\r\n\t\x7f"), "\\x1b[2J\\x0d\\x0a\\x09\\x7f");
  EXPECT_EQ(printable(std::string_view("\0a", 2)), "\\x00a");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\xc2\\x9b31m")
      << "CSI as one character";
  EXPECT_EQ(printable("\x9b"
                      "31m"),
            "\\x9b31m")
      << "and as one byte";
}

TEST(Printable, SG_S_HTTP_NoTextLooksLikeAnother) {
  EXPECT_EQ(printable("a\xe2\x80\xae"
                      "b"),
            "a\\xe2\\x80\\xae"
            "b");
  EXPECT_EQ(printable("\xe2\x81\xa6"), "\\xe2\\x81\\xa6");
  EXPECT_EQ(printable("ad\xe2\x80\x8bmin"), "ad\\xe2\\x80\\x8bmin");
  EXPECT_EQ(printable("\xef\xbb\xbf"), "\\xef\\xbb\\xbf");
  EXPECT_EQ(printable("\xf3\xa0\x81\x81"), "\\xf3\\xa0\\x81\\x81");
  EXPECT_EQ(printable("\xc2\xad"), "\\xc2\\xad");
}

TEST(Printable, ShowsEveryByteThatIsNoText) {
  EXPECT_EQ(printable("\xff\xc3(\xed\xa0\x80\xe2\x82"), "\\xff\\xc3(\\xed\\xa0\\x80\\xe2\\x82");
}

}  // namespace
}  // namespace stargraph::base
