# A user floods all that he can, for $MINUTES minutes, while cron goes on to run
# hostnamectl. It prints how large nsblame is, and in the end what it said.
attack() {
	setpriv --reuid alice --regid alice --clear-groups attacker "$@" >"told-$1" &
	until grep -q ready "told-$1"; do sleep 0.1; done
}

install -d -o alice -g alice -m 700 /run/user/1000
seed start
nsblame trace --output json --ready-file ready >stream &
tracer=$!
until [ -e ready ]; do
	kill -0 $tracer # fails, and ends this script, if nsblame has failed
	sleep 0.1
done
attack own-flood 200
for verb in names pieces unsent no-reply forged; do attack "$verb"; done

end=$(($(date +%s) + 60 * ${MINUTES:-10}))
while [ "$(date +%s)" -lt "$end" ]; do
	seed cycle 5
	awk -v "at=$(date +%T)" '/^Vm(RSS|HWM)/ { line = line " " $1 " " $2 } END { print at line " kB" }' "/proc/$tracer/status"
done
begin=$(date +%s%3N)
kill -INT $tracer
wait $tracer || true
echo "ended in $(($(date +%s%3N) - begin)) ms"
tail -qn 1 told-own-flood
echo "origins of what was created:"
grep '"type":"netns_create"' stream | sed -n 's/.*"origin":{\(.*\)/\1/p' | grep -o '"trigger":"[a-z]*","evidence":"[a-z]*"' | sort | uniq -c
echo "losses:"
grep '"type":"loss"' stream | sed 's/.*"kind"/"kind"/; s/"count":[0-9]*,*//' | sort | uniq -c
tail -n 1 stream
# or the VM would wait for them
pkill -u alice attacker
