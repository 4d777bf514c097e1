// Site: the trust store of this box, opened from its configuration.
//
// First the checker is forked, which looks at packs and never has a key. Then everything that needs root
// (keys, trust.sock) is opened; then the program becomes the owner of the state directory, and only then is
// the database opened. A pack's JSON, rules, graphs and policy are read in the checker before they are read
// here; what is still parsed here, beside the database key, is what the checker let through (docs/formats/trust.md).
#pragma once

#include <memory>

#include "checker.hpp"
#include "commands.hpp"
#include "stargraph/store/database.hpp"
#include "stargraph/trust/importer.hpp"

namespace stargraph::packcli {

class Site {
 public:
  // For reading: database and audit key. kConfigMissing, kDatabaseKeyWrong, ...
  [[nodiscard]] static base::Result<std::unique_ptr<Site>> open(const Context& context);
  // For acts: trust.sock too (its absence is told by the first act that needs it).
  [[nodiscard]] static base::Result<std::unique_ptr<Site>> open_for_acts(const Context& context);

  [[nodiscard]] base::Result<trust::TrustState> state();
  [[nodiscard]] trust::Importer& importer() { return *importer_; }
  [[nodiscard]] Checker& checker() { return *checker_; }
  // Has the checker look at the whole pack.
  [[nodiscard]] trust::Importer::ContentCheck content_check();
  [[nodiscard]] store::Database& database() { return *database_; }
  [[nodiscard]] const crypto::PublicKey& audit_key() const { return audit_key_; }

 private:
  explicit Site(crypto::PublicKey audit_key) : audit_key_(std::move(audit_key)) {}
  static base::Result<std::unique_ptr<Site>> open(const Context& context, bool acts);

  crypto::PublicKey audit_key_;
  std::unique_ptr<Checker> checker_;
  std::unique_ptr<trust::Notary> notary_;
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<trust::Importer> importer_;
};

}  // namespace stargraph::packcli
