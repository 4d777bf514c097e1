// Secret: bytes in guarded memory (sodium_malloc: guard pages, mlock where allowed, no core dump),
// zeroed when they go. Movable, not copyable, not printable.
#pragma once

#include <span>
#include <string_view>

#include "stargraph/base/bytes.hpp"
#include "stargraph/base/env.hpp"

namespace stargraph::crypto {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::size_t size);  // zeroed
  // Copies into guarded memory; wiping the source is the caller's work.
  [[nodiscard]] static Secret copy(base::BytesView bytes);
  [[nodiscard]] static Secret random(std::size_t size);  // OpenSSL RAND_priv_bytes
  ~Secret();
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] base::BytesView view() const;
  [[nodiscard]] std::span<std::byte> writable();
  [[nodiscard]] Secret clone() const { return copy(view()); }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// Wipes memory in a way the compiler keeps.
void wipe(std::span<std::byte> bytes);

// Public random numbers (salts, nonces) from OpenSSL.
void random_bytes(std::span<std::byte> out);

// A secret file: private (0600 and ours, base::check_private_file), or a credential that systemd gives this unit
// (in $CREDENTIALS_DIRECTORY, root's, at most 0440); at most `max_bytes`; the read buffer is wiped.
[[nodiscard]] base::Result<Secret> read_secret_file(base::Env& env, const base::Path& path, std::size_t max_bytes);

}  // namespace stargraph::crypto
