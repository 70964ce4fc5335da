# The seed case: a job in /etc/cron.d compares the host name each minute, and
# each time a network namespace comes into being. Whose is it?
say() { echo "$*" >&2; }

nsblame trace --tree --count 1 --ready-file /run/nsblame-ready &
tracer=$!
until [ -e /run/nsblame-ready ]; do
	kill -0 $tracer # fails, and ends this script, if nsblame has failed
	sleep 0.1
done

cat >/etc/cron.d/backup-guard <<'CRON'
* * * * * root test "$(hostnamectl --static)" = primary && /usr/local/sbin/backup
CRON
say
say "In the guest, /etc/cron.d/backup-guard:"
say "    $(cat /etc/cron.d/backup-guard)"
say "nsblame trace --tree is attached. Waiting for cron's minute (up to 60 s) ..."
say
wait $tracer
