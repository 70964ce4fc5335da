#!/bin/sh
# Before the files go. dpkg says "remove", rpm 0 if no version stays.
set -e
case $1 in
remove | 0)
	if [ -d /run/systemd/system ]; then
		systemctl disable --now nsblame-record.service nsblame-serve.service
	else
		systemctl disable nsblame-record.service nsblame-serve.service
	fi
	;;
esac
