#!/bin/sh
# After the files are gone. dpkg says "purge" if nothing shall stay; rpm has no such
# thing, and leaves the recordings.
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
fi
if [ "$1" = purge ]; then
	rm -rf /var/lib/nsblame
	if getent passwd nsblame >/dev/null; then
		userdel nsblame
	fi
fi
