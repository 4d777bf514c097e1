// The daemon's system-call filter: the wall behind which a taken-over daemon finds itself.
//
// An empty network namespace does not stop connect(AF_UNSPEC) on an inherited listener, which turns it into
// a socket that can dial out; RestrictAddressFamilies= sees no new socket there either. So `connect` goes
// altogether, with `socket`, `execve`, io_uring, ptrace, bpf, mount and whatever else is not on the list.
#pragma once

#include "stargraph/base/result.hpp"

namespace stargraph::serve {

// Loads the allow-list into every thread of the process, for ever. What a daemon could only want when it
// is not ours any more (connect, execve, ptrace, io_uring, ...) ends the process and leaves a SECCOMP record in
// the kernel's audit log; what is merely not on the list fails with EPERM, so that a C library that tries
// something new falls back rather than takes the appliance down. Memory is never executable. kIo.
//
// A build with AddressSanitizer or ThreadSanitizer loads nothing and says so: their runtimes need more calls.
[[nodiscard]] base::Result<> confine();
[[nodiscard]] bool confinement_available();

}  // namespace stargraph::serve
