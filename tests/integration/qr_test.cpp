// QR codes of stargraph-audit: the modules against another encoder, the three drawings against the modules.
#include <gtest/gtest.h>

#include <array>
#include <charconv>
#include <sstream>
#include <string>
#include <vector>

#include "bin/stargraph-audit/qr.hpp"
#include "stargraph/crypto/digest.hpp"
#include "stargraph/crypto/fips.hpp"

namespace stargraph {
namespace {

using auditor::QrSymbol;

// Printable, and no byte mode text that a smaller mode would hold too.
std::string text_of(int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(33 + i * 7 % 90);
  return text;
}

using Rows = std::vector<std::string>;  // '1' dark, '0' light, border and all

Rows rows_of(const QrSymbol& symbol) {
  Rows rows(static_cast<std::size_t>(symbol.width()));
  for (int y = 0; y < symbol.width(); ++y) {
    for (int x = 0; x < symbol.width(); ++x) rows[static_cast<std::size_t>(y)] += symbol.dark(x, y) ? '1' : '0';
  }
  return rows;
}

struct Known {
  int bytes;
  int width;           // modules without the border: 17 and 4 for each version
  const char* sha384;  // of the rows without the border, each ended by a new line
};

// From python-qrcode 8, at the same version, correction and mask (H 1, M 2, M 2, M 4, M 6, L 4, L 3).
constexpr std::array<Known, 7> kKnown = {{
    {1, 21, "d12812917eebb6853abdaaed5347657840303e89349d796a49eb82372e22a900684a4bb27d5f5b41202c91cb52a664cf"},
    {119, 45, "6d24dc4c639675f14d5ab2277ec4e36e24b0cfabb952891b6fddbf65d2cdc831a707854d6fccc55a8810c909ae91f392"},
    {600, 93, "2808b6cf7780bd587fd5f0497b985e1d2a41d131b7cb7f348eba4c30d5dba3da4ae15654f520fcf7a65fa2b49872c142"},
    {1700, 153, "ec88d211730d7f9a0d92b52026d229385285175372a5d3218e587e1350c9167699d82cad0e5dd766f72fe0145f7fb55a"},
    {2331, 177, "19ec63671551d2afe5c0ce986ac2f8e4bacdb97c90791b4522df76fa874ee4ca1d10b47a38bc3f28ccd88de7431217b7"},
    {2332, 161, "917ded4ed2783e43baa38bbc3297e3728caef2ddb73aa3723ed5c1568542c5f1c402d36d4d788d5811ecc77b63bad71d"},
    {2953, 177, "d414bf2d16d7a2b22d94b98bd60cd039b4284fa9da4f2807253598debbdd6ff703ca37c335957db6bb20a49142db855d"},
}};

TEST(Qr, HasTheModulesOfAnotherEncoder) {
  ASSERT_TRUE(crypto::initialise(crypto::FipsMode::kOff));
  for (const Known& known : kKnown) {
    const auto symbol = QrSymbol::encode(text_of(known.bytes));
    ASSERT_TRUE(symbol.has_value()) << known.bytes;
    ASSERT_EQ(symbol->width(), known.width + 8);
    std::string inner;
    const Rows rows = rows_of(*symbol);
    for (std::size_t y = 4; y + 4 < rows.size(); ++y) inner += rows[y].substr(4, rows.size() - 8) + "\n";
    EXPECT_EQ(crypto::sha384(base::as_bytes(inner)).hex(), known.sha384) << known.bytes;
  }
}

TEST(Qr, RefusesWhatNoCodeHolds) {
  const auto longer = QrSymbol::encode(text_of(2954));
  ASSERT_FALSE(longer.has_value());
  EXPECT_EQ(longer.error().code, base::Code::kUsage);
  EXPECT_FALSE(QrSymbol::encode(text_of(100'000)).has_value());
  EXPECT_FALSE(QrSymbol::encode("").has_value());
}

TEST(Qr, FourLightModulesStandAroundTheCode) {
  const Rows rows = rows_of(*QrSymbol::encode(text_of(119)));
  const std::string light(rows.size(), '0');
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(rows[i], light);
    EXPECT_EQ(rows[rows.size() - 1 - i], light);
  }
  for (const std::string& row : rows) {
    EXPECT_EQ(row.substr(0, 4), "0000");
    EXPECT_EQ(row.substr(row.size() - 4), "0000");
  }
}

Rows read_text(const std::string& text) {
  Rows rows;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::string upper;
    std::string lower;
    for (std::size_t i = 0; i < line.size();) {
      const bool blank = line[i] == ' ';
      const std::string_view glyph = std::string_view(line).substr(i, blank ? 1 : 3);
      upper += glyph == "\u2580" || glyph == "\u2588" ? '1' : '0';
      lower += glyph == "\u2584" || glyph == "\u2588" ? '1' : '0';
      i += glyph.size();
    }
    rows.push_back(upper);
    rows.push_back(lower);
  }
  return rows;
}

Rows read_pbm(const std::string& image) {
  std::istringstream in(image);
  std::string magic;
  std::size_t width = 0;
  std::size_t height = 0;
  in >> magic >> width >> height;
  in.get();
  Rows rows;
  for (std::size_t y = 0; y < height; ++y) {
    std::string bytes((width + 7) / 8, '\0');
    in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    std::string row;
    for (std::size_t x = 0; x < width; x += 4) {
      row += (static_cast<unsigned char>(bytes[x / 8]) >> (7 - x % 8) & 1) != 0 ? '1' : '0';
    }
    if (y % 4 == 0) rows.push_back(row);
  }
  return rows;
}

Rows read_svg(const std::string& svg, std::size_t width) {
  Rows rows(width, std::string(width, '0'));
  std::istringstream runs(svg.substr(svg.find(" d=\"") + 4));
  // M<x> <y>h<length>v1H<x>z
  for (char command = 0; runs.get(command) && command == 'M';) {
    std::size_t x = 0;
    std::size_t y = 0;
    std::size_t length = 0;
    std::size_t back = 0;
    runs >> x >> y >> command >> length;
    runs.ignore(3);
    runs >> back >> command;
    EXPECT_EQ(back, x);
    for (std::size_t i = x; i < x + length; ++i) rows.at(y).at(i) = '1';
  }
  return rows;
}

TEST(Qr, TextBitmapAndDrawingShowTheSameModules) {
  for (const int bytes : {1, 119, 1700}) {
    const QrSymbol symbol = *QrSymbol::encode(text_of(bytes));
    Rows rows = rows_of(symbol);
    EXPECT_EQ(read_svg(auditor::qr_svg(symbol, {}), rows.size()), rows);
    EXPECT_EQ(read_pbm(auditor::qr_pbm(symbol)), rows);
    rows.emplace_back(rows.size(), '0');  // an odd number of rows: below the last one is nothing
    EXPECT_EQ(read_text(auditor::qr_text(symbol, false)), rows);
  }
}

// Letters in the light border keep a reader from finding the code.
TEST(Qr, ACaptionStandsBelowTheLightBorderAndWithinTheDrawing) {
  const QrSymbol symbol = *QrSymbol::encode(text_of(119));
  const std::string svg = auditor::qr_svg(symbol, {"first", "second"});
  EXPECT_EQ(read_svg(svg, static_cast<std::size_t>(symbol.width())), rows_of(symbol));
  const auto number_after = [&svg](const std::string& mark, std::size_t from) {
    const std::size_t at = svg.find(mark, from);
    return at == std::string::npos ? 0 : std::stoi(svg.substr(at + mark.size()));
  };
  const int height = number_after("0 0 " + std::to_string(symbol.width()) + " ", 0);
  const int size = number_after("font-size=\"", 0);
  const int first = number_after(" y=\"", svg.find("<text"));
  const int second = number_after(" y=\"", svg.rfind("<text"));
  ASSERT_GT(size, 0);
  EXPECT_GE(first - size, symbol.width());  // y is a line's foot
  EXPECT_GE(second - size, first);
  EXPECT_LE(second + size / 2, height);
}

}  // namespace
}  // namespace stargraph
