// A checkpoint as a QR code (ISO/IEC 18004), for paper that a camera reads back. The code holds the text byte for byte,
// so what a reader gives is the note itself; nothing here reads codes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "stargraph/base/result.hpp"

namespace stargraph::auditor {

// Square modules, with the four light ones that a reader needs around it.
class QrSymbol {
 public:
  static constexpr std::size_t kMaxBytes = 2'953;  // version 40, error correction L
  // The smallest version with error correction M, or L where only that holds the text (beyond 2,331 bytes).
  // kUsage for a text of more than kMaxBytes, or of none.
  [[nodiscard]] static base::Result<QrSymbol> encode(std::string_view text);

  [[nodiscard]] int width() const { return width_; }  // modules, the light border counted
  [[nodiscard]] bool dark(int x, int y) const;

 private:
  QrSymbol(int width, std::vector<bool> dark) : width_(width), dark_(std::move(dark)) {}
  int width_;
  std::vector<bool> dark_;
};

// Two rows of modules a line of text, ink where a module is dark. `coloured`: with the escapes for black on white,
// since a reader takes no inverted code and nobody knows a terminal's colours.
[[nodiscard]] std::string qr_text(const QrSymbol& symbol, bool coloured);
// Portable bitmap (P4), four pixels a module.
[[nodiscard]] std::string qr_pbm(const QrSymbol& symbol);
// A module is 0.6 mm on paper. `caption` stands below, one line each; printable ASCII without < and &.
[[nodiscard]] std::string qr_svg(const QrSymbol& symbol, const std::vector<std::string>& caption);

}  // namespace stargraph::auditor
