#include "audit/peer.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace stargraph::audit {
namespace {

TEST(AuditPeer, TheKernelSaysWhoItIs) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
  EXPECT_EQ(peer_uid(ends[0]), ::geteuid());
  EXPECT_EQ(peer_uid(-1), std::nullopt);
  EXPECT_EQ(peer_label(-1), "");
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(AuditPeer, RC_S_AUDIT_ALabelFitsByItsTypeOrAsAWhole) {
  constexpr std::string_view kDaemon = "system_u:system_r:stargraphd_t:s0";
  EXPECT_TRUE(label_fits(kDaemon, "stargraphd_t"));
  EXPECT_TRUE(label_fits("system_u:system_r:stargraphd_t", "stargraphd_t"));
  EXPECT_TRUE(label_fits("system_u:system_r:stargraphd_t:s0-s0:c0.c1023", "stargraphd_t"));
  EXPECT_TRUE(label_fits(kDaemon, kDaemon));
  for (const std::string_view other :
       {"system_u:system_r:stargraphd_t2:s0", "system_u:stargraphd_t:init_t:s0", "stargraphd_t", "a:stargraphd_t", "",
        "unconfined", "system_u:system_r:init_t:stargraphd_t"}) {
    EXPECT_FALSE(label_fits(other, "stargraphd_t")) << other;
  }
  EXPECT_FALSE(label_fits(kDaemon, "system_u:system_r:stargraphd_t:s1"));
  EXPECT_FALSE(label_fits(kDaemon, ""));
}

}  // namespace
}  // namespace stargraph::audit
