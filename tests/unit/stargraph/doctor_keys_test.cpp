// Whether the keys lie sealed, and to what.
#include "unit/stargraph/made_up_machine.hpp"

namespace stargraph::cli {
namespace {

TEST_F(Doctor, SeesAKeyThatIsNotSealed) {
  for (const char* open :
       {"state:\n  key_file: /etc/stargraph/state.key\n", "state: {directory: /var/lib/stargraph, key_file: /srv/k}\n",
        "\"audit\":\n  \"key_file\": /srv/k\n", "tls: [{key_file: /srv/k}]\n", "state: {key_file: /srv/k\n"}) {
    write("/etc/stargraph/stargraph.yaml", open, 0640);
    EXPECT_EQ(state("sealed-keys"), WallState::kAbsent) << open;
  }
  write("/etc/stargraph/stargraph.yaml", "profile: cleared", 0640);
  EXPECT_EQ(state("sealed-keys"), WallState::kHeld);
  fs::remove(at("/etc/credstore.encrypted/stargraph-state-key"));
  EXPECT_EQ(state("sealed-keys"), WallState::kAbsent);
}

constexpr auto kKeys = std::to_array<const char*>({"stargraph-audit-key", "stargraph-state-key", "stargraph-tls-key"});

class DoctorsKeys : public Doctor {
 protected:
  void seal(const std::string& text, mode_t mode = 0600) {
    for (const char* key : kKeys) write(std::string("/etc/credstore.encrypted/") + key, text, mode);
  }
};

// Made by systemd-creds(1) 252 of five bytes, with --with-key=host and =tpm2-absent.
constexpr const char* kByHost =
    "Whxqht+dQJax1aZeCGLxmiAAAAABAAAADAAAABAAAAB/Vee1BrCFljArmzAAAAAAa1pk+3PlsUKM+Wh\n"
    "aGL8U+Uvh0F19nr0rwS0hxVo+gtRVbqaWtEc/1z5ogr67Jg==\n";
constexpr const char* kByNull =
    "BYRp2vb1QySABUnaD46i+yAAAAABAAAADAAAABAAAAD2biN+B/Sr5QIpkakAAAAAiu2hWO4LOrg6Eye\n"
    "gtD+3c7nJfWrvWAOxUQoYTwuNqduZIWrSUcqBL7QmqOujOw==\n";

TEST_F(DoctorsKeys, SG_I_STATE_SeesAKeyInThePlaceOfItsSeal) {
  for (const std::string& open :
       {std::string("plain"), std::string(32, 'k'), std::string(), base::to_base64(base::Bytes(200)),
        std::string("-----BEGIN PRIVATE KEY-----\nMIG2\n-----END PRIVATE KEY-----\n"),
        "WhxqhtAdQJax1aZeCGLxmg==" + std::string("plain")}) {
    write("/etc/credstore.encrypted/stargraph-audit-key", open);
    EXPECT_EQ(state("sealed-keys"), WallState::kAbsent) << open;
    EXPECT_NE(detail("sealed-keys").find("stargraph-audit-key"), std::string::npos);
    EXPECT_EQ(state("tpm"), WallState::kAbsent);
  }
}

TEST_F(DoctorsKeys, SG_I_STATE_TheNullKeySealsNothing) {
  seal(kByNull);
  EXPECT_EQ(state("sealed-keys"), WallState::kAbsent);
  EXPECT_NE(detail("sealed-keys").find("null key"), std::string::npos) << detail("sealed-keys");
  EXPECT_EQ(state("tpm"), WallState::kAbsent);
}

TEST_F(DoctorsKeys, OnlyASealOfTheSystemCountsAndOneThatIsNotKnownIsNotHeld) {
  seal(sealed("ef4ac13679a9480ea7db68897f9f165d"));  // of a user
  EXPECT_EQ(state("sealed-keys"), WallState::kAbsent);
  seal(sealed("00112233445566778899aabbccddeeff"));
  EXPECT_EQ(state("sealed-keys"), WallState::kUnseen);
  EXPECT_EQ(state("tpm"), WallState::kUnseen);
}

TEST_F(DoctorsKeys, SaysToWhatTheKeysAreSealedWhateverDeviceThereIs) {
  write("/dev/tpmrm0", "");
  seal(kByHost);
  EXPECT_EQ(state("sealed-keys"), WallState::kHeld) << detail("sealed-keys");
  EXPECT_EQ(state("tpm"), WallState::kAbsent);
  EXPECT_NE(detail("tpm").find("whoever has the whole disk"), std::string::npos) << detail("tpm");
  EXPECT_EQ(doctor_exit_code(look()), base::kExitDone);  // told, not needed
  for (const std::string_view kind :
       {kHostAndTpm, std::string_view("af4950a849134eb1a73846304ff30c05"),
        std::string_view("0c7cc07b117645919c4b0bea08bc20fe"), std::string_view("faf7eb9341e3412ca1a436f95a29362f")}) {
    seal(sealed(kind));
    EXPECT_EQ(state("sealed-keys"), WallState::kHeld) << kind;
    EXPECT_EQ(state("tpm"), WallState::kHeld) << kind;
  }
  write("/etc/credstore.encrypted/stargraph-tls-key", kByHost);
  EXPECT_EQ(state("sealed-keys"), WallState::kHeld);
  EXPECT_EQ(state("tpm"), WallState::kAbsent);
}

TEST_F(DoctorsKeys, SG_I_STATE_ASealIsRootsAloneAndSoIsItsFolder) {
  env_->give("/etc/credstore.encrypted/stargraph-state-key", 65534, 65534);
  EXPECT_EQ(state("sealed-keys"), WallState::kAbsent);
  env_->give("/etc/credstore.encrypted/stargraph-state-key", 0, 0);
  EXPECT_EQ(state("sealed-keys"), WallState::kHeld);
  seal(sealed(kHostAndTpm), 0640);
  EXPECT_EQ(state("sealed-keys"), WallState::kAbsent);
  seal(sealed(kHostAndTpm), 0400);
  EXPECT_EQ(state("sealed-keys"), WallState::kHeld);
  env_->give("/etc/credstore.encrypted", 1000, 1000);
  EXPECT_EQ(state("sealed-keys"), WallState::kAbsent);
  fs::remove_all(at("/etc/credstore.encrypted"));
  EXPECT_EQ(state("sealed-keys"), WallState::kAbsent);
}

TEST_F(DoctorsKeys, LooksAtTheCredentialsThatTheConfigurationNames) {
  write("/etc/stargraph/stargraph.yaml", "state: {key_credential: other-key}\n", 0640);
  EXPECT_EQ(state("sealed-keys"), WallState::kAbsent);
  write("/etc/credstore.encrypted/other-key", kByHost);
  EXPECT_EQ(state("sealed-keys"), WallState::kHeld);
  write("/etc/stargraph/stargraph.yaml", "state: {key_credential: ../credstore.encrypted/other-key}\n", 0640);
  EXPECT_EQ(state("sealed-keys"), WallState::kAbsent);
}

}  // namespace
}  // namespace stargraph::cli
