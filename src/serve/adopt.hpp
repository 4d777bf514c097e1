// Adoption: CivetWeb gets its listener from us instead of making one (why: adopt.cpp).
#pragma once

#include "serve/lobby.hpp"

namespace stargraph::serve {

// While it lives, this thread's socket() gives CivetWeb the lobby's door and bind() and listen() on it do
// nothing. Around mg_start() only.
class Adoption {
 public:
  explicit Adoption(Lobby& lobby);
  ~Adoption();
  Adoption(const Adoption&) = delete;
  Adoption& operator=(const Adoption&) = delete;
  [[nodiscard]] bool taken() const;  // CivetWeb asked for its socket
};

// The door is no door any more; after mg_stop().
void end_adoption();

}  // namespace stargraph::serve
