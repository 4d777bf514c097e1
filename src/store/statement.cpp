#include <utility>

#include "stargraph/base/check.hpp"
#include "store/statement_state.hpp"

namespace stargraph::store {
namespace {

// SQLITE_TRANSIENT without its C cast: SQLite copies the value before bind returns.
// NOLINTNEXTLINE(performance-no-int-to-ptr): SQLite defines it as this number
sqlite3_destructor_type copy_now() { return reinterpret_cast<sqlite3_destructor_type>(std::intptr_t{-1}); }

}  // namespace

Statement::State::~State() {
  if (cached != nullptr) {
    sqlite3_reset(compiled);
    sqlite3_clear_bindings(compiled);
    cached->in_use = false;
  }
  --owner.statements_out;
}

void Statement::State::note(int result) {
  if (result != SQLITE_OK && !problem) problem = sqlite::error_while("bind", owner.handle.get(), result);
}

sqlite3_stmt* Statement::State::row(int column) const {
  SG_CHECK(on_row && column >= 0 && column < sqlite3_data_count(compiled));
  return compiled;
}

Statement::Statement(std::unique_ptr<State> state) : state_(std::move(state)) {}
Statement::Statement(Statement&& other) noexcept = default;
Statement& Statement::operator=(Statement&& other) noexcept = default;
Statement::~Statement() = default;

Statement& Statement::bind(int parameter, std::string_view text) {
  // A null pointer would bind NULL; an empty view means "".
  const char* data = text.data() == nullptr ? "" : text.data();
  state_->note(sqlite3_bind_text64(state_->compiled, parameter, data, text.size(), copy_now(), SQLITE_UTF8));
  return *this;
}

Statement& Statement::bind(int parameter, std::int64_t number) {
  state_->note(sqlite3_bind_int64(state_->compiled, parameter, number));
  return *this;
}

Statement& Statement::bind(int parameter, base::BytesView blob) {
  state_->note(blob.empty() ? sqlite3_bind_zeroblob(state_->compiled, parameter, 0)
                            : sqlite3_bind_blob64(state_->compiled, parameter, blob.data(), blob.size(), copy_now()));
  return *this;
}

Statement& Statement::bind(int parameter, std::nullptr_t) {
  state_->note(sqlite3_bind_null(state_->compiled, parameter));
  return *this;
}

base::Result<bool> Statement::step() {
  State& state = *state_;
  if (state.problem) return std::unexpected(*state.problem);
  if (state.at_end) return false;  // SQLite would start over, and an INSERT would happen twice
  const int result = sqlite3_step(state.compiled);
  state.on_row = result == SQLITE_ROW;
  if (state.on_row) return true;
  if (result == SQLITE_DONE) {
    state.at_end = true;
    return false;
  }
  state.problem = sqlite::error_while("step", state.owner.handle.get(), result);
  return std::unexpected(*state.problem);
}

base::Result<> Statement::run() {
  base::Result<bool> more = step();
  while (more && *more) more = step();
  reset();
  if (!more) return std::unexpected(std::move(more).error());
  return {};
}

void Statement::reset() {
  sqlite3_reset(state_->compiled);
  state_->problem.reset();
  state_->on_row = false;
  state_->at_end = false;
}

bool Statement::is_null(int column) const { return sqlite3_column_type(state_->row(column), column) == SQLITE_NULL; }

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(state_->row(column), column); }

std::string Statement::text(int column) const {
  sqlite3_stmt* row = state_->row(column);
  // The text first: the conversion to UTF-8, if any, decides the size.
  const unsigned char* data = sqlite3_column_text(row, column);
  if (data == nullptr) return {};
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(row, column));
  return {reinterpret_cast<const char*>(data), size};
}

base::Bytes Statement::blob(int column) const {
  sqlite3_stmt* row = state_->row(column);
  const auto* data = static_cast<const std::byte*>(sqlite3_column_blob(row, column));
  if (data == nullptr) return {};
  return {data, data + sqlite3_column_bytes(row, column)};
}

std::optional<std::string> Statement::optional_text(int column) const {
  if (is_null(column)) return std::nullopt;
  return text(column);
}

std::optional<std::int64_t> Statement::optional_integer(int column) const {
  if (is_null(column)) return std::nullopt;
  return integer(column);
}

}  // namespace stargraph::store
