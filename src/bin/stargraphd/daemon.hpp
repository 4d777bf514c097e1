// Daemon: everything behind the filter, in the order of its lifetimes.
#pragma once

#include <memory>

#include "bin/stargraphd/preflight.hpp"
#include "bin/stargraphd/system.hpp"
#include "stargraph/audit/client.hpp"
#include "stargraph/rules/jail.hpp"
#include "stargraph/store/database.hpp"

namespace stargraph::daemon {

// What was made before the filter closed; see main.cpp for the order and its reasons.
struct Parts {
  Preflight preflight;
  std::unique_ptr<rules::Jail> jail;
  std::unique_ptr<audit::Client> audit_client;
  std::unique_ptr<store::Database> database;
  int listener = -1;
  int signals = -1;
  bool accept_clock = false;
};

// All migrations of the daemon's database, in order.
[[nodiscard]] std::vector<store::Migration> all_migrations();

// Starts everything, serves until a signal or until the jail or the audit link is lost (an error then), and stops in
// order.
[[nodiscard]] base::Result<> serve(Parts parts, const Notifier& notifier);

}  // namespace stargraph::daemon
