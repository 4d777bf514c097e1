// Until when TLS lets anybody in.
#include "unit/stargraph/made_up_machine.hpp"

namespace stargraph::cli {
namespace {

TEST_F(Doctor, SaysUntilWhenTheCertificatesAndTheListStand) {
  for (const char* name : {"server-certificate", "client-ca", "client-revocations"}) {
    EXPECT_EQ(state(name), WallState::kHeld) << detail(name);
    EXPECT_EQ(detail(name).find("WARNING"), std::string::npos) << detail(name);
    EXPECT_NE(detail(name).find("O=Site"), std::string::npos) << detail(name);
  }
}

// The daemon asks for a list that stands, of every client: after its end nobody gets in.
TEST_F(Doctor, SG_D_HTTP_WarnsOfTheEndOfTheClientsListAndSeesIt) {
  skew_ = std::chrono::days(23) - std::chrono::hours(1);
  EXPECT_EQ(detail("client-revocations").find("WARNING"), std::string::npos) << detail("client-revocations");
  skew_ = std::chrono::days(23) + std::chrono::hours(1);
  EXPECT_EQ(state("client-revocations"), WallState::kHeld);
  EXPECT_NE(detail("client-revocations").find("WARNING"), std::string::npos) << detail("client-revocations");
  EXPECT_NE(detail("client-revocations").find("in 6 days"), std::string::npos) << detail("client-revocations");
  skew_ = std::chrono::days(30) + std::chrono::hours(1);
  EXPECT_EQ(state("client-revocations"), WallState::kAbsent);
  write("/etc/stargraph/clients.crl.pem", "no list\n", 0644);
  skew_ = std::chrono::hours(1);
  EXPECT_EQ(state("client-revocations"), WallState::kAbsent);
  EXPECT_EQ(doctor_exit_code(look()), base::kExitFailed);
}

TEST_F(Doctor, SeesAListThatCountsOnlyLaterOrThatTheClientsAuthorityDidNotSign) {
  skew_ = -std::chrono::days(1);
  EXPECT_EQ(state("client-revocations"), WallState::kAbsent);
  skew_ = std::chrono::hours(1);
  write("/etc/stargraph/clients.crl.pem", Papers::of_this_site().strange_list, 0644);
  EXPECT_EQ(state("client-revocations"), WallState::kAbsent);
  EXPECT_NE(detail("client-revocations").find("signed by no client CA"), std::string::npos);
}

TEST_F(Doctor, SaysThatNoListIsConfiguredAndNeedsNone) {
  write("/etc/stargraph/stargraph.yaml", "profile: cleared\n", 0640);
  EXPECT_EQ(state("client-revocations"), WallState::kAbsent);
  EXPECT_NE(detail("client-revocations").find("tls.crl"), std::string::npos);
  EXPECT_EQ(doctor_exit_code(look()), base::kExitDone);
}

TEST_F(Doctor, WarnsOfTheEndOfTheServersCertificateAndSeesIt) {
  skew_ = std::chrono::days(336);
  EXPECT_EQ(state("server-certificate"), WallState::kHeld);
  EXPECT_NE(detail("server-certificate").find("WARNING"), std::string::npos) << detail("server-certificate");
  skew_ = std::chrono::days(366);
  EXPECT_EQ(state("server-certificate"), WallState::kAbsent);
  EXPECT_EQ(state("client-ca"), WallState::kHeld);
  fs::remove(at("/etc/stargraph/server.pem"));
  skew_ = std::chrono::hours(1);
  EXPECT_EQ(state("server-certificate"), WallState::kAbsent);
}

TEST_F(Doctor, SeesTheEndOfOneClientAuthorityAmongOthers) {
  skew_ = std::chrono::days(366);
  write("/etc/stargraph/clients.ca.pem", Papers::of_this_site().authority + Papers::of_this_site().server, 0644);
  EXPECT_EQ(state("client-ca"), WallState::kAbsent);
  EXPECT_NE(detail("client-ca").find("appliance.site"), std::string::npos) << detail("client-ca");
}

TEST_F(Doctor, SaysNothingOfCertificatesThatItIsNotToldOf) {
  fs::remove(at("/etc/stargraph/stargraph.yaml"));
  EXPECT_EQ(state("server-certificate"), WallState::kUnseen);
  EXPECT_EQ(state("client-revocations"), WallState::kUnseen);
}

}  // namespace
}  // namespace stargraph::cli
