// The software bill of materials in every pack: CycloneDX 1.6 JSON, sbom.cdx.json, listing every file
// of the pack but itself with its SHA-384. It is a function of the header alone, so that two builds of
// the same sources agree (no random serial number).
#pragma once

#include <string>
#include <vector>

#include "stargraph/base/bytes.hpp"
#include "stargraph/pack/header.hpp"

namespace stargraph::pack {

inline constexpr std::string_view kSbomPath = "sbom.cdx.json";

// `header.files` may or may not hold the SBOM itself.
[[nodiscard]] std::string make_sbom(const Header& header);
// kSbomMismatch unless `sbom` is CycloneDX 1.6 about this pack whose components of type "file" are
// exactly the header's files with their digests. Components of other types (libraries that a worker
// brings) may stand beside them.
[[nodiscard]] base::Result<> check_sbom(base::BytesView sbom, const Header& header);

// What stands in an SBOM that check_sbom() accepted, for people.
struct SbomSummary {
  struct Component {
    std::string type;  // "library"
    std::string name;
    std::string version;  // may be empty
  };
  std::size_t files = 0;
  std::vector<Component> others;
};
[[nodiscard]] SbomSummary summarise_sbom(base::BytesView sbom);

}  // namespace stargraph::pack
