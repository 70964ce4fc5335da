# nsblame begins before any unit that needs the basic system, and is ready
# before these start. The agent adopts it: guest/tracer.go.
cat >/etc/systemd/system/nsblame.service <<UNIT
[Unit]
Description=nsblame from early in the boot
DefaultDependencies=no
After=systemd-modules-load.service
Before=basic.target

[Service]
ExecStart=/opt/vmtest/bin/nsblame trace --ready-file /run/nsblame.ready --exec-wait 10s --attach $ATTACH --output json ${RECORD:+--record /run/nsblame.recording.avro}
ExecStartPost=/bin/sh -c 'until [ -e /run/nsblame.ready ]; do kill -0 \$MAINPID && sleep 0.1 || exit 1; done'
# If it fails before there is an agent, the console tells why.
ExecStopPost=/bin/cp /run/nsblame.stderr /dev/console
StandardOutput=file:/run/nsblame.stdout
StandardError=file:/run/nsblame.stderr
UNIT

# A unit of the boot that has a network namespace of its own.
cat >/etc/systemd/system/booted.service <<'UNIT'
[Unit]
Description=Has a network of its own, from the boot on

[Service]
Type=oneshot
RemainAfterExit=yes
PrivateNetwork=yes
ExecStart=/bin/true
UNIT

wanted() {
	mkdir -p "/etc/systemd/system/$2.wants"
	ln -sf "../$1" "/etc/systemd/system/$2.wants/$1"
}
wanted nsblame.service basic.target
wanted booted.service multi-user.target
