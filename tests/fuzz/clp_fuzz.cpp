// CLIPS source text: whatever is accepted must read back the same, and a condition must stay one.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "stargraph/clp/form.hpp"
#include "stargraph/clp/source.hpp"
#include "stargraph/clp/when.hpp"

namespace clp = stargraph::clp;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto forms = clp::read_forms(text)) {
    const std::string written = clp::write_forms(*forms);
    const auto again = clp::read_forms(written);
    // Writing may only grow the text over the size limit, never change what it says.
    if (again ? clp::write_forms(*again) != written : written.size() <= clp::kMaxSourceBytes) std::abort();
  }
  static_cast<void>(clp::check_source(text));
  if (const auto when = clp::check_when(text); when && when->text.size() < clp::kMaxSourceBytes / 2) {
    const auto constructs = clp::split_constructs("(defrule r " + when->text + " => )");
    if (!constructs || constructs->size() != 1) std::abort();
  }
  return 0;
}
