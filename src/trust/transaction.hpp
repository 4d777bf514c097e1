// One write transaction: an act's bytes, its receipt and its row, or nothing.
#pragma once

#include <utility>

#include "stargraph/store/database.hpp"

namespace stargraph::trust {

// Rolls back unless committed.
class Transaction {
 public:
  static base::Result<Transaction> begin(store::Connection& connection) {
    SG_TRY(connection.execute("BEGIN IMMEDIATE"));
    return Transaction(connection);
  }
  Transaction(Transaction&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction() {
    if (connection_ != nullptr) static_cast<void>(connection_->execute("ROLLBACK"));
  }
  base::Result<> commit() {
    SG_TRY(connection_->execute("COMMIT"));
    connection_ = nullptr;
    return {};
  }

 private:
  explicit Transaction(store::Connection& connection) : connection_(&connection) {}
  store::Connection* connection_;
};

}  // namespace stargraph::trust
