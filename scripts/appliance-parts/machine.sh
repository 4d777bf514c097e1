# The machine: qemu without KVM, one disk, a TPM, a console, and a line for results; sourced by scripts/appliance.

# A processor without AVX, BMI and ADX, which cost an emulator more than they save: the self-test of the FIPS module, which
# every program begins with, takes 1.4 s instead of 3.2 s.
processor=max,-avx,-avx2,-bmi1,-bmi2,-adx
# find_machine: sets `qemu` and `swtpm` to how they are run: Debian 13's, from a root of their own. Debian 12's qemu 7.2 needs
# three times as long to start a process in the machine.
find_machine() {
  local home run
  home=$(debian_root machine qemu-system-x86 swtpm) || die "no root for the machine's programs"
  run=(env "QEMU_MODULE_DIR=$home/usr/lib/x86_64-linux-gnu/qemu" "$home/lib64/ld-linux-x86-64.so.2" --library-path "$home/usr/lib/x86_64-linux-gnu")
  qemu=("${run[@]}" "$home/usr/bin/qemu-system-x86_64" -L "$home/usr/share/qemu" -L "$home/usr/share/seabios")
  swtpm=("${run[@]}" "$home/usr/bin/swtpm")
}

machine= tpm=
# begin_tpm NAME: the TPM of that name, made when there is none; it ends with the machine that it is plugged into.
begin_tpm() {
  mkdir -p "$work/tpm-$1"
  rm -f "$work/tpm-$1.socket"
  "${swtpm[@]}" socket --tpm2 --tpmstate "dir=$work/tpm-$1" --ctrl "type=unixio,path=$work/tpm-$1.socket" --terminate >"$work/tpm-$1.log" 2>&1 &
  tpm=$!
  local tries
  for ((tries = 0; tries < 100; tries++)); do
    [ ! -S "$work/tpm-$1.socket" ] || return 0
    sleep 0.1
  done
  die "swtpm did not begin (log: $work/tpm-$1.log)"
}
end_machine() {
  local process
  for process in $machine $tpm; do
    kill -9 "$process" 2>/dev/null || true
    wait "$process" 2>/dev/null || true
  done
  machine= tpm=
}

# boot NAME IMAGE TPM SECONDS: runs the machine, with inside/NAME.sh, until it ends by itself, asks for its power to be cut (a
# line CUT), or is too late. Every other line it says on that line goes through `heard`. Fails when it never said END or CUT.
boot() {
  local name=$1 image=$2 end=$((SECONDS + $4)) results=$work/$1.results line part= last= began=$SECONDS
  : >"$results"
  begin_tpm "$3"
  "${qemu[@]}" -name "$name" -M q35 -accel tcg,thread=multi -cpu "$processor" -smp 2 -m 2048 -display none -no-reboot -nodefaults \
    -kernel "$work/vmlinuz" -initrd "$work/initrd" \
    -append "root=/dev/vda rw console=ttyS0 security=selinux selinux=1 enforcing=1 audit=1 systemd.show_status=no random.trust_cpu=on audit_backlog_limit=8192 acceptance=$name" \
    -drive "file=$image,if=virtio,format=raw,cache=writeback" -object rng-random,id=rng0,filename=/dev/urandom -device virtio-rng-pci,rng=rng0 \
    -chardev "socket,id=tpm,path=$work/tpm-$3.socket" -tpmdev emulator,id=tpm0,chardev=tpm -device tpm-tis,tpmdev=tpm0 \
    -serial "file:$work/$name.console" \
    -device virtio-serial-pci -chardev "file,id=results,path=$results" -device virtserialport,chardev=results,name=results >"$work/$name.qemu" 2>&1 &
  machine=$!
  exec 6<"$results"
  while :; do
    if IFS= read -r line <&6; then
      line=$part$line part=
      case $line in
        CUT) last=CUT && end_machine && break ;;
        END) last=END ;;
        *) heard "$line" ;;
      esac
      continue
    fi
    part=$part$line # the rest of the line is not written yet
    if ! kill -0 "$machine" 2>/dev/null; then
      break
    elif [ "$SECONDS" -ge "$end" ]; then
      last=late && end_machine && break
    else
      sleep 0.3
    fi
  done
  exec 6<&-
  end_machine
  step "$name: $((SECONDS - began)) s"
  case $last in
    END | CUT) return 0 ;;
    late) printf 'the machine was too late; the end of its console:\n' >&2 ;;
    *) printf 'the machine ended early; the end of its console:\n' >&2 ;;
  esac
  tail -n 40 "$work/$name.console" >&2
  return 1
}
