// Inside of a Connection: its session, its statement cache and the pool it goes back to.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "stargraph/store/database.hpp"
#include "store/session.hpp"

namespace stargraph::store {

struct Connection::State : Session {
  // Readers at rest. Owned by the Database; a reader that outlives it closes instead of coming back.
  struct Pool {
    std::mutex mutex;
    std::vector<std::unique_ptr<State>> idle;
  };
  struct Cached {
    sqlite::Compiled compiled;
    bool in_use = false;
  };
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
  };

  // Back to the pool it came from when it is clean, else closed.
  static void retire(std::unique_ptr<State> state) noexcept;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State();

  std::unordered_map<std::string, Cached, TextHash, std::equal_to<>> cache;  // goes before the handle
  std::size_t statements_out = 0;                                            // Statement objects alive
  std::weak_ptr<Pool> home;                                                  // readers only
};

}  // namespace stargraph::store
