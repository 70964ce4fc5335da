#!/bin/sh
# After the files are there. dpkg says "configure" and the version before, rpm how
# many versions there are now.
set -e
systemd-sysusers nsblame.conf
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	# A recording goes on with the new version.
	systemctl try-restart nsblame-record.service nsblame-serve.service
fi
