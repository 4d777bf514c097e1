# The machine: qemu without KVM, one disk, a console, and a line for results; sourced by scripts/appliance.

machine=
end_machine() {
  [ -n "$machine" ] || return 0
  kill -9 "$machine" 2>/dev/null || true
  wait "$machine" 2>/dev/null || true
  machine=
}

# boot NAME IMAGE SECONDS: runs the machine until it ends by itself, asks for its power to be cut (a line CUT), or is too
# late. Every other line it says on that line goes through `heard`. Fails when it never said END or CUT.
boot() {
  local name=$1 image=$2 end=$((SECONDS + $3)) results=$work/$1.results line part= last= began=$SECONDS
  : >"$results"
  qemu-system-x86_64 -name "$name" -M q35 -accel tcg,thread=multi -cpu max -smp 2 -m 2048 -display none -no-reboot -nodefaults \
    -kernel "$work/vmlinuz" -initrd "$work/initrd" \
    -append "root=/dev/vda rw console=ttyS0 security=selinux selinux=1 enforcing=1 audit=1 systemd.show_status=no random.trust_cpu=on $boot_options" \
    -drive "file=$image,if=virtio,format=raw,cache=writethrough" -object rng-random,id=rng0,filename=/dev/urandom -device virtio-rng-pci,rng=rng0 \
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
  wait "$machine" 2>/dev/null || true
  machine=
  step "$name: $((SECONDS - began)) s"
  case $last in
    END | CUT) return 0 ;;
    late) printf 'the machine was too late; the end of its console:\n' >&2 ;;
    *) printf 'the machine ended early; the end of its console:\n' >&2 ;;
  esac
  tail -n 40 "$work/$name.console" >&2
  return 1
}
