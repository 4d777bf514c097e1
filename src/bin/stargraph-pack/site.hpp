// Site: the trust store of this box, opened from its configuration.
//
// Everything that needs root (configuration, keys, trust.sock) is opened first; then the program becomes
// the owner of the state directory, and only then is the database opened and a pack looked at. The
// separate oneshot unit for the database half (docs/architecture.md) is not built yet: here the process
// that parses the pack still holds the database key.
#pragma once

#include <memory>

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
  [[nodiscard]] store::Database& database() { return *database_; }
  [[nodiscard]] const crypto::PublicKey& audit_key() const { return audit_key_; }

 private:
  explicit Site(crypto::PublicKey audit_key) : audit_key_(std::move(audit_key)) {}
  static base::Result<std::unique_ptr<Site>> open(const Context& context, bool acts);

  crypto::PublicKey audit_key_;
  std::unique_ptr<trust::Notary> notary_;
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<trust::Importer> importer_;
};

}  // namespace stargraph::packcli
