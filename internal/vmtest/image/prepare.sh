#!/bin/sh
# Runs before the packages of the guest are installed; $1 is its root.
# An initrd with only what finds the disk boots faster under emulation.
set -eu
mkdir -p "$1/etc/initramfs-tools/conf.d" "$1/etc/initramfs-tools/hooks"
echo MODULES=list >"$1/etc/initramfs-tools/conf.d/vmtest"
cat >"$1/etc/initramfs-tools/hooks/vmtest" <<'HOOK'
#!/bin/sh
[ "$1" != prereqs ] || exit 0
. /usr/share/initramfs-tools/hook-functions
manual_add_modules virtio_pci virtio_blk ext4
HOOK
chmod 755 "$1/etc/initramfs-tools/hooks/vmtest"
