# Run in a guest by record.sh: makes the recordings and prints them as an archive.
hostname web1

# record NAME: starts a recording and waits until it is under way.
record() {
	rm -f /run/ready
	# an emulated machine is slow, so the exec that follows is waited for longer
	nsblame record -o "$1.avro" --exec-wait 10s --ready-file /run/ready &
	recorder=$!
	until [ -e /run/ready ]; do
		kill -0 "$recorder"
		sleep 0.1
	done
}

# finish ends it in good order.
finish() {
	kill -INT "$recorder"
	wait "$recorder"
}

# A person restarts a service three times.
cat >/etc/systemd/system/web.service <<'END'
[Service]
Type=exec
PrivateNetwork=yes
ExecStart=/bin/sleep infinity
END
cat >/usr/local/sbin/deploy <<'END'
#!/bin/sh
for n in 1 2 3; do
	systemctl restart web.service
	sleep 1
done
END
chmod +x /usr/local/sbin/deploy
systemctl daemon-reload
record start-systemctl
systemd-run --quiet --wait --unit=login-shell --property=PAMName=login --uid=0 /bin/sh -lc /usr/local/sbin/deploy
systemctl stop web.service
finish

# A service that fails two seconds after each start.
cat >/etc/systemd/system/worker.service <<'END'
[Unit]
StartLimitIntervalSec=0
[Service]
PrivateNetwork=yes
Restart=always
RestartSec=1
ExecStart=/bin/sh -c 'sleep 2; exit 3'
END
systemctl daemon-reload
systemctl start worker.service
record crash-loop
until [ "$(systemctl show --value --property=NRestarts worker.service)" -ge 8 ]; do sleep 0.1; done
finish
systemctl stop worker.service

# The seed case: cron compares the host name each minute. It begins once nsblame
# sees it.
systemctl stop systemd-hostnamed
record hostnamectl
cat >/etc/cron.d/backup-guard <<'END'
* * * * * root test "$(hostnamectl --static)" = primary && /usr/local/sbin/backup
END
for n in 1 2 3 4 5; do
	until systemctl is-active --quiet systemd-hostnamed; do sleep 0.5; done
	while systemctl is-active --quiet systemd-hostnamed; do sleep 0.5; done
done
finish

echo '--- examples ---'
tar -cz -- *.avro | base64
echo '--- end ---'
