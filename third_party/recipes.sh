# How each pinned source becomes a static library; sourced by scripts/setup.
#
# A recipe runs in a directory that holds the unpacked archives and installs into $1/include and $1/lib.
# A change of this file changes the cache key, so everything is built again.

cc=${CC:-cc}

hardening=(-O2 -g -fPIC -fstack-protector-strong -fstack-clash-protection -ftrivial-auto-var-init=zero
  -ffunction-sections -fdata-sections -fno-strict-aliasing -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
case $(uname -m) in
  x86_64) hardening+=(-fcf-protection=full) ;;
  aarch64) hardening+=(-mbranch-protection=standard) ;;
esac

# compile NAME OUTPUT FILE [FLAG...]: one third-party C file; its warnings are not ours to fix.
compile() {
  local name=$1 output=$2 file=$3
  shift 3
  "$cc" "${hardening[@]}" "-ffile-prefix-map=$PWD=third_party/$name" -w "$@" -c "$file" -o "$output"
}

# archive LIBRARY OBJECT...: a static library whose bytes depend on its objects only.
archive() {
  mkdir -p "$(dirname "$1")"
  ar crsD "$@"
}

# SQLite's own hardening advice (sqlite.org: "Recommended Compile-time Options", "Defense Against The Dark Arts") and the
# features of the operating system that its configure script would have found. malloc_usable_size() stays out: it does not
# go together with _FORTIFY_SOURCE=3.
sqlcipher_defines=(
  -DSQLITE_HAS_CODEC -DSQLCIPHER_CRYPTO_OPENSSL -DSQLITE_TEMP_STORE=2
  -DSQLITE_THREADSAFE=2 -DSQLITE_DQS=0 -DSQLITE_DEFAULT_MEMSTATUS=0 -DSQLITE_DEFAULT_FOREIGN_KEYS=1
  -DSQLITE_DEFAULT_SYNCHRONOUS=2 -DSQLITE_DEFAULT_WAL_SYNCHRONOUS=2 -DSQLITE_SECURE_DELETE
  -DSQLITE_TRUSTED_SCHEMA=0 -DSQLITE_ENABLE_API_ARMOR -DSQLITE_STRICT_SUBTYPE=1 -DSQLITE_UNTESTABLE
  -DSQLITE_LIKE_DOESNT_MATCH_BLOBS -DSQLITE_MAX_EXPR_DEPTH=200 -DSQLITE_MAX_VARIABLE_NUMBER=1000
  -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_OMIT_SHARED_CACHE -DSQLITE_OMIT_DEPRECATED -DSQLITE_USE_URI=0
  -DHAVE_FDATASYNC=1 -DHAVE_USLEEP=1 -DHAVE_LOCALTIME_R=1 -DHAVE_GMTIME_R=1 -DHAVE_STRCHRNUL=1 -DHAVE_PREAD=1
  -DHAVE_PWRITE=1 -DNDEBUG
)

build_sqlcipher() {
  local prefix=$1
  cd sqlcipher-4.6.1
  # The amalgamation is plain text made by Tcl scripts; configure only finds the tools for that.
  ./configure --disable-tcl --disable-shared --enable-tempstore=yes \
    CFLAGS="-DSQLITE_HAS_CODEC -DSQLCIPHER_CRYPTO_OPENSSL" LDFLAGS=-lcrypto
  make sqlite3.c
  compile sqlcipher sqlite3.o sqlite3.c "${sqlcipher_defines[@]}"
  archive "$prefix/lib/libsqlcipher.a" sqlite3.o
  install -D -m 0644 sqlite3.h "$prefix/include/sqlcipher/sqlite3.h"
  # sqlite3.h guards sqlite3_key() with the macro the library was built with; a reader of the header needs it as well.
  sed -i '1i #ifndef SQLITE_HAS_CODEC\n#define SQLITE_HAS_CODEC 1\n#endif' "$prefix/include/sqlcipher/sqlite3.h"
}

# Debian's patches are applied by name: the series also adds WebDAV methods, which nobody here wants.
civetweb_patches=(CVE-2025-55763.patch 0001-Make-parsing-of-URL-encoded-forms-more-robust.patch)
civetweb_defines=(-DOPENSSL_API_3_0 -DNO_SSL_DL -DUSE_WEBSOCKET -DUSE_IPV6 -DNO_CGI -DNO_POPEN -DNO_CACHING -DNO_FILES
  -DNDEBUG)

