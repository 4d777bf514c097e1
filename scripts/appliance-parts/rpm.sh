# Source and binary RPMs; sourced by scripts/package.
#
# Debian's rpmbuild makes them. The binary RPMs are for looking at: they are linked with this system's libraries, and an
# RPM for RHEL is built there from the source RPM.

rpms() {
  local top=$out/rpm scratch name file
  have rpmbuild || die "rpm: rpmbuild is not installed (package rpm)"
  rm -rf "$top" && mkdir -p "$top"/{SOURCES,SPECS,BUILD,BUILDROOT,RPMS,SRPMS}
  name=stargraph-$version
  scratch=$(mktemp -d)
  export_source "$scratch/$name"
  # The programs that were built for the .debs, when they are there: enough to look at layout and scriptlets.
  if [ -d "$out/deb" ]; then
    mkdir -p "$scratch/$name/prebuilt" "$scratch/deb"
    for file in "$out"/deb/stargraph*_*.deb; do dpkg-deb --extract "$file" "$scratch/deb"; done
    for file in stargraphd stargraph-auditd; do cp "$scratch/deb/usr/sbin/$file" "$scratch/$name/prebuilt/"; done
    for file in stargraph stargraph-pack stargraph-audit stargraph-worker; do cp "$scratch/deb/usr/bin/$file" "$scratch/$name/prebuilt/"; done
  fi
  local epoch
  epoch=$(git -C "$root" log -1 --format=%ct)
  pack_source() { tar --create --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$epoch" --directory "$scratch" "$@" | gzip -n; }
  pack_source --exclude="$name/prebuilt" "$name" >"$top/SOURCES/$name.tar.gz"
  cp "$root/packaging/rpm/stargraph.spec" "$top/SPECS/"
  step "rpm: source"
  logged "$root/build/log/package-srpm.log" rpmbuild --define "_topdir $top" -bs "$top/SPECS/stargraph.spec" || die "srpm (log: build/log/package-srpm.log)"
  [ -d "$scratch/$name/prebuilt" ] || { rm -rf "$scratch" && step "rpm: no .debs here: the binary RPM was not looked at" && return 0; }
  step "rpm: layout, with the programs of the .debs"
  pack_source "$name" >"$top/SOURCES/$name.tar.gz"
  logged "$root/build/log/package-rpm.log" rpmbuild --define "_topdir $top" --with prebuilt --nodeps -bb "$top/SPECS/stargraph.spec" ||
    die "rpm (log: build/log/package-rpm.log)"
  pack_source --exclude="$name/prebuilt" "$name" >"$top/SOURCES/$name.tar.gz"
  rm -rf "$scratch" "$top/BUILD" "$top/BUILDROOT"
  "$root/tests/packaging/check-rpm" "$top" || die "the RPMs are not as they should be"
}
