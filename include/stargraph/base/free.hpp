// Free: deletes with a C library's own function: std::unique_ptr<X509, Free<X509_free>>.
#pragma once

namespace stargraph::base {

template <auto kFree>
struct Free {
  template <class T>
  void operator()(T* handle) const {
    kFree(handle);
  }
};

}  // namespace stargraph::base