build_civetweb() {
  local prefix=$1 patch
  cd civetweb-1.16
  for patch in "${civetweb_patches[@]}"; do
    patch --strip=1 --batch --forward --fuzz=0 <"../debian/patches/$patch"
  done
  compile civetweb civetweb.o src/civetweb.c -Iinclude "${civetweb_defines[@]}"
  archive "$prefix/lib/libcivetweb.a" civetweb.o
  install -D -m 0644 include/civetweb.h "$prefix/include/civetweb.h"
}

# No LINUX define: CLIPS then takes itself for a generic machine and (system ...) does nothing. What the jail never uses is
# not compiled at all; the settings go into the installed setup.h, so that library and users agree on every structure.
clips_settings=(LINUX=0 BLOAD_AND_BSAVE=0 BLOAD=0 BLOAD_ONLY=0 CONSTRUCT_COMPILER=0 OBJECT_SYSTEM=0
  DEFGENERIC_CONSTRUCT=0 TEXTPRO_FUNCTIONS=0 PROFILING_FUNCTIONS=0)

build_clips() {
  local prefix=$1 setting file
  cd clips_core_source_630/core
  {
    for setting in "${clips_settings[@]}"; do printf '#define %s %s\n' "${setting%%=*}" "${setting#*=}"; done
    cat setup.h
  } >setup.h.new
  mv setup.h.new setup.h
  rm -f main.c # the shell's main(); the library has none
  export -f compile
  for file in *.c; do
    printf '%s\0' "$file"
  done | hardening_flags="${hardening[*]}" cc="$cc" xargs -0 -n 16 -P "${jobs:-2}" bash -c '
    set -euo pipefail
    read -r -a hardening <<<"$hardening_flags"
    for file; do compile clips "${file%.c}.o" "$file" -std=c99; done' _
  archive "$prefix/lib/libclips.a" ./*.o
  mkdir -p "$prefix/include/clips"
  install -m 0644 ./*.h "$prefix/include/clips/"
}

# The parser alone: nobody uses cJSON_Utils. Without ENABLE_LOCALES a decimal point is a point whatever the locale says.
build_cjson() {
  local prefix=$1
  cd cJSON-1.7.18
  compile cjson cJSON.o cJSON.c -DNDEBUG
  archive "$prefix/lib/libcjson.a" cJSON.o
  install -D -m 0644 cJSON.h "$prefix/include/cjson/cJSON.h"
}

# The C encoder, which allocates nothing. Its assertions stay in: they guard buffers, and a code is drawn once in a while.
build_qr-code-generator() {
  local prefix=$1
  cd QR-Code-generator-1.8.0/c
  compile qr-code-generator qrcodegen.o qrcodegen.c -std=c99
  archive "$prefix/lib/libqrcodegen.a" qrcodegen.o
  install -D -m 0644 qrcodegen.h "$prefix/include/qrcodegen/qrcodegen.h"
}

# --- smoke tests: each library compiles, links, runs and keeps its one promise --------------------------------------------

# smoke NAME PREFIX [FLAG...]: compiles the program on standard input and runs it in its own folder.
smoke() {
  local name=$1 prefix=$2
  shift 2
  mkdir -p "smoke-$name"
  cat >"smoke-$name/main.c"
  "$cc" -O1 -Wall -Wextra -Werror -isystem "$prefix/include" "smoke-$name/main.c" -o "smoke-$name/main" "$@"
  (cd "smoke-$name" && ./main)
}

smoke_sqlcipher() {
  smoke sqlcipher "$1" "$1/lib/libsqlcipher.a" -lcrypto -lpthread -lm <<'C'
#define _GNU_SOURCE
#include <sqlcipher/sqlite3.h>
#include <stdio.h>
#include <string.h>
static int ok(int rc, const char* what) {
  if (rc != SQLITE_OK) fprintf(stderr, "sqlcipher: %s: %d\n", what, rc);
  return rc == SQLITE_OK;
}
int main(void) {
  sqlite3* db = NULL;
  const char key[] = "x'000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'";
  if (!ok(sqlite3_open("smoke.db", &db), "open") || !ok(sqlite3_key(db, key, (int)strlen(key)), "key")) return 1;
  if (!ok(sqlite3_exec(db, "PRAGMA journal_mode=WAL; CREATE TABLE t(a TEXT) STRICT; INSERT INTO t VALUES('plain words');",
                       NULL, NULL, NULL), "write")) return 1;
  if (!ok(sqlite3_close(db), "close")) return 1;
  char head[4096] = {0};
  FILE* file = fopen("smoke.db", "rb");
  if (file == NULL || fread(head, 1, sizeof head, file) != sizeof head) return 1;
  fclose(file);
  if (memcmp(head, "SQLite format 3", 15) == 0 || memmem(head, sizeof head, "plain words", 11) != NULL) {
    fprintf(stderr, "sqlcipher: the file is not encrypted\n");
    return 1;
  }
  if (sqlite3_libversion_number() < 3046001 || sqlite3_threadsafe() != 2) return 1;
  return 0;
}
C
}

smoke_civetweb() {
  smoke civetweb "$1" "$1/lib/libcivetweb.a" -lssl -lcrypto -lpthread -ldl <<'C'
#include <civetweb.h>
#include <stdio.h>
int main(void) {
  const unsigned wanted = MG_FEATURES_TLS | MG_FEATURES_IPV6 | MG_FEATURES_WEBSOCKET;
  const unsigned refused = MG_FEATURES_FILES | MG_FEATURES_CGI;
  const unsigned got = mg_init_library(wanted);
  if (got != wanted || (mg_check_feature(refused) & refused) != 0) {
    fprintf(stderr, "civetweb: features %#x, wanted %#x\n", got, wanted);
    return 1;
  }
  mg_exit_library();
  return 0;
}
C
}

smoke_cjson() {
  smoke cjson "$1" "$1/lib/libcjson.a" <<'C'
#include <cjson/cJSON.h>
#include <string.h>
int main(void) {
  const char text[] = "{\"a\":[1,\"b\"]} rest";
  cJSON* tree = cJSON_ParseWithLength(text, strlen("{\"a\":[1,\"b\"]}"));
  const cJSON* list = cJSON_GetObjectItemCaseSensitive(tree, "a");
  const int whole = cJSON_GetArraySize(list) == 2 && strcmp(cJSON_GetArrayItem(list, 1)->valuestring, "b") == 0;
  cJSON_Delete(tree);
  return whole && strcmp(cJSON_Version(), "1.7.18") == 0 ? 0 : 1;
}
C
}

smoke_qr-code-generator() {
  smoke qr-code-generator "$1" "$1/lib/libqrcodegen.a" <<'C'
#include <qrcodegen/qrcodegen.h>
int main(void) {
  static uint8_t scratch[qrcodegen_BUFFER_LEN_MAX], symbol[qrcodegen_BUFFER_LEN_MAX];
  if (!qrcodegen_encodeText("0123456789", scratch, symbol, qrcodegen_Ecc_LOW, 1, 1, qrcodegen_Mask_AUTO, false)) return 1;
  // Version 1 is 21 modules wide, and its three finder patterns have dark corners; the fourth corner has none.
  if (qrcodegen_getSize(symbol) != 21) return 1;
  return qrcodegen_getModule(symbol, 0, 0) && qrcodegen_getModule(symbol, 20, 0) && qrcodegen_getModule(symbol, 0, 20) &&
                 !qrcodegen_getModule(symbol, 7, 7)
             ? 0
             : 1;
}
C
}

smoke_clips() {
  smoke clips "$1" "$1/lib/libclips.a" -lm <<'C'
#include <clips/clips.h>
#include <stdio.h>
#include <unistd.h>
int main(void) {
  void* env = CreateEnvironment();
  DATA_OBJECT value;
  EnvBuild(env, "(defrule r (a ?x) => (assert (b (+ ?x 1))))");
  EnvAssertString(env, "(a 1)");
  if (EnvRun(env, -1) != 1) return 1;
  EnvEval(env, "(system \"touch made-by-clips\")", &value);
  if (access("made-by-clips", F_OK) == 0) {
    fprintf(stderr, "clips: (system) ran a command\n");
    return 1;
  }
  DestroyEnvironment(env);
  return 0;
}
C
}
