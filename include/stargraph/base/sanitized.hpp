// SG_SANITIZED: 1 in a build with AddressSanitizer or ThreadSanitizer, else 0. They need address space and system calls
// that our walls refuse, so such a build leaves those walls out. GCC defines a macro for it, Clang before 21 a feature.
#pragma once

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SG_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SG_SANITIZED 1
#endif
#endif
#ifndef SG_SANITIZED
#define SG_SANITIZED 0
#endif
