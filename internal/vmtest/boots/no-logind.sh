# Nobody subscribes to the signals of the system's manager then, as logind does.
ln -sf /dev/null /etc/systemd/system/systemd-logind.service
ln -sf /dev/null /etc/systemd/system/dbus-org.freedesktop.login1.service
