# The disk of the machine: a labelled file system with the packages installed; sourced by scripts/appliance.

image_packages=(systemd-sysv dbus udev kmod linux-image-cloud-amd64 initramfs-tools selinux-basics selinux-policy-default
  policycoreutils policycoreutils-python-utils semodule-utils selinux-utils setools auditd openssl openssl-provider-fips curl
  jq python3-minimal iproute2 procps login passwd libseccomp2 libsodium23 libyaml-0-2 libcurl4t64 libre2-11
  libsystemd0 libtss2-esys-3.0.2-0t64 libtss2-mu-4.0.1-0t64 libtss2-rc0t64 libtss2-tcti-device0t64)

# make_tree FOLDER PACKAGES: the base system with the acceptance in /acceptance and the packages on the stick.
make_tree() {
  local tree=$1 packages=$2 base
  base=$(debian_root appliance "${image_packages[@]}")
  rm -rf --one-file-system "$tree"
  cp -a --reflink=auto "$base" "$tree"
  rm -rf "$tree"/var/cache/apt/archives/*.deb "$tree"/var/lib/apt/lists/* "$tree"/usr/share/doc "$tree"/usr/share/locale
  mkdir -p "$tree/acceptance" "$tree/media/stick/packages"
  cp "$packages"/*.deb "$packages/packages.sha256" "$tree/media/stick/packages/"
  cp -r "$root/scripts/appliance-parts/inside/." "$root/tests/packaging/check-selinux" "$tree/acceptance/"
  extract_guide "$root/docs/air-gap-guide.md" "$tree/acceptance/guide"
}

# extract_guide FILE FOLDER: each shell block of the guide as FOLDER/NN-SCENE; those of the builder run elsewhere.
extract_guide() {
  mkdir -p "$2"
  awk -v folder="$2" '
    /^```/ && on { on = 0; next }
    /^```/ && $0 !~ /^```sh [a-z0-9-]+$/ { print FILENAME ":" FNR ": a block without a scene: " $0 > "/dev/stderr"; exit 1 }
    /^```/ { on = 1; file = $2 == "builder" ? "/dev/null" : sprintf("%s/%02d-%s", folder, ++n, $2); next }
    on { print > file }' "$1"
}

# install_packages FOLDER: the guide's first scenes, in that root, without a network and without starting anything; their lines.
install_packages() {
  printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d" && chmod 0755 "$1/usr/sbin/policy-rc.d"
  unshare --mount --pid --net --fork --kill-child bash -euo pipefail -c '
    mount --make-rprivate / && mount -t proc proc "$1/proc"
    chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 /bin/bash /acceptance/installation.sh
    chroot "$1" dpkg --audit' _ "$1"
  rm "$1/usr/sbin/policy-rc.d"
}

# check_laws FOLDER: of the SELinux policy in that root, which is left as it is.
check_laws() {
  unshare --mount --pid --net --fork --kill-child bash -euo pipefail -c '
    mount --make-rprivate / && mount -t proc proc "$1/proc" && mount -t tmpfs tmpfs "$1/tmp"
    chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 /bin/bash /acceptance/laws.sh' _ "$1" &
  wait $!
}

# furnish FOLDER: what makes the tree this test's machine.
furnish() {
  local tree=$1
  printf 'stargraph-appliance\n' >"$tree/etc/hostname"
  printf '127.0.0.1 localhost stargraph-appliance appliance.site\n::1 localhost\n' >"$tree/etc/hosts"
  printf '/dev/vda / ext4 defaults 0 1\n' >"$tree/etc/fstab"
  printf 'SELINUX=enforcing\nSELINUXTYPE=default\n' >"$tree/etc/selinux/config"
  printf '5f1d7a3c9be04c5aa1d2c3b4e5f60718\n' >"$tree/etc/machine-id"
  chmod 0755 "$tree/acceptance/run"
  install -D -m 0644 "$root/scripts/appliance-parts/inside/acceptance.service" "$tree/etc/systemd/system/acceptance.service"
  ln -sf /etc/systemd/system/acceptance.service "$tree/etc/systemd/system/multi-user.target.wants/acceptance.service"
  # What takes two seconds on a machine may take minutes on an emulated one whose host is busy.
  mkdir -p "$tree/etc/systemd/system.conf.d"
  printf '[Manager]\nDefaultTimeoutStartSec=300s\n' >"$tree/etc/systemd/system.conf.d/emulated.conf"
  local unit
  for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer e2scrub_reap.service \
    selinux-autorelabel-mark.service systemd-networkd-wait-online.service; do
    ln -sf /dev/null "$tree/etc/systemd/system/$unit"
  done
}

# label FOLDER: as the policy that is installed in it says.
label() {
  chroot "$1" setfiles -F -e /proc -e /sys -e /dev /etc/selinux/default/contexts/files/file_contexts / 2>&1 |
    grep -vE '^(setfiles: |$)' | tail -n 5 || true
}

# make_disk FOLDER IMAGE
make_disk() {
  rm -f "$2"
  mkfs.ext4 -q -F -E lazy_itable_init=1,lazy_journal_init=1 -L appliance -d "$1" "$2" 3G
}
