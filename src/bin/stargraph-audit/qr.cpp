#include "bin/stargraph-audit/qr.hpp"

#include <qrcodegen/qrcodegen.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace stargraph::auditor {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr int kBorder = 4;
constexpr int kPixels = 4;  // a module; readers want three or more
constexpr double kMillimetres = 0.6;
constexpr int kLineHeight = 3;  // modules, of a caption line

using Buffer = std::array<std::uint8_t, qrcodegen_BUFFER_LEN_MAX>;

bool encode_at(std::string_view text, qrcodegen_Ecc correction, Buffer& code) {
  Buffer scratch;
  if (text.size() > scratch.size()) return false;
  std::ranges::copy(text, scratch.begin());
  return qrcodegen_encodeBinary(scratch.data(), text.size(), code.data(), correction, qrcodegen_VERSION_MIN,
                                qrcodegen_VERSION_MAX, qrcodegen_Mask_AUTO, true);
}

}  // namespace

Result<QrSymbol> QrSymbol::encode(std::string_view text) {
  if (text.empty()) return fail(Code::kUsage, "qr: text: empty");
  Buffer code;
  if (!encode_at(text, qrcodegen_Ecc_MEDIUM, code) && !encode_at(text, qrcodegen_Ecc_LOW, code)) {
    return fail(Code::kUsage, "qr: text: longer than the 2,953 bytes that a QR code holds");
  }
  const int inner = qrcodegen_getSize(code.data());
  const int width = inner + 2 * kBorder;
  std::vector<bool> dark;
  dark.reserve(static_cast<std::size_t>(width) * static_cast<std::size_t>(width));
  for (int y = 0; y < width; ++y) {
    // Outside of the code qrcodegen says light.
    for (int x = 0; x < width; ++x) dark.push_back(qrcodegen_getModule(code.data(), x - kBorder, y - kBorder));
  }
  return QrSymbol(width, std::move(dark));
}

bool QrSymbol::dark(int x, int y) const {
  if (x < 0 || y < 0 || x >= width_ || y >= width_) return false;
  return dark_[static_cast<std::size_t>(y) * static_cast<std::size_t>(width_) + static_cast<std::size_t>(x)];
}

std::string qr_text(const QrSymbol& symbol, bool coloured) {
  std::string text;
  for (int y = 0; y < symbol.width(); y += 2) {
    if (coloured) text += "\033[38;5;16;48;5;231m";
    for (int x = 0; x < symbol.width(); ++x) {
      const bool upper = symbol.dark(x, y);
      const bool lower = symbol.dark(x, y + 1);
      const char* const ink = upper ? "\u2580" : "\u2584";  // upper half, lower half
      text += upper && lower ? "\u2588" : upper || lower ? ink : " ";
    }
    text += coloured ? "\033[0m\n" : "\n";
  }
  return text;
}

std::string qr_pbm(const QrSymbol& symbol) {
  const int pixels = symbol.width() * kPixels;
  std::string image = "P4\n" + std::to_string(pixels) + " " + std::to_string(pixels) + "\n";
  // A row is padded to whole bytes; its first pixel is the highest bit, and 1 is black.
  const int bytes = (pixels + 7) / 8;
  for (int y = 0; y < pixels; ++y) {
    for (int byte = 0; byte < bytes; ++byte) {
      unsigned bits = 0;
      for (int x = byte * 8; x < byte * 8 + 8; ++x) {
        bits = bits << 1U | static_cast<unsigned>(symbol.dark(x / kPixels, y / kPixels));
      }
      image += static_cast<char>(bits);
    }
  }
  return image;
}

std::string qr_svg(const QrSymbol& symbol, const std::vector<std::string>& caption) {
  const int width = symbol.width();
  // The light border stays light: y is a line's foot, and its letters stand above that.
  const int height = width + (caption.empty() ? 0 : kLineHeight * static_cast<int>(caption.size()) + kLineHeight / 2);
  const auto millimetres = [](int modules) { return std::to_string(modules * kMillimetres) + "mm"; };
  std::string svg =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + millimetres(width) + "\" height=\"" + millimetres(height) +
      "\" viewBox=\"0 0 " + std::to_string(width) + " " + std::to_string(height) +
      "\" shape-rendering=\"crispEdges\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n<path d=\"";
  for (int y = 0; y < width; ++y) {
    for (int x = 0; x < width; ++x) {
      if (!symbol.dark(x, y) || symbol.dark(x - 1, y)) continue;
      int end = x;
      while (symbol.dark(end, y)) ++end;
      svg += "M" + std::to_string(x) + " " + std::to_string(y) + "h" + std::to_string(end - x) + "v1H" +
             std::to_string(x) + "z";
    }
  }
  svg += "\"/>\n";
  int below = width + kLineHeight;
  for (const std::string& line : caption) {
    svg += "<text x=\"" + std::to_string(kBorder) + "\" y=\"" + std::to_string(below) +
           "\" font-family=\"monospace\" font-size=\"2\">" + line + "</text>\n";
    below += kLineHeight;
  }
  return svg + "</svg>\n";
}

}  // namespace stargraph::auditor
